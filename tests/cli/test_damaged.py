"""One damaged run hides none of the others: the lists tell it in a line, and go on."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest

from guideway import JournalBroken
from tests.runs import test_hostile_rows as hostile

APP = f"{Path(hostile.__file__)}:app"


def by_hand(store, sql, *values):
    """Changes rows as nobody may."""
    with sqlite3.connect(store) as db:
        db.execute(sql, values)
    db.close()


ROWS = {
    "a status that there is not": ("update runs set status = 'dancing' where id = 'r'", "there is no status 'dancing'"),
    "tags that are no JSON": ("update runs set tags = '[\"x' where id = 'r'", "EOF|Unterminated|Expecting"),
    "an error that is no JSON": ("update runs set error = '{' where id = 'r'", "EOF"),
    "text that is none": ("update runs set starter = cast(x'ff' as text) where id = 'r'", "UTF-8"),
}
REQUESTS = {
    "a request that is no JSON": ("update requests set body = '{' where id = 'r.1'", "EOF"),
    "a request with another role": ("update requests set role = 'ann' where id = 'r.1'", "its role is 'ann'"),
    "a request of no text": ("update requests set body = cast(x'ff' as text) where id = 'r.1'", "UTF-8"),
    "another request": ("update requests set body = json_set(body, '$.question', 'x') where id = 'r.1'", "not what"),
}


@pytest.fixture
def two(tmp_path):
    """A store with two runs that wait for a lead, r and s; s is whole."""
    path = str(tmp_path / "desk.db")
    with hostile.app(path) as opened:
        for run in ("r", "s"):
            assert opened.start({}, run_id=run, by="web", tags=["x"]).status == "waiting"
    return path


def only_s(said):
    """Of the store, s alone can be decided; what else is told is one line about r."""
    assert "s.1" in said.out
    assert "r.1" not in said.out.replace("request 'r.1'", "")


@pytest.mark.parametrize("name", [*ROWS, *REQUESTS])
def test_a_damaged_row_is_listed_and_hides_no_other(two, guideway, name, caplog):
    """A damaged row of a run or request is told by inbox in a line, with status 1; the other run is listed as ever."""
    sql, cause = (ROWS | REQUESTS)[name]
    by_hand(two, sql)
    said = guideway("inbox", "--store", two)
    assert said.status == 1, said.err
    only_s(said)
    told = [line for line in said.out.splitlines() if line.startswith("run r is damaged: ")]
    assert len(told) == 1
    assert cause in told[0] or any(word in told[0] for word in cause.split("|"))
    items = guideway("inbox", "--store", two, "--json")
    assert items.status == 1
    assert [item["id"] for item in items.data] == ["s.1", "r"]
    assert items.data[1]["kind"] == "damaged"
    assert items.data[1]["error"]["type"] == "JournalBroken"
    assert guideway("inbox", APP, "--store", two).out == said.out
    with caplog.at_level(logging.ERROR, "guideway"), hostile.app(two) as opened:
        assert [request.id for request in opened.inbox()] == ["s.1"] if name in REQUESTS else ["r.1", "s.1"]
        opened.approve("s.1", by="ann")
        assert opened.work(until=lambda: True) == 1
        assert opened.get("s").verdict == "success"


@pytest.mark.parametrize("name", ROWS)
def test_a_damaged_run_is_among_the_runs(two, guideway, name):
    """runs lists the damaged one with its error in one line and ends with 1; app.runs has it with a status for it."""
    by_hand(two, ROWS[name][0])
    said = guideway("runs", "--store", two)
    assert said.status == 1, said.err
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["run", "s"]
    assert len([line for line in lines if line.startswith("run r is damaged: ")]) == 1
    whole, damaged = guideway("runs", "--store", two, "--json").data
    assert (whole["id"], whole["status"]) == ("s", "waiting")
    assert (damaged["id"], damaged["flow"], damaged["status"]) == ("r", "hostile-desk", "damaged")
    assert "runs 1" in str(damaged["error"]["data"]) or "UTF-8" in damaged["error"]["message"]
    assert guideway("runs", "--store", two, "--tag", "x", "--limit", "1").status == 0
    with hostile.app(two) as opened:
        assert [(run.id, run.status) for run in opened.runs()] == [("s", "waiting"), ("r", "damaged")]
        assert opened.runs()[1].error.type == "JournalBroken"


@pytest.mark.parametrize("name", ["an unknown kind", "a truncated body", "no body", "a request without an id"])
def test_a_damaged_journal_is_listed_and_hides_no_other(tmp_path, guideway, name):
    """Whatever does not fit in r's journal, s is listed and can be decided, and app.runs says what is wrong with r."""
    path = str(tmp_path / "desk.db")
    number, change = hostile.HOSTILE[name]
    with hostile.app(path) as opened:
        opened.start({}, run_id="r", by="web")
        change(path)
        opened.start({}, run_id="s", by="web")
        assert [(run.id, run.status) for run in opened.runs()] == [("s", "waiting"), ("r", "damaged")]
        damaged = opened.runs()[1]
        assert f"event {number}" in damaged.error.message
        assert damaged.state.model_dump(warnings=False) == {}
        with pytest.raises(JournalBroken, match=f"event {number}"):
            _ = damaged.steps
    said = guideway("inbox", "--store", path)
    assert said.status == 1
    only_s(said)
    assert len([line for line in said.out.splitlines() if line.startswith("run r is damaged: ")]) == 1


def test_a_damaged_parked_run_hides_no_other(tmp_path, guideway):
    """Of two parked runs the damaged one is told in a line, and how the other is settled as ever."""
    path = str(tmp_path / "p.db")
    for run in ("r", "s"):
        assert guideway("run", "desks:sender", "--run-id", run, "--store", path).status == 3
    by_hand(path, "update events set body = '{' where key = (1 << 32) + 1")
    said = guideway("inbox", "--store", path)
    assert said.status == 1
    assert "settle APP s" in " ".join(said.out.split())
    assert "settle APP r" not in " ".join(said.out.split())
    assert said.out.count("run r is damaged: ") == 1


def test_what_is_overdue_and_damaged_holds_up_no_look(two, guideway):
    """A request whose time is over, and whose run cannot be moved, is no error of runs and inbox: r is told there."""
    by_hand(two, "update runs set status = 'dancing' where id = 'r'")
    by_hand(two, "update requests set due = 1, body = json_set(body, '$.due', 1)")
    for command in ("runs", "inbox"):
        said = guideway(command, "--store", two)
        assert (said.status, said.err) == (1, "")
        assert said.out.count("run r is damaged: ") == 1


def test_a_page_is_full_without_what_is_damaged(two):
    """A damaged request takes no place on a page: the page behind one that is full has what is left."""
    with hostile.app(two) as opened:
        opened.start({}, run_id="t", by="web")
        by_hand(two, "update requests set body = '{' where id = 'r.1'")
        first = opened.inbox(limit=1)
        assert [request.id for request in first] == ["s.1"]
        assert [request.id for request in opened.inbox(limit=1, after="s.1")] == ["t.1"]
