"""Bad input: one clear message on the error stream, an exit status, no traceback, and nothing half-written."""

from __future__ import annotations

import json
import os
import sqlite3

import pytest

from guideway.runs.store import SqliteStore

from .conftest import REFUND

UNKNOWN = "there is no run 'nope'"
MODULE = """
from pydantic import BaseModel
from guideway import *
class State(BaseModel):
    confidence: float = 0.0
    text: str = ""
t = fields(State)
@compute(writes="text")
def work(text: str) -> str:
    return text
done = End("done")
"""
BAD_FLOWS = {
    "field": (
        "when(t.confidance < 1) >> done",
        "field.py:12: UnknownField: t.confidance: the state State has no field",
    ),
    "twice": (
        "Flow('f', state=State, edges=[on(START, work), on(work, done), on(work, done)])",
        "twice.py:12: FlowError: two rows start at 'work'",
    ),
    "gate": (
        "Flow('f', state=State, edges=[on(START, work), on(work, approval('lead') >> done)])",
        "gate.py:12: GateError: ",
    ),
    "effect": ("@tool(writes='text')\ndef pay(text: str) -> str: ...", "effect.py:12: NodeError: "),
    "node": (
        "@compute(writes='nothing')\ndef other(text: str) -> str: ...\n"
        "flow = Flow('f', state=State, edges=[on(START, other), on(other, done)])",
        "'nothing'",
    ),
}

USAGE = [
    (("check", "nowhere.py:flow"), "there is no file nowhere.py"),
    (("check", "nowhere:flow"), "there is no module 'nowhere'"),
    (("check", "desks:refund_dsk"), "Did you mean 'refund_desk'?"),
    (("check", "refund_desk"), "names no flow"),
    (("check",), "Missing argument"),
    (("check", "desks:asking", "--strikt"), "No such option"),
    (("chekc", "desks:asking"), "No such command 'chekc'"),
    (("run", "desks:refund_desk", REFUND), "is a Flow, and what runs is an App"),
    (("run", "desks:Talk", "{}"), "is the class Talk, not an App"),
    (("run", "desks:nothing", "{}"), "gave a NoneType, not an App"),
    (("run", "desks:demanding", "{}"), "needs region"),
    (("run", "desks:fixed", "{}", "--store", "x.db"), "give the function a parameter `store`"),
    (("run", "desks:app", '{"message": '), "the input is not JSON"),
    (("run", "desks:app", '{"message": NaN}'), "NaN is no number of JSON"),
    (("run", "desks:app", "[1]"), "must be a JSON object"),
    (("run", "desks:app", "@nowhere.json"), "nowhere.json cannot be read"),
    (("runs", "--status", "sleeping"), "there is no status 'sleeping'"),
    (("runs", "--limit", "0"), "--limit"),
    (("log", "a", "b", "c"), "3 names were given"),
    (("settle", "desks:sender", "r"), "one of --result JSON, --not-done and --give-up"),
    (("settle", "desks:sender", "r", "--not-done", "--give-up"), "one of --result JSON"),
    (("settle", "desks:sender", "r", "--result", "x"), "--result is not JSON"),
    (("approve", "desks:app", "r.1", "--json"), "--json asks nobody: add --yes"),
    (("draw", "desks:asking", "no/where.svg"), "cannot write 'no/where.svg': there is no folder 'no'"),
    (("draw", "desks:asking", "picture.odd"), "there is no format 'odd' to draw"),
]
ERRORS = [
    (("run", "desks:app", '{"mesage": "x"}'), "StateInvalid: the input has 'mesage'"),
    (("run", "desks:app", '{"message": 3}'), "StateInvalid: the input does not fit the state Ticket: message"),
    (("run", "desks:app", "{}"), "StateInvalid: the input does not fit the state Ticket: message"),
    (("run", "desks:app", REFUND, "--run-id", "r"), "RunExists"),
    (("run", "desks:app", REFUND, "--run-id", "a b"), "run_id='a b'"),
    (("run", "desks:no_roles", REFUND), "compile needs roles="),
    (("run", "desks:no_model", REFUND), "there is no model 'default'"),
    (("resume", "desks:app", "nope"), UNKNOWN),
    (("resume", "desks:asker", "r"), "is of flow 'refund-desk', not of 'asking'"),
    (("retry", "desks:app", "nope"), UNKNOWN),
    (("retry", "desks:app", "r"), "RunNotReady"),
    (("show", "nope"), UNKNOWN),
    (("log", "nope"), UNKNOWN),
    (("verify", "nope"), UNKNOWN),
    (("cancel", "nope"), UNKNOWN),
    (("runs", "--after", "nope"), UNKNOWN),
    (("settle", "desks:app", "nope", "--not-done"), UNKNOWN),
    (("settle", "desks:app", "r", "--not-done"), "RunNotReady"),
    (("approve", "desks:app", "nope", "--yes"), "RequestNotFound"),
    (("deny", "desks:app", "nope", "--yes"), "RequestNotFound"),
    (("answer", "desks:app", "nope", "x"), "RequestNotFound"),
    (("answer", "desks:app", "r.1", "x"), "it asks for an approval"),
    (("approve", "desks:anns", "r.1", "--yes"), "does not hold the role 'lead'"),
    (("approve", "desks:app", "r.1", "--yes", "--digest", "0000"), "is about something else now"),
    (("approve", "desks:app", "r.1"), "stays open: nobody said yes"),
]


def told_once(said, status: int, message: str) -> None:
    """One message, the status, no traceback, and no result."""
    assert said.status == status, (said.out, said.err)
    assert message in said.err
    assert "Traceback" not in said.err + said.out
    assert not [word for word in said.err.split() if len(word) > 2000]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=lambda value: " ".join(value)[:40])
def test_wrong_usage_exits_with_2_and_makes_nothing(guideway, here, arguments, message):
    """What cannot be understood is told, and no file is made."""
    told_once(guideway(*arguments), 2, message)
    assert not os.listdir(here)


@pytest.mark.parametrize(("arguments", "message"), ERRORS, ids=lambda value: " ".join(value)[:40])
def test_what_cannot_be_done_exits_with_1_and_changes_nothing(guideway, waiting, arguments, message):
    """What the store, the flow or the roles refuse is told, and the journal is as it was."""
    before = guideway("log", "r", "--json").data
    told_once(guideway(*arguments), 1, message)
    assert guideway("log", "r", "--json").data == before
    assert [run["id"] for run in guideway("runs", "--json").data] == ["r"]


@pytest.mark.parametrize("name", BAD_FLOWS)
def test_a_flow_that_is_written_wrong_is_told_at_its_line(guideway, here, name):
    """An author's mistake is one message with the file and the line, and status 1."""
    source, message = BAD_FLOWS[name]
    (here / f"{name}.py").write_text(MODULE + source + "\n")
    told_once(guideway("check", f"{name}.py:flow"), 1, message)


def test_a_module_with_a_bug_is_told_in_one_line_and_whole_on_request(guideway, here):
    """A bug of the author's module has its line; --traceback, anywhere, shows all of it."""
    (here / "bug.py").write_text("def make():\n    return 1 / 0\nmake()\n")
    short = guideway("check", "bug.py:flow")
    told_once(short, 1, "bug.py:2: ZeroDivisionError: division by zero")
    assert short.err.count("\n") == 1
    whole = guideway("--traceback", "check", "bug.py:flow")
    assert "Traceback (most recent call last)" in whole.err
    assert "make()" in whole.err


READERS = [("runs",), ("show", "r"), ("log", "r"), ("inbox",), ("cancel", "r"), ("resume", "desks:app", "r")]


@pytest.mark.parametrize("arguments", READERS, ids=lambda value: value[0])
def test_a_missing_store_is_not_made(guideway, here, arguments):
    """What asks about runs says that there is no store, and makes none."""
    told_once(guideway(*arguments, "--store", "missing.db"), 1, "there is no store")
    assert not os.listdir(here)


def _another_programs(path):
    with sqlite3.connect(path) as connection:
        connection.execute("create table theirs (x)")
    connection.close()


def _newer(path):
    SqliteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("pragma user_version = 999")
    connection.close()


STORES = {
    "text": (lambda path: path.write_text("hello " * 1000), "not a guideway store"),
    "another program's": (_another_programs, "not a guideway store"),
    "a folder": (lambda path: path.mkdir(), "not a guideway store"),
    "newer": (_newer, "Install a newer guideway"),
}


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("arguments", [*READERS, ("run", "desks:app", REFUND)], ids=lambda value: value[0])
def test_a_store_that_is_none_of_ours_is_left_as_it_is(guideway, here, kind, arguments):
    """A file of another kind, of another program, or of a newer guideway is named and not touched."""
    make, message = STORES[kind]
    path = here / "odd.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    told_once(guideway(*arguments, "--store", "odd.db"), 1, message)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_locked_store_is_named(guideway, waiting, here, monkeypatch):
    """A store that another program holds is told after a short wait."""
    monkeypatch.setitem(SqliteStore.__init__.__kwdefaults__, "patience", 0.1)
    connection = sqlite3.connect(here / "guideway.db", isolation_level=None)
    connection.execute("begin exclusive")
    told_once(guideway("runs"), 1, "StoreLocked")
    connection.close()


def test_a_read_only_store_is_named(guideway, waiting, here, monkeypatch):
    """A store that this user cannot write is told, with what to do."""
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and allowed(path, mode))
    told_once(guideway("run", "desks:app", REFUND), 1, "StoreReadOnly")


def test_an_error_for_machines_is_one_object_on_the_error_stream(guideway, waiting):
    """With --json an error is {"error": {...}} on the error stream, and the output stays empty."""
    said = guideway("show", "nope", "--json")
    assert (said.status, said.out) == (1, "")
    error = json.loads(said.err)["error"]
    assert (error["type"], error["exit"], error["data"]) == ("RunNotFound", 1, {"run": "nope"})
    usage = guideway("check", "nowhere.py:flow", "--json")
    assert usage.status == 2
    assert json.loads(usage.err)["error"] == {
        "type": "Usage", "message": "there is no file nowhere.py", "where": None, "data": {}, "exit": 2,
    }  # fmt: skip
    wrong = guideway("runs", "--odd", "--json")
    assert json.loads(wrong.err)["error"]["exit"] == 2


def test_hostile_names_are_told_escaped(guideway, waiting):
    """What a command was given is not obeyed when it comes back in a message."""
    said = guideway("show", "\x1b[2J\u202e[bold]x")
    assert said.status == 1
    assert "\x1b" not in said.err
    assert "\u202e" not in said.err
    assert "[bold]x" in said.err
