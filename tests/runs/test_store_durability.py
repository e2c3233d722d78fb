"""What a commit survives: a kill at each boundary, a power loss where it says so, and many writers at once."""

from __future__ import annotations

import os
import signal
import sqlite3

import pytest

from guideway.runs.store import Draft, Effect, RequestDraft, SqliteStore, database
from tests.runs.processes import Process

STORY = """
def story(store):
    lease = store.create(run_id="r1", flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]
    yield
    store.append(lease, [Draft("step", {"n": 1})])
    yield
    store.append(lease, [Draft("intent", {})], effects=[Effect("pay", "intent")], power=True)
    yield
    store.append(lease, [Draft("result", {})], effects=[Effect("pay", "done", "R1")], power=True)
    yield
    ask = RequestDraft("q1", "lead", "d", {})
    store.append(lease, [Draft("step", {}), Draft("asked", {})], open_requests=[ask], status="waiting", release=True)
    yield
    store.decide("q1", Draft("decided", {}), status="approved")
    yield
    lease = store.acquire("r1")
    yield
    store.append(lease, [Draft("gate", {})], status="running", request_status={"q1": "consumed"})
    yield
    store.append(lease, [Draft("ended", {})], status="ended", verdict="success", checkpoint=Checkpoint(b"x"))
    yield
    store.release(lease)
    yield
"""

DIES = (
    STORY
    + """
where, number, seen = words[0], int(words[1]), 0
store = SqliteStore(path)

def hook(when, kinds):
    global seen
    if when == where:
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

store.hook = hook
for _ in story(store):
    tell("stood")
"""
)


def picture(store):
    """All that a reader sees of a store, times and links apart."""
    if not store.runs():
        return None
    row, effect = store.run("r1"), store.effect("pay")
    return (
        (row.status, row.verdict, row.tail, row.fence, row.holder is None),
        [(event.number, event.kind, event.body) for event in store.events("r1")],
        [(request.id, request.status) for request in store.requests(status=None)],
        effect and (effect.status, effect.result),
        store.checkpoint("r1"),
    )


def undisturbed():
    """The pictures before the first commit of the story, and after each."""
    namespace = {name: globals()[name] for name in ("Draft", "Effect", "RequestDraft")}
    exec("from guideway.runs.store import Checkpoint\n" + STORY, namespace)
    with SqliteStore(None) as store:
        return [picture(store), *(picture(store) for _ in namespace["story"](store))]


def test_a_kill_at_any_commit_leaves_it_whole_or_absent(tmp_path):
    """Killed straight before a commit, nothing of it is there; straight after, all of it; and the store goes on."""
    pictures = undisturbed()
    commits = len(pictures) - 1
    for place in range(1, commits + 1):
        for where in ("before", "after"):
            path = tmp_path / f"{where}{place}.db"
            with Process(DIES, path, where, place) as process:
                assert process.end() == -signal.SIGKILL
            with SqliteStore(path) as store:
                assert picture(store) == pictures[place if where == "after" else place - 1]
                if store.runs():
                    assert store.verify("r1") is None
                    if store.run("r1").status not in {"ended", "cancelled"}:
                        store.append(store.acquire("r1"), [Draft("resumed", {})])


@pytest.mark.parametrize("durability", ["process", "power"])
def test_power_safe_commits_wait_for_the_disk(tmp_path, durability):
    """Intents, results and decisions commit with synchronous=FULL, ordinary steps only where the store says so."""
    levels = []
    with SqliteStore(tmp_path / "runs.db", durability=durability) as store:

        def hook(when, kinds):
            # The pragma is read when it is compiled, so that each reading needs a text of its own.
            level = store._db._connection.execute(f"pragma synchronous -- {len(levels)}").fetchone()[0]
            levels.append((kinds, when, level))

        store.hook = hook
        lease = store.create(run_id="r1", flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]
        ask = RequestDraft("q1", "lead", "d", {})
        store.append(lease, [Draft("asked", {})], open_requests=[ask])
        store.append(lease, [Draft("intent", {})], power=True)
        store.append(lease, [Draft("step", {})])
        store.append(lease, [Draft("result", {}), Draft("step", {})], effects=[Effect("k", "intent")], power=True)
        store.append(lease, [Draft("step", {}), Draft("step", {})])
        store.decide("q1", Draft("decided", {}), status="approved")
        store.cancel("r1", Draft("cancelled", {}))
    safe = {"intent", "result,step", "decided", "cancelled"}
    ordinary = {"started", "asked", "step", "step,step", "release"}
    assert {kinds: level for kinds, when, level in levels if when == "before"} == {
        kinds: 2 if durability == "power" or kinds in safe else 1 for kinds in safe | ordinary
    }
    assert [when for _, when, _ in levels] == ["before", "after"] * (len(levels) // 2)


def test_a_failed_power_safe_commit_leaves_the_next_ones_fast(tmp_path):
    """After a commit that was refused the connection is back at its ordinary level."""
    with SqliteStore(tmp_path / "runs.db") as store:
        lease = store.create(run_id="r1", flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]
        store.cancel("r1", Draft("cancelled", {}))
        for drafts in ([Draft("intent", {})], [Draft("intent", {}), Draft("step", {})]):
            with pytest.raises(Exception, match="no longer holds"):
                store.append(lease, drafts, power=True)
        assert store._db._connection.execute("pragma synchronous").fetchone() == (1,)


def test_a_hook_that_raises_stops_the_commit(tmp_path):
    """What is raised straight before a commit leaves nothing of it, in one statement and in many."""
    with SqliteStore(tmp_path / "runs.db") as store:
        lease = store.create(run_id="r1", flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]

        def hook(when, kinds):
            raise KeyboardInterrupt("now")

        store.hook = hook
        for count in (1, 2):
            with pytest.raises(KeyboardInterrupt, match="now"):
                store.append(lease, [Draft("step", {})] * count)
        store.hook = None
        assert store.append(lease, [Draft("step", {})])[0].number == 2


WRITES = """
store = SqliteStore(path)
tell("ready")
hear()
for number in range(int(words[1])):
    run = f"{words[0]}-{number}"
    lease = store.create(run_id=run, flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]
    for step in range(6):
        store.append(lease, [Draft("step", {"x": "y" * 300})], power=step == 3)
    store.append(lease, [Draft("step", {}), Draft("ended", {})], status="ended", release=True)
    store.runs(limit=5)
store.close()
tell("done")
"""


def test_many_writers_never_hear_of_a_lock(tmp_path):
    """Processes that write one file as fast as they can wait for each other, and every journal is whole."""
    path = tmp_path / "runs.db"
    processes = [Process(WRITES, path, name, 40) for name in "abcd"]
    try:
        assert [process.hear() for process in processes] == ["ready"] * 4
        for process in processes:
            process.tell()
        assert [process.hear() for process in processes] == ["done"] * 4
    finally:
        for process in processes:
            process.end()
    with SqliteStore(path) as store:
        rows = store.runs(limit=1000)
        assert (len(rows), {row.tail for row in rows}, {row.status for row in rows}) == (160, {9}, {"ended"})
        assert all(store.verify(row.id) is None for row in rows)


def test_a_store_grows_with_what_is_added(tmp_path):
    """A thousand steps of 1 KB take under 2 MB, and 200 requests of 1 KB, asked and decided, under 1 MB."""
    text = "z" * 1024
    with SqliteStore(tmp_path / "steps.db") as store:
        lease = store.create(run_id="r1", flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]
        for number in range(1000):
            store.append(lease, [Draft("step", {"node": "loop", "number": number, "delta": {"log": [text]}})])
    with SqliteStore(tmp_path / "waits.db") as store:
        lease = store.create(run_id="r1", flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]
        for number in range(200):
            ask = RequestDraft(f"q{number}", "lead", "d", {"shows": text})
            store.append(lease, [Draft("asked", {"shows": text})], open_requests=[ask], status="waiting", release=True)
            store.decide(ask.id, Draft("decided", {"by": "ann"}), status="approved")
            lease = store.acquire("r1")
            store.append(lease, [Draft("gate", {})], status="running", request_status={ask.id: "consumed"})
    sizes = {file.stem: file.stat().st_size for file in tmp_path.iterdir()}
    assert sizes["steps"] < 2_000_000
    assert sizes["waits"] < 1_000_000
    assert sorted(os.listdir(tmp_path)) == ["steps.db", "waits.db"]


def test_ordinary_steps_write_one_row(tmp_path):
    """A step's commit is one statement that inserts one event: it touches neither the run's row nor another table."""
    statements = []
    with SqliteStore(tmp_path / "runs.db") as store:
        lease = store.create(run_id="r1", flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]
        connection: sqlite3.Connection = store._db._connection
        connection.set_trace_callback(statements.append)
        store.append(lease, [Draft("step", {"x": 1})])
        connection.set_trace_callback(None)
    assert len(statements) == 1
    assert "insert into events" in statements[0]


def test_a_short_turn_is_taken_though_another_never_rests(tmp_path):
    """A process that holds the file nearly all the time keeps nobody out: whoever waits looks often for its turn."""
    path = tmp_path / "runs.db"
    SqliteStore(path).close()
    hogs = """
    import sqlite3
    connection = sqlite3.connect(path, isolation_level=None)
    tell("ready")
    while not os.path.exists(path + ".over"):
        connection.execute("begin immediate")
        time.sleep(0.02)
        connection.execute("rollback")
        time.sleep(0.002)
    """
    with Process(hogs, path) as process:
        assert process.hear() == "ready"
        for number in range(10):
            with SqliteStore(path, patience=4.0) as store:
                store.create(run_id=f"r{number}", flow="f", shape="s", build="b", events=[Draft("started", {})])
        (tmp_path / "runs.db.over").touch()


def test_a_log_that_somebody_reads_for_long_is_told_of_and_cut_later(tmp_path, monkeypatch, caplog):
    """While a program reads on, the log grows, and a warning says why; when it has ended, the log is cut."""
    monkeypatch.setattr(database, "LONG", 200_000)
    monkeypatch.setattr(database, "TELL", 400_000)
    path = tmp_path / "runs.db"
    log = tmp_path / "runs.db-wal"
    with SqliteStore(path) as store:
        lease = store.create(run_id="r1", flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("begin")
        reader.execute("select count(*) from events").fetchall()
        for _ in range(4 * database.LOOK):
            store.append(lease, [Draft("step", {"x": "y" * 3000})])
        told = [record.message for record in caplog.records]
        assert 1 <= len(told) <= 4
        assert "another program has been reading the store for so long" in told[0]
        assert log.stat().st_size > 400_000
        reader.execute("commit")
        reader.close()
        for _ in range(database.LOOK):
            store.append(lease, [Draft("step", {})])
        assert log.stat().st_size < 400_000
        assert store.verify("r1") is None
