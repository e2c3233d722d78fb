"""verify: the journal against its chain, and business keys and manifests against the journal."""

from __future__ import annotations

import re
import sqlite3

import pytest

from guideway.runs.store import SqliteStore
from guideway.runs.verifying import contradictions
from tests.house import ROOT

HISTORIES = sorted(path.name for path in (ROOT / "tests/histories").iterdir() if (path / "store.sql").exists())


def by_hand(sql):
    """Changes rows as nobody may."""
    with sqlite3.connect("guideway.db") as db:
        assert db.execute(sql).rowcount > 0
    db.close()


@pytest.fixture
def paid(guideway, waiting):
    """A run, r, that paid under the business key pay_back:17; and one, s, that waits."""
    assert guideway("approve", "desks:app", waiting, "--yes").status == 0
    assert guideway("resume", "desks:app", "r").status == 0
    with SqliteStore("guideway.db") as store:
        assert store.effect("pay_back:17").status == "done"
    said = guideway(
        "run", "desks:app", '{"message": "Order 18 arrived broken, please refund."}', "--run-id", "s", "--by", "web"
    )
    assert said.status == 3


CHANGES = {
    "a key that is gone": ("delete from effects", "the business key 'pay_back:17' of the call of event .* is free"),
    "a key of another run": ("update effects set rid = 2", "the business key 'pay_back:17' of the call of event"),
    "a key of another call": (
        "update effects set number = 1",
        "is held by the call of event 1, done, and by the journal",
    ),
    "a key that is in doubt": ("update effects set status = 'intent'", "intent, and by the journal by event .*, done"),
    "another result": ("update effects set result = '\"X\"'", "holds another result than the journal"),
    "no result": ("update effects set result = '{'", "'pay_back:17' cannot be read"),
    "a manifest that is gone": ("delete from manifests", "the manifest of shape .* is missing"),
    "another shape": (
        "update manifests set data = json_set(data, '$.shape.rows', json('{}'))",
        "was changed: it is of",
    ),
    "another build": ("update manifests set data = json_set(data, '$.build.budget', null)", "was changed: it is of"),
    "no manifest": ("update manifests set data = '[]'", "of shape .* is none"),
    "a status": (
        "update runs set status = 'waiting' where id = 'r'",
        "its row's status is None, and by the journal 'ended'",
    ),
    "a verdict": ("update runs set verdict = 'partial' where id = 'r'", "its row's verdict is 'partial', and by"),
    "a starter": ("update runs set starter = 'eve' where id = 'r'", "its row's starter is 'eve', and by the journal"),
    "no JSON": ("update manifests set data = '{'", "the manifest of shape .* cannot be read"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_stands_beside_the_journal_is_held_against_it(paid, guideway, name):
    """A business key or a manifest that the journal contradicts is told with its row, and the exit status is 1."""
    sql, cause = CHANGES[name]
    whole = guideway("verify", "r")
    assert (whole.status, whole.out.count("\n")) == (0, 1)
    by_hand(sql)
    said = guideway("verify", "r")
    assert (said.status, said.err) == (1, "")
    (line,) = said.out.splitlines()
    assert re.search(cause, line), line
    data = guideway("verify", "r", "--json").data
    assert (data["ok"], data["first_bad_event"], len(data["beside"])) == (False, None, 1)


def test_what_people_are_asked_is_held_against_the_journal(paid, guideway):
    """A request that inbox calls damaged is told by verify too, and a run that waits is not called over."""
    by_hand("update requests set body = replace(body, 'Order 18', 'Order 81') where status = 'open'")
    assert guideway("inbox").status == 1
    said = guideway("verify")
    assert said.status == 1
    assert "request 's.1' of run 's' cannot be read (it is not what the run's journal says was asked)" in said.out
    assert "1 of them damaged" in said.out
    by_hand("update runs set status = 'ended' where id = 's'")
    said = guideway("verify", "s")
    assert "its row's status is 'ended', and by the journal None" in said.out


@pytest.mark.parametrize("command", ["show", "log"])
def test_a_run_is_not_shown_as_its_row_says_where_its_journal_says_otherwise(paid, guideway, command):
    """A run that waits and whose row was changed by hand is not told as ended: what does not fit is."""
    assert guideway(command, "s").status == 0
    by_hand("update runs set status = 'ended' where id = 's'")
    said = guideway(command, "s")
    assert (said.status, said.out) == (1, "")
    assert "run 's' cannot be read (its row's status is 'ended', and by the journal None" in said.err


def test_a_claim_that_no_call_made_is_told(paid, guideway):
    """A key that a run holds by no call of its journal keeps others from calling: it is found."""
    by_hand("insert into effects (key, rid, number, status) values ('pay_back:19', 2, 3, 'done')")
    assert guideway("verify", "r").status == 0
    said = guideway("verify", "s")
    assert said.status == 1
    assert (
        "the business key 'pay_back:19' is held by the call of event 3, and no such call is in the journal" in said.out
    )


def test_all_runs_are_checked_where_none_is_named(paid, guideway):
    """verify without a run checks all of the store, the oldest first, and counts those that are damaged."""
    said = guideway("verify")
    assert said.status == 0
    assert [line.split()[1] for line in said.out.splitlines()[:2]] == ["r:", "s:"]
    assert "2 runs in" in said.out
    assert "all are whole" in said.out
    by_hand("update events set body = '{' where key = (2 << 32) + 1")
    by_hand("update runs set status = 'dancing' where id = 'r'")
    said = guideway("verify")
    assert said.status == 1
    assert "run s: event 1 was changed or is missing" in said.out
    assert "there is no status 'dancing'" in said.out
    assert "2 of them damaged" in said.out
    assert [one["ok"] for one in guideway("verify", "--json").data] == [False, False]


@pytest.mark.parametrize("shape", HISTORIES)
def test_what_past_versions_left_is_whole(tmp_path, shape):
    """In a store that an older guideway wrote nothing contradicts the journals."""
    connection = sqlite3.connect(tmp_path / "runs.db")
    connection.executescript((ROOT / "tests/histories" / shape / "store.sql").read_text())
    connection.close()
    with SqliteStore(tmp_path / "runs.db") as store:
        assert store.runs()
        assert [contradictions(store, row.id) for row in store.runs()] == [[]] * len(store.runs())
