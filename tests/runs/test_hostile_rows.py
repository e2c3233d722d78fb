"""Rows that somebody wrote by hand: data is only data, and what does not fit fails closed, naming the row."""

from __future__ import annotations

import json
import pickle
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from guideway import START, Anyone, End, Flow, GuidewayError, JournalBroken, approval, compute, on, tool
from guideway.runs.store import SqliteStore
from tests import house
from tests.runs.test_promises_decisions import reseal

DONE, GONE = End("done"), End("gone", verdict="failed")
MADE: list[object] = []


class Owned:
    """Whoever makes one of these has looked up a name that stood in a row."""

    def __init__(self, *_: object, **__: object) -> None:
        MADE.append(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return Owned, ()


class Desk(BaseModel):
    """The state."""

    a: int = 0
    free: Any = None


@compute(writes="a")
def count(a: int) -> int:
    return a + 1


@tool(effect="once", stakes="high", timeout=5.0, writes="free")
def pay(a: int) -> str:
    return "paid"


lead = approval("lead", within="1h", denied=GONE, expired=GONE)
desk = Flow("hostile-desk", state=Desk, edges=[on(START, count), on(count, lead >> pay), on(pay, DONE)])


def app(store: str | None = None) -> Any:
    """The App, for the command line."""
    return desk.compile(store=store, roles=Anyone())


@pytest.fixture
def store(tmp_path):
    """A store with a run, r, that waits for a lead: started, step, asked."""
    path = str(tmp_path / "desk.db")
    with app(path) as opened:
        assert opened.start({}, run_id="r", by="web").status == "waiting"
    return path


def rewritten(store: str, number: int, **columns: Any) -> None:
    """Writes an event's row by hand, as nobody may."""
    with sqlite3.connect(store) as db:
        for name, value in columns.items():
            db.execute(f"update events set {name} = ? where key & 4294967295 = ?", (value, number))
    db.close()


def body_of(store: str, number: int) -> dict[str, Any]:
    """An event's body."""
    db = sqlite3.connect(store)
    found = db.execute("select body from events where key & 4294967295 = ?", (number,)).fetchone()[0]
    db.close()
    return json.loads(found)


def held(store: str) -> list[Any]:
    """All that the store says of runs, events, requests and effects, but for who drives and the time of it."""
    db = sqlite3.connect(store)
    tables = {"runs": "id, status, verdict, ending, error", "events": "*", "requests": "*", "effects": "*"}
    found = [db.execute(f"select {columns} from {table}").fetchall() for table, columns in tables.items()]
    db.close()
    return found


def changed(number: int, **parts: Any) -> Any:
    """A change of some parts of an event's body; None takes a part away."""

    def change(store: str) -> None:
        body = {name: value for name, value in (body_of(store, number) | parts).items() if value is not None}
        rewritten(store, number, body=json.dumps(body))

    return change


HOSTILE = {
    "an unknown kind": (2, lambda store: rewritten(store, 2, kind="become_root")),
    "a truncated body": (2, lambda store: rewritten(store, 2, body='{"node": "count", "ki')),
    "no object": (2, lambda store: rewritten(store, 2, body='[1, "x"]')),
    "no JSON": (2, lambda store: rewritten(store, 2, body="\x80\x04\x95")),
    "a number that is none": (2, lambda store: rewritten(store, 2, body='{"node": NaN}')),
    "an empty body": (2, lambda store: rewritten(store, 2, body="")),
    "no body": (2, lambda store: rewritten(store, 2, body=None)),
    "a state of another type": (1, changed(1, state={"a": {"$": "Owned"}, "free": None})),
    "a state that is a list": (1, changed(1, state=[1, 2])),
    "a state with too little": (1, changed(1, state=None)),
    "a delta for a field that is gone": (2, changed(2, delta={"gone": 1})),
    "a delta of the wrong type": (2, changed(2, delta={"a": "many"})),
    "a delta that is a text": (2, changed(2, delta="a")),
    "deltas that are none": (2, changed(2, deltas=[1])),
    "spending of the wrong type": (2, changed(2, spent="much")),
    "no position": (2, changed(2, to=None)),
    "a position that is none": (2, changed(2, to={"gate": 7})),
    "a position of many types": (2, changed(2, to=[])),
    "a branch that nothing opened": (2, changed(2, branch="9b9.9i9")),
    "a branch that is a number": (2, changed(2, branch=7)),
    "a count that is a number": (2, changed(2, counted=3)),
    "a request without an id": (3, changed(3, request=None)),
    "a sealed key that is none": (1, changed(1, sealed="gAAAAA")),
    "a sealed key of nobody": (1, changed(1, sealed={"$secret": "gAAAAA"})),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_does_not_fit_fails_closed(store, name):
    """Looking at it, going on with it and listing it say which run and which event; nothing runs or is written."""
    number, change = HOSTILE[name]
    change(store)
    before = held(store)
    with app(store) as opened:
        for call in (opened.get, opened.resume):
            with pytest.raises(GuidewayError, match=rf"event {number}\b") as refused:
                call("r")
            assert isinstance(refused.value, JournalBroken) or "sealed" in name
        with pytest.raises(GuidewayError, match="r"):
            opened.fork("r", at=1, by="web")
    assert held(store) == before


@pytest.mark.parametrize("name", HOSTILE)
def test_the_command_line_tells_it_without_a_traceback(store, name, capsys):
    """A command on such a run ends with 0, or with 1 and one message that is no traceback; nothing is written."""
    from guideway.cli.program import run

    HOSTILE[name][1](store)
    before = held(store)
    for command in ("resume", "show", "log"):
        status = run([command, f"{Path(__file__)}:app", "r", "--store", store])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert status == 1 if command == "resume" else status in (0, 1)
        assert (err == "") == (status == 0), err
        assert "Add --traceback" not in err, err
    assert held(store) == before


LURES = {
    "langchain": {"lc": 1, "type": "constructor", "id": ["tests", "runs", "test_hostile_rows", "Owned"], "kwargs": {}},
    "langgraph": {"$": "Owned", "v": []},
    "reduce": {"__reduce__": ["tests.runs.test_hostile_rows.Owned", []], "__class__": "Owned"},
    "jsonpickle": {"py/object": "tests.runs.test_hostile_rows.Owned"},
    "yaml": "!!python/object/new:tests.runs.test_hostile_rows.Owned []",
    "pickle": pickle.dumps(Owned()).decode("latin-1"),
}


@pytest.mark.parametrize("name", LURES)
def test_a_lure_is_data(store, name):
    """What would make an object in a reader of pickles or of constructors is, in a state, the data that it is."""
    MADE.clear()
    changed(2, delta={"a": 1, "free": LURES[name]})(store)
    with SqliteStore(store) as forged:
        reseal(forged, "r")
    with app(store) as opened:
        assert opened.get("r").state.free == LURES[name]
        opened.approve(opened.inbox()[0], by="ann")
        assert opened.resume("r").status == "ended"
    assert MADE == []


def test_a_checkpoint_that_is_a_pickle_is_not_read(store):
    """A snapshot in place of LangGraph's, whatever its bytes are, makes no object and changes nothing of the run."""
    MADE.clear()
    with sqlite3.connect(store) as db:
        db.execute("update checkpoints set data = ?, writes = ?", (pickle.dumps(Owned()), pickle.dumps(Owned())))
    db.close()
    MADE.clear()
    with app(store) as opened:
        opened.approve(opened.inbox()[0], by="ann")
        try:
            assert opened.resume("r").status == "ended"
        except GuidewayError as error:
            assert "checkpoint" in str(error) or "snapshot" in str(error)  # noqa: PT017  # one of two good ends
    assert MADE == []


def test_nothing_is_unpickled_and_no_name_is_looked_up():
    """No module of the library reads pickles or runs text, and none imports what a row could name."""
    words = ("pickle", "marshal", "shelve", "dill", "jsonpickle")
    for name in house.library():
        text = (house.ROOT / name).read_text() if hasattr(house, "ROOT") else Path(name).read_text()
        lines = [line for line in text.splitlines() if line.lstrip().startswith(("import ", "from "))]
        assert not [line for line in lines if any(word in line.split() for word in words)], name
        assert "eval(" not in text.replace("literal_eval(", ""), name
        assert "exec(" not in text.replace("_exec(", ""), name
        if name.startswith(("runs/", "flows/", "guards/")):
            assert "import_module" not in text, name
            assert "locate(" not in text, name
