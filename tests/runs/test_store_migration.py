"""A file of an older schema, as the code of that time left it, becomes today's: whole, or not at all."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import warnings
from contextlib import closing
from pathlib import Path

import pytest

from guideway.errors import StoreTooNew
from guideway.runs.store import Draft, RequestDraft, SqliteStore, opening, schema
from guideway.runs.store.patience import Patient
from tests.runs.processes import Process

DUMP = (Path(__file__).parent / "schema1.sql").read_text(encoding="utf-8")
"""The dump of a file that the last guideway of schema 1 wrote: a run that waits, one that ended, one that waits on."""
TODAY = len(schema.STORE.steps)


@pytest.fixture
def path(tmp_path):
    """A file of schema 1."""
    return older(tmp_path / "runs.db")


def older(path):
    """Make a file of schema 1; gives its path."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(DUMP)
        connection.execute(f"pragma application_id={schema.STORE.application}")
        connection.execute("pragma user_version=1")
        connection.execute("pragma journal_mode=wal")
    return path


def told(path, sql):
    """What a file holds."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def as_it_was(store):
    """Assert that all that the older guideway wrote is there."""
    assert [(row.id, row.status, row.tail, row.verdict) for row in store.runs()] == [
        ("never", "waiting", 2, None),
        ("paid", "ended", 5, "success"),
        ("asks", "waiting", 3, None),
    ]
    assert [store.verify(run) for run in ("asks", "paid", "never")] == [None] * 3
    effect, checkpoint = store.effect("pay:17"), store.checkpoint("paid")
    assert effect is not None
    assert checkpoint is not None
    assert (effect.status, effect.result, checkpoint.data) == ("done", "R1", b"cp")
    assert [(one.id, one.due, one.body.get("shows")) for one in store.requests()] == [
        ("asks.1", 1_700_086_400.0, "ß"),
        ("never.1", None, None),
    ]
    assert store.manifest("s", "b") == {"flow": "desk"}


def test_a_file_of_schema_1_is_brought_forward(path):
    """Every row is there, people are reminded of what is open when a fifth of its time is left, and runs go on."""
    with SqliteStore(path, clock=lambda: 1_700_000_100.0) as store:
        as_it_was(store)
        moment = 1_700_086_400.0 - 0.2 * 86_400.0
        assert store.to_tell("desk", moment) == [("asks.1", moment)]
        assert store.to_tell("desk", moment - 1) == []
        store.decide("asks.1", Draft("decided", {"by": "ann"}), status="approved")
        lease = store.acquire("asks")
        store.append(lease, [Draft("gate", {})], status="running", request_status={"asks.1": "consumed"}, release=True)
        assert store.verify("asks") is None
    assert told(path, "pragma user_version") == [(len(schema.STORE.steps),)]


def test_a_file_that_is_brought_forward_is_like_a_new_one(path, tmp_path):
    """Tables, columns and indexes are those of a file that today's guideway makes."""
    SqliteStore(path).close()
    SqliteStore(tmp_path / "new.db").close()
    columns = "select m.name, c.name, c.type, c.pk from sqlite_master m, pragma_table_info(m.name) c order by 1, 2"
    indexes = "select name from sqlite_master where type = 'index' order by 1"
    for sql in (columns, indexes):
        assert told(path, sql) == told(tmp_path / "new.db", sql)


OLD = """
import sqlite3
connection = sqlite3.connect(path, isolation_level=None, timeout=60)
connection.execute("pragma synchronous=normal")
connection.execute("select count(*) from events").fetchall()
link = connection.execute("select link from events where key = 8589934597").fetchone()[0]
tell("open")
number = 0
while (order := hear()) != "end":
    number += 1
    connection.execute("begin immediate")
    connection.execute(
        "insert into requests (id, rid, status, role, due, digest, body) values (?, 1, 'open', ?, null, 'd', '{}')",
        (f"old.{number}", "lead"),
    )
    if order == "hold":
        tell("held")
        time.sleep(0.3)
    connection.execute("commit")
    tell("done")
connection.close()
"""


def test_an_older_process_may_hold_the_file_meanwhile(path):
    """A process of schema 1 that writes is waited for, loses nothing, and writes on after the file was changed."""
    with Process(OLD, path) as process:
        assert process.hear() == "open"
        process.tell("hold")
        assert process.hear() == "held"
        with SqliteStore(path) as store:
            assert process.hear() == "done"
            process.tell("write")
            assert process.hear() == "done"
            assert {one.id for one in store.requests()} == {"asks.1", "never.1", "old.1", "old.2"}
            lease = store.acquire("never")
            store.append(lease, [Draft("asked", {})], open_requests=[RequestDraft("new", "lead", "d", {})])
            process.tell("write")
            assert process.hear() == "done"
            assert [one.id for one in store.requests(run="asks")] == ["asks.1", "old.1", "old.2", "old.3"]
        process.tell("end")
        assert process.end() == 0


def _killed_at(path, statement):
    """A child that opens the file and dies at a statement, counted from 0; whether it lived."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads of the test runner do not matter here
        child = os.fork()
    if child == 0:
        left = [statement]

        class Dying(Patient):
            def execute(self, *given):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().execute(*given)

        connect = sqlite3.connect
        opening.sqlite3.connect = lambda *given, **more: connect(*given, **{**more, "factory": Dying})
        SqliteStore(path)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status == 0


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "win32", reason="kills forked processes")
def test_a_kill_at_any_statement_leaves_it_whole(tmp_path):
    """A process killed at any statement of bringing a file forward leaves the old schema or the new one, never half."""
    versions = []
    for statement in range(60):
        path = older(tmp_path / f"{statement}.db")
        lived = _killed_at(path, statement)
        ((version,),) = told(path, "pragma user_version")
        columns = [name for (name,) in told(path, "select name from pragma_table_info('requests')")]
        assert version == (TODAY if "remind" in columns and "notice" in columns else 1)
        versions.append(version)
        with SqliteStore(path) as store:
            as_it_was(store)
        if lived:
            break
    assert set(versions) == {1, TODAY}
    assert versions == sorted(versions)
    assert versions.count(1) > len(schema.STORE.steps[1]), "the kills reach every statement of the step"


def test_a_newer_file_is_left_as_it_is(path):
    """A file of a schema that is not known here is refused, and not one byte of it changes."""
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma user_version={len(schema.STORE.steps) + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match=rf"has schema {TODAY + 1}, .* up to {TODAY}\..*Install a newer guideway"):
        SqliteStore(path)
    assert path.read_bytes() == before
