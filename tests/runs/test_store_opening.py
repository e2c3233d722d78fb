"""Opening a store: each thing that can be wrong with a file is one clear error, and nothing is half-made."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from guideway.errors import (
    GuidewayError,
    JournalBroken,
    LeaseLost,
    StoreError,
    StoreForeign,
    StoreLocked,
    StoreNotFound,
    StoreReadOnly,
    StoreTooNew,
    ToolMissing,
)
from guideway.runs.store import Change, Checkpoint, Draft, SqliteStore, opening, schema
from guideway.runs.store.border import BY_CODE, mapped
from guideway.runs.store.patience import Patient
from tests.runs.processes import Process


@pytest.fixture
def path(tmp_path):
    """Where a store may be."""
    return tmp_path / "runs.db"


def begin(store, run="r1"):
    """A run with one event, held by this process."""
    return store.create(run_id=run, flow="desk", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]


def sqlite(path, *statements):
    """Do something to a file as another program would."""
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_new_store_is_the_owners_alone(path):
    """A store's files can be read and written by their owner and nobody else, whatever the umask."""
    before = os.umask(0)
    try:
        with SqliteStore(path) as store:
            begin(store)
            files = [path.with_name(path.name + end) for end in ("", "-wal", "-shm")]
            assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3
    finally:
        os.umask(before)
    assert [file.name for file in path.parent.iterdir()] == ["runs.db"]


def test_a_store_is_opened_again(path, monkeypatch):
    """What was written is there in the next opening, by a relative path too, wherever the process goes afterwards."""
    with SqliteStore(path) as store:
        begin(store)
    monkeypatch.chdir(path.parent)
    with SqliteStore("runs.db", create=False) as store:
        monkeypatch.chdir("/")
        assert (store.path, store.durable) == (str(path), True)
        store.release(store.acquire("r1"))
        assert store.run("r1").tail == 1
    with SqliteStore(None) as nothing, SqliteStore(":memory:") as nothing_too:
        assert (nothing.path, nothing.durable) == ("(in memory)", False) == (nothing_too.path, nothing_too.durable)


def test_a_path_is_taken_as_it_is(tmp_path):
    """Signs that mean something in an address mean nothing in a store's path."""
    path = tmp_path / "a b?mode=ro&c%20#d;é.db"
    with SqliteStore(path) as store:
        store.release(begin(store))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def wrong(kind, path, says, **more):
    """Opening is refused with an error that names the file, and leaves what is there as it is."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(kind, match=says) as caught:
        SqliteStore(path, patience=0.1, **more)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.data["path"] == str(path)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_folder_that_is_missing(path):
    """No folder is made on the way: a slip in a path would hide runs."""
    wrong(
        StoreNotFound, path.parent / "no" / "runs.db", "the folder .*no does not exist. Make it, or name another place"
    )


def test_a_file_that_is_missing(path):
    """Who only wants to look makes no store."""
    wrong(StoreNotFound, path, "there is no store. Check the path", create=False)
    path.touch()
    wrong(StoreForeign, path, "this file is empty, not a store", create=False)


def test_a_file_of_something_else(path):
    """A text, a folder, a device and another program's database are left as they are."""
    path.write_text("these are my notes, " * 100)
    wrong(StoreForeign, path, "the file is not a guideway store .*Name another file")
    path.unlink()
    sqlite(path, "create table notes (text)")
    wrong(StoreForeign, path, "not a guideway store, but an SQLite file of another program. It was left as it is")
    path.unlink()
    sqlite(path, "pragma application_id = 7")
    wrong(StoreForeign, path, "an SQLite file of another program")
    wrong(StoreForeign, path.parent, "not a guideway store, but a folder")
    pipe = path.with_name("pipe")
    os.mkfifo(pipe)
    wrong(StoreForeign, pipe, "not a guideway store, but a device or a pipe")


def test_a_newer_store(path):
    """A store of a newer schema is not touched."""
    SqliteStore(path).close()
    sqlite(path, "pragma user_version = 99")
    wrong(
        StoreTooNew,
        path,
        f"has schema 99, and this guideway knows schemas up to {len(schema.STORE.steps)}. .* Install a newer guideway",
    )


def test_a_store_that_another_program_holds(path):
    """A file that stays locked is reported after a short wait, and opens when the other lets go."""
    SqliteStore(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("pragma locking_mode = exclusive")
    other.execute("begin exclusive")
    wrong(StoreLocked, path, "held by another program .*Stop that program, or wait until it is done")
    other.close()
    SqliteStore(path).close()


LOOKS = """
import os
if os.getuid() == 0:
    os.setuid(65534)
try:
    SqliteStore(path).close()
    tell("opened")
except StoreError as error:
    tell(type(error).__name__ + ": " + str(error))
"""


@pytest.mark.parametrize("what", ["the file", "its folder", "a folder without a store"])
def test_a_store_that_cannot_be_written(tmp_path_factory, what):
    """A file or a folder without write access is reported before anything runs, with which of them it is."""
    folder = tmp_path_factory.mktemp("store")
    for above in (folder, *folder.parents):  # another user must come as far as the folder
        if above.stat().st_uid == os.getuid() and above.stat().st_mode & 0o011 != 0o011:
            above.chmod(above.stat().st_mode | 0o011)
    path = folder / "runs.db"
    if what != "a folder without a store":
        SqliteStore(path).close()
        path.chmod(0o444 if what == "the file" else 0o666)
    folder.chmod(0o777 if what == "the file" else 0o555)
    with Process(LOOKS, path) as other:
        said = other.hear()
    folder.chmod(0o755)
    assert said.startswith(f"StoreReadOnly: {path}: the store cannot be written")
    assert "Give this user write access to the file and its folder." in said


def test_a_file_that_becomes_read_only(path):
    """A store that can no longer be written says so at the commit, and nothing of it is there."""
    with SqliteStore(path) as store:
        lease = begin(store)
        store._db._connection.execute("pragma query_only = on")
        with pytest.raises(StoreReadOnly, match="cannot be written"):
            store.append(lease, [Draft("step", {})])
        store._db._connection.execute("pragma query_only = off")
        assert store.append(lease, [Draft("step", {})])[0].number == 2


def test_a_disk_that_is_full(path):
    """A commit that finds no room says so and changes nothing; with room the run goes on."""
    with SqliteStore(path) as store:
        lease = begin(store)
        pages = store._db._connection.execute("pragma page_count").fetchone()[0]
        store._db._connection.execute(f"pragma max_page_count = {pages}")
        for drafts in ([Draft("step", {"x": "y" * 9000})], [Draft("step", {}), Draft("step", {"x": "y" * 9000})]):
            with pytest.raises(StoreError, match=r"the disk is full .*Nothing was committed. Make room and resume"):
                store.append(lease, drafts)
        assert store.run("r1").tail == lease.tail == 1
        store._db._connection.execute("pragma max_page_count = 100000")
        store.append(lease, [Draft("step", {"x": "y" * 9000})])


def test_a_damaged_file(path):
    """A file whose pages were overwritten is reported as damaged, not as another error."""
    with SqliteStore(path) as store:
        lease = begin(store)
        for _ in range(50):
            store.append(lease, [Draft("step", {"x": "y" * 500})])
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8 * 4096)
    with (
        pytest.raises(JournalBroken, match=r"the store's file is damaged .*Restore it from a copy"),
        SqliteStore(path) as store,
    ):
        store.events("r1")


def test_a_closed_store(path):
    """A store that was closed says so."""
    store = SqliteStore(path)
    store.close()
    with pytest.raises(StoreError, match=r"the store was closed. Open it anew"):
        store.runs()


def test_an_old_sqlite(path, monkeypatch):
    """An SQLite that cannot hold a store is named before a file is made of it."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 30, 0))
    with pytest.raises(ToolMissing, match=r"a store needs 3.37.0 or newer"):
        SqliteStore(path)


def steps(monkeypatch, *more):
    """A guideway whose schema has more steps than today's."""
    monkeypatch.setattr(schema, "STORE", replace(schema.STORE, steps=(*schema.STORE.steps, *more)))


def test_an_older_store_is_brought_forward(path, monkeypatch):
    """The steps that a file lacks are done in order when it is opened, and what it holds stays."""
    with SqliteStore(path) as store:
        store.release(begin(store))
    steps(monkeypatch, ("alter table runs add column more text default 'x'",), ("create table other (a text) strict",))
    with SqliteStore(path) as store:
        assert store.run("r1").tail == 1
        assert store._db._connection.execute("select more from runs").fetchall() == [("x",)]
        version = len(schema.STORE.steps)  # with the two more
        assert store._db._connection.execute("pragma user_version").fetchone() == (version,)
    SqliteStore(path).close()


def test_a_step_that_fails_changes_nothing(path, monkeypatch):
    """A migration that breaks off leaves the file at its old version, whole."""
    SqliteStore(path).close()
    with monkeypatch.context() as later:
        steps(later, ("create table other (a text) strict", "create nonsense"))
        wrong(StoreError, path, "the store cannot be used")
    with SqliteStore(path) as store:
        others = store._db._connection.execute("select count(*) from sqlite_master where name = 'other'")
        assert others.fetchone() == (0,)


def in_a_moment(what):
    """Do something in another thread while this one waits for it."""
    thread = threading.Timer(0.2, what)
    thread.start()
    return thread


def test_a_store_that_another_process_makes_meanwhile(path):
    """Who finds an empty file that another is just making waits for it, and makes nothing twice."""
    path.touch()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("begin immediate")
    opening.take_steps(other, schema.STORE, 0)
    committing = in_a_moment(lambda: other.execute("commit"))
    with SqliteStore(path) as store:
        store.release(begin(store))
    committing.join()
    other.close()


def test_a_store_that_another_process_has_made_between_two_looks(path, monkeypatch):
    """A file is known by one look at one moment: a store that is made meanwhile is not taken for another program's."""
    path.touch()

    class Slow(Patient):
        def execute(self, sql, *given):
            found = super().execute(sql, *given)
            if sql == "pragma application_id" and not made:
                made.append(True)
                other = Process(MAKES, path, "r1")
                other.hear()
                other.tell()
                processes.append(other)
                time.sleep(0.15)
            return found

    made, processes = [], []
    connect = sqlite3.connect
    monkeypatch.setattr(opening.sqlite3, "connect", lambda *given, **more: connect(*given, **{**more, "factory": Slow}))
    with SqliteStore(path) as store:
        assert processes[0].hear() == "done"
        assert processes[0].end() == 0
        assert store.run("r1").tail == 1


@pytest.mark.parametrize("begin_other", ["begin", "begin immediate"], ids=["reads", "writes"])
def test_a_store_that_another_process_uses_while_its_mode_is_set(path, begin_other):
    """The file's mode is set when nobody reads or writes it, and opening waits for that moment."""
    SqliteStore(path).close()
    sqlite(path, "pragma journal_mode = delete")
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute(begin_other)
    other.execute("select * from runs").fetchall()
    letting_go = in_a_moment(lambda: other.execute("commit"))
    with SqliteStore(path) as store:
        assert store._db._connection.execute("pragma journal_mode").fetchone() == ("wal",)
    letting_go.join()
    other.close()


MAKES = """
tell("ready")
hear()
with SqliteStore(path) as store:
    store.create(run_id=words[0], flow="f", shape="s", build="b", events=[Draft("started", {})])
tell("done")
"""


def test_many_processes_make_one_store(path):
    """Processes that open a missing store at once all get it, and none hears of a lock."""
    processes = [Process(MAKES, path, number) for number in range(5)]
    try:
        assert [process.hear() for process in processes] == ["ready"] * 5
        for process in processes:
            process.tell()
        assert [process.hear() for process in processes] == ["done"] * 5
    finally:
        for process in processes:
            process.end()
    with SqliteStore(path) as store:
        assert sorted(row.id for row in store.runs()) == list("01234")


BREAKS_OFF = """
from guideway.runs.store import schema
from guideway.runs.store.patience import Patient
left = int(words[0])

class Dying(Patient):
    def execute(self, *given):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(*given)

connect = sqlite3.connect
sqlite3.connect = lambda *given, **more: connect(*given, **{**more, "factory": Dying})
SqliteStore(path)
tell("made")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_a_store_that_was_half_made_is_made(tmp_path):
    """A process killed at any statement of making a store leaves a file that the next one opens and uses."""
    made = 0
    for number in range(44):
        path = tmp_path / f"{number}.db"
        child = os.fork() if sys.version_info < (3, 12) else _fork_quietly()
        if child == 0:
            namespace: dict[str, Any] = {"os": os, "signal": signal, "sqlite3": sqlite3, "SqliteStore": SqliteStore}
            exec(BREAKS_OFF, {**namespace, "path": path, "words": [number], "tell": lambda word: os._exit(0)})
        made += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        with SqliteStore(path) as store:
            begin(store)
            assert store.verify("r1") is None
    assert 5 <= made <= 20, "the kills reach from the first statement to the last"


def _fork_quietly():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads of the test runner do not matter here
        return os.fork()


INHERITS = """
store = SqliteStore(path)
store.create(run_id="r1", flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)
closed = SqliteStore(path + "2")
closed.close()
child = os.fork()
if child == 0:
    for ask in (store.runs, lambda: store.acquire("r1"), lambda: SqliteStore(path)):
        try:
            ask()
            tell("no error")
        except StoreError as error:
            tell(error)
    store.close()
    SqliteStore(path + "2").close()
    os._exit(0)
tell(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), store.run("r1").tail)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_store_does_not_go_through_a_fork(path):
    """A forked child is told to open its own store, also when it opens the file anew; the parent's works on."""
    with Process(INHERITS, path) as parent:
        for _ in range(3):
            assert "was opened before this process was forked from its parent" in parent.hear()
        assert parent.hear() == "0 1"


ERRORS = {
    "ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL CANTOPEN PROTOCOL",
    "EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB",
}
CODES = {word: getattr(sqlite3, f"SQLITE_{word}") for line in sorted(ERRORS) for word in line.split()}


def raised(code=None, kind=sqlite3.OperationalError):
    """An error as sqlite3 makes it."""
    error = kind("something")
    if code is not None:
        error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize("name", CODES)
def test_every_error_of_sqlite_is_mapped(name):
    """Each result code, plain or extended, becomes a StoreError that names the store, says what, and a way out."""
    for code in (CODES[name], CODES[name] | 3 << 8):
        error = mapped(raised(code), "/s/runs.db")
        assert isinstance(error, StoreError)
        assert str(error).startswith("/s/runs.db: ")
        assert "something" in str(error)
        assert type(error) is BY_CODE.get(CODES[name], (StoreError,))[0]


def calls(store: SqliteStore) -> list[Callable[[], Any]]:
    """Every way into a store, by a lease that it gave before."""
    lease = begin(store)
    step = [Draft("step", {})]
    return [
        lambda: begin(store, "r2"),
        lambda: store.acquire("r1"),
        lambda: store.renew(lease),
        lambda: store.append(lease, step),
        lambda: store.append(lease, step, power=True),
        lambda: store.append(lease, step * 2),
        lambda: shared(store, store.part(lease, step), store.part(lease, step * 2)),
        lambda: store.begin(run_id="r3", flow="f", shape="s", build="b", events=step),
        lambda: store.append_outside("r1", lambda run, events, asked: Change(step)),
        lambda: store.decide("q1", step[0], status="approved"),
        lambda: store.revoke("q1", lambda run, request, events: (step[0], "revoked")),
        lambda: store.cancel("r1", step[0]),
        lambda: store.run("r1"),
        store.runs,
        store.all_runs,
        lambda: store.events("r1"),
        lambda: store.first("r1"),
        lambda: store.since("r1", 1, b""),
        store.versions,
        lambda: store.verify("r1"),
        lambda: store.news(lease),
        lambda: store.request("q1"),
        store.requests,
        lambda: list(store.all_requests()),
        lambda: store.due(1),
        lambda: store.to_tell("desk", 1.0),
        lambda: store.told("q1", 1.0, 1.0),
        lambda: store.fences([1]),
        lambda: store.drivable("desk"),
        lambda: store.parked("desk"),
        lambda: store.held("r1"),
        lambda: store.let_go(lease, between=lambda events: True),
        lambda: store.manifest("s", "b"),
        lambda: store.put_manifest("s", "b", {}),
        lambda: store.effect("k"),
        lambda: store.effects("r1"),
        lambda: store.checkpoint("r1"),
    ]


def shared(store, *parts):
    """What came of the first of parts that share a commit."""
    store.together(parts)
    return parts[0].result()


class Failing:
    """A connection that fails at everything."""

    def __init__(self, error):
        self.error = error

    def __getattr__(self, name):
        def fail(*_, **__):
            raise self.error

        return fail


@pytest.mark.parametrize(
    "error",
    [
        raised(sqlite3.SQLITE_IOERR),
        raised(kind=sqlite3.ProgrammingError),
        raised(sqlite3.SQLITE_ERROR, sqlite3.DatabaseError),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_error_of_sqlite_gets_through(path, error):
    """Whatever sqlite3 raises under any method of a store comes out as a StoreError with its cause."""
    store = SqliteStore(path)
    ways = calls(store)
    reach_no_file = {"hook", "close", "release", "part", "beginning", "releasing", "not_released", "held_here"}
    covered = {name for name in dir(SqliteStore) if not name.startswith("_")} - reach_no_file
    assert len(ways) >= len(covered)
    kept = store._db._connection, store._db._cursor
    store._db._connection = store._db._cursor = Failing(error)
    for way in ways:
        with pytest.raises(StoreError, match=r"runs.db: ") as caught:
            way()
        assert caught.value.__cause__ is error
    store._db._connection, store._db._cursor = kept
    store.close()


@pytest.mark.parametrize("checkpoint", [None, Checkpoint(b"x")], ids=["alone", "with a checkpoint"])
def test_letting_go_on_a_disk_that_is_full(path, checkpoint, caplog):
    """What a drive has done or was told stands: that the lease was not let go is logged, and is in no one's way."""
    with SqliteStore(path) as store:
        lease = begin(store)
        kept = store._db._connection, store._db._cursor
        store._db._connection = store._db._cursor = Failing(raised(sqlite3.SQLITE_FULL))
        store.release(lease, checkpoint=checkpoint)
        store._db._connection, store._db._cursor = kept
        assert "run r1 is let go, but not in the store, where its lease runs out" in caplog.text
        assert "the disk is full" in caplog.text
        assert store.run("r1").holder is not None
        again = store.acquire("r1")
        assert again.fence == lease.fence + 1
        with pytest.raises(LeaseLost, match="no longer holds"):
            store.append(lease, [Draft("step", {})])


def test_opening_maps_too(path, monkeypatch):
    """An error while a file is opened comes out as a StoreError, and the connection is closed."""
    monkeypatch.setattr(opening.sqlite3, "connect", Failing(raised(sqlite3.SQLITE_CANTOPEN)).connect)
    with pytest.raises(StoreNotFound, match=r"cannot be opened .*Check that it, and its folder, are there"):
        SqliteStore(path)


def test_the_store_is_light(root):
    """Loading the store loads neither LangGraph nor langchain, which cost a second."""
    code = "import guideway.runs.store, sys; print([name for name in sys.modules if name.startswith('lang')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_error_can_be_sent_on(path):
    """A store's error goes through pickle whole, so that a worker's failure reads like one's own."""
    import pickle

    with pytest.raises(GuidewayError, match="there is no store") as caught:
        SqliteStore(path, create=False)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.data, type(again)) == (str(caught.value), caught.value.data, StoreNotFound)
