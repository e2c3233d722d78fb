"""A store that cannot be written is read as it is, or refused with the way out; never read half."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import replace

import pytest

from guideway.errors import (
    JournalBroken,
    StoreError,
    StoreForeign,
    StoreLocked,
    StoreNotFound,
    StoreReadOnly,
    StoreTooNew,
)
from guideway.runs.store import ArchivedStore, Draft, RequestDraft, SqliteStore, schema
from guideway.runs.store.records import Checkpoint
from tests.sealed import sealed


def filled(path, count=3):
    """A store with a run that waits; open."""
    store = SqliteStore(path)
    started = [Draft("started", {"n": 0})]
    lease = store.create(run_id="r1", flow="f", shape="s", build="b", by="web", events=started, hold=True)[1]
    for number in range(count):
        store.append(lease, [Draft("step", {"n": number})])
    store.put_manifest("s", "b", {"name": "f"})
    ask = RequestDraft("q1", "lead", "d", {"question": "?"}, due=time.time() - 10)
    store.append(lease, [Draft("asked", {})], open_requests=[ask], status="waiting", checkpoint=Checkpoint(b"x"))
    store.release(lease)
    return store


def seen(store):
    """All that a reader sees."""
    return (
        store.runs(),
        [(event.number, event.kind, event.body, event.link) for event in store.events("r1")],
        store.verify("r1"),
        store.requests(),
        store.manifest("s", "b"),
        store.checkpoint("r1"),
        store.held("r1"),
        store.drivable("f"),
        store.effect("none"),
    )


@pytest.fixture
def folder(tmp_path):
    """A folder of its own for the store."""
    made = tmp_path / "archive"
    made.mkdir()
    return made


def test_a_store_that_cannot_be_written_is_read(folder):
    """All that a writer would see of it is there, nothing appears beside it, and to write is refused."""
    with filled(folder / "runs.db") as store:
        before = seen(store)
    with sealed(folder):
        with pytest.raises(StoreReadOnly, match="Give this user write access"):
            SqliteStore(folder / "runs.db")
        store = ArchivedStore(folder / "runs.db")
        assert seen(store) == before
        assert [file.name for file in folder.iterdir()] == ["runs.db"]
        for write in (
            lambda: store.cancel("r1", Draft("cancelled", {})),
            lambda: store.decide("q1", Draft("expired", {}), status="expired"),
            lambda: store.append_outside("r1", lambda *_: pytest.fail("nothing is built")),
            lambda: store.told("q1", 0.0, 1.0),
        ):
            with pytest.raises(StoreReadOnly, match="cannot be written"):
                write()
        store.close()
        with pytest.raises(StoreError, match="the store was closed"):
            store.runs()


def test_a_log_beside_it_is_read_too(folder, tmp_path):
    """Copied with its -wal and -shm while it was in use, it shows what was committed last."""
    with filled(tmp_path / "runs.db") as store:
        before = seen(store)
        for end in ("", "-wal", "-shm"):
            shutil.copy(tmp_path / f"runs.db{end}", folder)
    with sealed(folder):
        store = ArchivedStore(folder / "runs.db")
        assert seen(store) == before
        with pytest.raises(StoreReadOnly, match="cannot be written"):
            store.cancel("r1", Draft("cancelled", {}))
        store.close()


def test_a_log_that_cannot_be_read_is_not_passed_over(folder, tmp_path):
    """With a -wal and no -shm, SQLite could only read what is older: refused, and read where it can be written."""
    with filled(tmp_path / "runs.db") as store:
        before = seen(store)
        for end in ("", "-wal"):
            shutil.copy(tmp_path / f"runs.db{end}", folder)
    with sealed(folder):
        with pytest.raises(StoreReadOnly, match=r"runs.db-wal holds the latest commits and cannot be read.*Copy it"):
            ArchivedStore(folder / "runs.db")
        shutil.copytree(folder, tmp_path / "copy")
    with SqliteStore(tmp_path / "copy" / "runs.db") as store:
        assert seen(store) == before


def test_what_a_crash_left_is_not_passed_over(folder):
    """A -journal that must be rolled back first is not read around."""
    filled(folder / "runs.db").close()
    (folder / "runs.db-journal").write_bytes(b"x" * 512)
    with sealed(folder), pytest.raises(StoreReadOnly, match="must be rolled back first"):
        ArchivedStore(folder / "runs.db")


def test_an_older_and_a_newer_store(folder, monkeypatch):
    """An older schema cannot be brought forward without writing; a newer one is told as ever."""
    filled(folder / "runs.db").close()
    with sealed(folder):
        with monkeypatch.context() as patch:
            patch.setattr(schema, "STORE", replace(schema.STORE, steps=(*schema.STORE.steps, ("select 1",))))
            with pytest.raises(StoreReadOnly, match="must be brought forward to schema"):
                ArchivedStore(folder / "runs.db")
        monkeypatch.setattr(schema, "STORE", replace(schema.STORE, steps=schema.STORE.steps[:-1]))
        with pytest.raises(StoreTooNew, match="Install a newer guideway"):
            ArchivedStore(folder / "runs.db")


def test_what_is_no_store(folder):
    """What is missing, empty, foreign or damaged is told as for a store that can be written."""
    (folder / "empty").touch()
    (folder / "text").write_text("not a store" * 1000)
    filled(folder / "runs.db", 200).close()
    data = (folder / "runs.db").read_bytes()
    (folder / "broken").write_bytes(data[:4096] + b"\xff" * 40960 + data[45056:])
    connection = sqlite3.connect(folder / "other")
    connection.execute("create table t (x)")
    connection.close()
    with sealed(folder):
        with pytest.raises(StoreNotFound, match="there is no store"):
            ArchivedStore(folder / "missing")
        with pytest.raises(StoreForeign, match="a folder"):
            ArchivedStore(folder)
        for name in ("empty", "text", "other"):
            with pytest.raises(StoreForeign, match="not a"):
                ArchivedStore(folder / name)
        with pytest.raises(JournalBroken, match="is damaged"), closing(ArchivedStore(folder / "broken")) as store:
            seen(store)


def test_another_program_that_writes_meanwhile_is_noticed(folder):
    """Read without SQLite's locks, a store that changes meanwhile is read again, never half."""
    filled(folder / "runs.db").close()
    store = ArchivedStore(folder / "runs.db")
    assert store.run("r1").tail == 5
    with SqliteStore(folder / "runs.db") as other:
        other.cancel("r1", Draft("cancelled", {}))
        with pytest.raises(StoreLocked, match="writes this store just now. Read it again"):
            store.events("r1")
    store.close()
    again = ArchivedStore(folder / "runs.db")
    assert again.run("r1").status == "cancelled"
    again.close()
