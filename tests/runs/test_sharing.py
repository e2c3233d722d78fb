"""Commits that several runs share: one transaction, one sync of the disk, and an outcome for each run."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest
from pydantic import BaseModel

import guideway as gw
from guideway.errors import DecisionRefused, LeaseLost, RunExists, StoreError
from guideway.runs.sharing import Queue, Sharing
from guideway.runs.store import Draft, Effect, EffectTaken, RequestDraft, SqliteStore, TailMoved

STEP = [Draft("step", {"x": 1})]


class Tally(BaseModel):
    n: int = 0
    last: int = 4
    paid: str | None = None


@gw.compute(writes="n")
async def count(n: int) -> int:
    """One more, after a turn of the loop."""
    await asyncio.sleep(0)
    return n + 1


def counting(*more: gw.Node) -> gw.Flow[Tally]:
    """Counts, goes through whatever else is given, and ends."""
    t = gw.fields(Tally)
    done = gw.End("done")
    way = [*more, done]
    rows = [gw.on(gw.START, count), gw.on(count, gw.when(t.n < t.last) >> count, way[0])]
    rows += [gw.on(node, after) for node, after in zip(more, way[1:], strict=True)]
    return gw.Flow("counting", state=Tally, edges=rows, budget=gw.Budget(steps=50))


@pytest.fixture
def path(tmp_path):
    """Where a store may be."""
    return tmp_path / "runs.db"


@pytest.fixture
def store(path):
    """A store in a file."""
    with SqliteStore(path) as opened:
        yield opened


def begin(store, *names):
    """Runs that this process drives, each with one event."""
    about = {"flow": "desk", "shape": "s", "build": "b", "events": [Draft("started", {})]}
    return [store.begin(run_id=name, **about)[0] for name in names]


def commits(store):
    """The kinds of every commit from now on, as the hook is told."""
    told = []
    store.hook = lambda when, kinds: told.append(kinds) if when == "before" else None
    return told


def tables(path):
    """All that a file holds beside the holders and their clocks."""
    with sqlite3.connect(path) as connection:
        runs = "select id, status, verdict, ending, error, shape, fence, holder is null from runs order by rid"
        rest = [f"select * from {name} order by 1" for name in ("events", "requests", "effects", "checkpoints")]
        return [connection.execute(sql).fetchall() for sql in (runs, *rest)]


# The store: parts of one transaction


def test_what_is_written_together_is_what_is_written_alone(tmp_path):
    """Whatever is committed, the file holds the same whether each part had a transaction or all shared one."""
    ask = RequestDraft("q", "lead", "d", {"shows": 1}, due=9e9)
    asked = {"open_requests": [ask], "status": "waiting", "release": True}
    changes = [
        (STEP, {}),
        ([Draft("intent", {}), *STEP], {"effects": [Effect("pay", "intent")], "power": True}),
        ([Draft("asked", {})], asked),
        ([*STEP, Draft("ended", {})], {"status": "ended", "verdict": "success", "end": "done", "release": True}),
    ]
    for how in ("alone", "together"):
        with SqliteStore(tmp_path / how, clock=lambda: 1e9) as store:
            leases = begin(store, *"abcd")
            if how == "alone":
                found = [store.append(one, drafts, **what) for one, (drafts, what) in zip(leases, changes, strict=True)]
            else:
                parts = [store.part(one, drafts, **what) for one, (drafts, what) in zip(leases, changes, strict=True)]
                store.together(parts)
                again = [part.result() for part in parts]
                assert again == found
            assert [one.tail for one in leases] == [2, 3, 2, 3]
            assert [one.deadline > 0 for one in leases] == [True, True, False, False]
    assert tables(tmp_path / "alone") == tables(tmp_path / "together")


def test_parts_are_one_transaction(store):
    """The hook is called once around all, with the kinds of all, and each run's tail moves along."""
    leases = begin(store, *"abc")
    told = commits(store)
    parts = [store.part(lease, STEP) for lease in leases]
    store.together([*parts, store.releasing(begin(store, "d")[0])])
    assert told == ["started", "step,step,step,release"]
    assert [part.result()[0].number for part in parts] == [2, 2, 2]
    assert [store.run(name).tail for name in "abc"] == [2, 2, 2]
    assert store.run("d").holder is None
    store.together([store.part(lease, STEP) for lease in leases])
    assert all(store.verify(name) is None for name in "abc")


@pytest.mark.parametrize("more", [{}, {"status": "running"}], ids=["one statement", "many"])
def test_a_lost_lease_fails_nobody_else(store, more):
    """A run that was cancelled or taken over meanwhile gets LeaseLost; the others of its commit are written."""
    leases = begin(store, *"abcd")
    parts = [store.part(lease, STEP, **more) for lease in leases]
    store.cancel("b", Draft("cancelled", {}))
    store._db.single("update runs set fence = fence + 1 where id = ?", ("c",), "other")
    store.together(parts)
    assert [store.run(name).tail for name in "abcd"] == [2, 2, 1, 2]
    assert [event.kind for event in store.events("b")] == ["started", "cancelled"]
    for part in parts[1:3]:
        with pytest.raises(LeaseLost, match="no longer holds run '[bc]'"):
            part.result()
    assert [part.result()[0].kind for part in (parts[0], parts[3])] == ["step", "step"]


@pytest.mark.parametrize("more", [{}, {"status": "running"}], ids=["one statement", "many"])
def test_a_tail_that_moved_fails_nobody_else(store, more):
    """A run that somebody appended to gets those events, and commits behind them next time."""
    one, two = begin(store, *"ab")
    store.append(two, [Draft("asked", {})], open_requests=[RequestDraft("q", "lead", "d", {})])
    parts = [store.part(lease, STEP, **more) for lease in (one, two)]
    store.decide("q", Draft("decided", {"by": "ann"}), status="approved")
    store.together(parts)
    assert parts[0].result()[0].number == 2
    with pytest.raises(TailMoved, match="1 events") as moved:
        parts[1].result()
    assert [event.kind for event in moved.value.events] == ["decided"]
    store.together([store.part(one, STEP, **more), store.part(two, STEP, **more)])
    assert [event.kind for event in store.events("b")] == ["started", "asked", "decided", "step"]
    assert store.verify("b") is None


def test_of_two_that_claim_one_key_the_first_has_it(store):
    """A key that is claimed by another part of the same commit is taken; what came with the second is not written."""
    leases = begin(store, *"ab")
    claim = {"effects": [Effect("pay", "intent")], "power": True}
    parts = [store.part(lease, [Draft("intent", {}), *STEP], **claim) for lease in leases]
    store.together(parts)
    assert len(parts[0].result()) == 2
    with pytest.raises(EffectTaken, match="used by run 'a'"):
        parts[1].result()
    assert [store.run(name).tail for name in "ab"] == [3, 1]
    store.append(leases[1], STEP)


def test_what_is_refused_is_undone_by_itself(store):
    """An id that is taken, and a request that cannot become what it should: nothing of the part stays."""
    (lease,) = begin(store, "a")
    about = {"flow": "desk", "shape": "s", "build": "b", "events": [Draft("started", {})]}
    parts = [
        store.beginning(run_id="a", **about),
        store.part(lease, STEP, open_requests=[RequestDraft("q", "lead", "d", {})], request_status={"q": "consumed"}),
        store.beginning(run_id="b", **about),
    ]
    store.together(parts)
    with pytest.raises(RunExists, match="run 'a' already"):
        parts[0].result()
    with pytest.raises(DecisionRefused, match="cannot become consumed"):
        parts[1].result()
    assert parts[2].result()[0].run == "b"
    assert store.requests(status=None) == []
    assert [row.tail for row in store.runs()] == [1, 1]


def test_one_that_does_not_fit_on_the_disk_fails_alone(store):
    """Where the transaction fails as a whole, each part is tried alone: who is not at fault is written."""
    leases = begin(store, *"abc")
    pages = store._db._connection.execute("pragma page_count").fetchone()[0]
    store._db._connection.execute(f"pragma max_page_count={pages + 2}")
    sizes = dict(zip(leases, (1, 90_000, 1), strict=True))
    parts = [store.part(lease, [Draft("step", {"x": "y" * size})]) for lease, size in sizes.items()]
    store.together(parts)
    with pytest.raises(StoreError, match="disk is full"):
        parts[1].result()
    assert [store.run(name).tail for name in "abc"] == [2, 1, 2]
    assert [lease.tail for lease in leases] == [2, 1, 2]


def test_one_power_safe_part_makes_the_commit_power_safe(store):
    """An intent or a result syncs the disk once for all that are committed with it; the next commit does not."""
    levels = []

    def hook(when, kinds):
        # The pragma is read when it is compiled, so that each reading needs a text of its own.
        text = f"pragma synchronous -- {len(levels)}"
        levels.append((kinds, store._db._connection.execute(text).fetchone()[0]))

    leases = begin(store, *"ab")
    store.hook = hook
    store.together([store.part(leases[0], STEP), store.part(leases[1], [Draft("intent", {})], power=True)])
    store.together([store.part(lease, STEP) for lease in leases])
    assert levels == [("step,intent", 2)] * 2 + [("step,step", 1)] * 2


def test_what_lets_a_run_go_begins_no_call(store):
    """A lease that is to be let go refuses an intent in a shared commit too, and nothing else."""
    leases = begin(store, *"abc")
    parts = [
        store.part(leases[0], [Draft("intent", {})], power=True),
        store.part(leases[1], STEP),
        store.part(leases[2], [Draft("intent", {})], effects=[Effect("k", "intent")]),
    ]
    for lease in leases:
        lease.closing = True
    store.together(parts)
    for part in (parts[0], parts[2]):
        with pytest.raises(LeaseLost, match="this process stops"):
            part.result()
    assert [store.run(name).tail for name in "abc"] == [1, 2, 1]
    assert store.effect("k") is None


# The queue of a loop


async def test_many_runs_on_one_loop_share_their_commits(path):
    """Forty runs of five commits and more make a fraction of the transactions, and journals as if they were alone."""
    with counting().compile(store=path) as app:
        await app.astart({}, run_id="alone")
        told = commits(app.store)
        await asyncio.gather(*[app.astart({}, run_id=f"r{n}") for n in range(40)])
        kinds = [event.kind for event in app.store.events("alone")]
        assert len(told) < 40
        assert sum(len(one.split(",")) for one in told) == 40 * (len(kinds) + 1)  # and each is let go
        for n in range(40):
            assert app.get(f"r{n}").verdict == "success"
            assert [event.kind for event in app.store.events(f"r{n}")] == kinds
            assert app.store.verify(f"r{n}") is None
            assert app.store.run(f"r{n}").holder is None


async def test_a_run_that_is_alone_commits_by_itself(path, monkeypatch):
    """Where nothing is driven beside it, a step is one statement at once, and no turn of the loop is waited for."""
    monkeypatch.delattr(Queue, "write")
    with counting().compile(store=path) as app:
        told = commits(app.store)
        run = await app.astart({})
        assert told == ["manifest", "started", "step", "step", "step", "step,ended", "release"]
        assert run.spent.steps == 4


async def test_nothing_follows_from_a_step_that_is_not_committed(path):
    """The next step of a run begins, and its tool is dispatched, when what it follows from can be read in the file."""
    seen = []

    def committed(run, kind):
        reader = sqlite3.connect(path)
        sql = "select count(*) from events join runs on key >> 32 = rid where id = ? and kind = ?"
        found = reader.execute(sql, (run, kind)).fetchone()[0]
        reader.close()
        return found

    @gw.compute(writes="n")
    async def watched(n: int, context: gw.Context) -> int:
        seen.append((committed(context.run, "step"), n))
        await asyncio.sleep(0)
        return n + 1

    @gw.tool(effect="once", stakes="low", writes="paid", timeout=5.0)
    async def pay(n: int, context: gw.Context) -> str:
        seen.append((committed(context.run, "intent"), 1))
        return "paid"

    t, done = gw.fields(Tally), gw.End("done")
    edges = [gw.on(gw.START, watched), gw.on(watched, gw.when(t.n < t.last) >> watched, pay), gw.on(pay, done)]
    flow = gw.Flow("watched", state=Tally, edges=edges, budget=gw.Budget(steps=50), on_failure=done)
    with flow.compile(store=path) as app:
        runs = await asyncio.gather(*[app.astart({}) for _ in range(12)])
    assert {run.state.paid for run in runs} == {"paid"}
    assert len(seen) == 12 * 5
    assert [pair for pair in seen if pair[0] != pair[1]] == []


async def test_a_run_that_is_cancelled_from_outside_stops_alone(path):
    """A run that a person cancels while its commit waits commits nothing more; the others end as they would."""
    with counting().compile(store=path) as app:

        def hook(when, kinds):
            if kinds.count("step") > 5:
                app.store.hook = None
                app.cancel("r3", by="ann")

        app.store.hook = hook
        runs = await asyncio.gather(*[app.astart({}, run_id=f"r{n}") for n in range(8)])
        assert [run.status for run in runs] == ["ended"] * 3 + ["cancelled"] + ["ended"] * 4
        assert app.store.events("r3")[-1].kind == "cancelled"


async def test_loops_in_several_threads_share_one_store(path):
    """Each loop has a queue of its own: runs that four threads drive at once end, and every journal is whole."""
    with counting().compile(store=path) as app:

        async def many(name):
            return await asyncio.gather(*[app.astart({}, run_id=f"{name}{n}") for n in range(10)])

        threads = [threading.Thread(target=lambda name=name: asyncio.run(many(name))) for name in "abc"]
        for thread in threads:
            thread.start()
        sync = await asyncio.to_thread(lambda: [app.start({}, run_id=f"s{n}") for n in range(5)])
        for thread in threads:
            await asyncio.to_thread(thread.join)
        assert {run.verdict for run in sync} == {"success"}
        names = [f"{name}{n}" for name in "abc" for n in range(10)]
        assert {app.get(name).verdict for name in names} == {"success"}
        assert {app.store.verify(name) for name in names} == {None}


@pytest.mark.parametrize(("kind", "tail"), [("result", 2), ("step", 2), ("intent", 1)])
async def test_a_cancellation_takes_back_no_result(store, kind, tail):
    """Cancelled while its commit waits, what has happened is written before it is told; only a call is not begun."""
    leases = begin(store, *"ab")
    queue = Sharing(store).here()
    first = store.part(leases[0], [Draft(kind, {})])
    second = store.part(leases[1], STEP)
    task = asyncio.create_task(queue.write(first))
    other = asyncio.create_task(queue.write(second))
    asyncio.get_running_loop().call_soon(task.cancel)  # before the queue's own turn comes
    await asyncio.wait([task, other])
    assert task.cancelled()
    assert [store.run(name).tail for name in "ab"] == [tail, 2]
    assert (first.over, other.exception()) == (tail == 2, None)


async def test_a_cancelled_run_keeps_what_it_has_done(path):
    """A task that is cancelled at any turn of the loop leaves a journal that is whole, and a run that can go on."""
    for turns in range(1, 40):
        with counting().compile(store=f"{path}{turns % 4}") as app:
            names = [f"{turns}.{n}" for n in range(4)]
            tasks = [asyncio.create_task(app.astart({}, run_id=name)) for name in names]
            for _ in range(turns):
                await asyncio.sleep(0)
            tasks[1].cancel()
            await asyncio.wait(tasks)
            assert [task.result().verdict for task in (tasks[0], *tasks[2:])] == ["success"] * 3
            if any(row.id == names[1] for row in app.store.runs()):
                assert app.store.run(names[1]).holder is None
                assert (await app.aresume(names[1])).state.n == 4
                assert app.store.verify(names[1]) is None


async def test_a_store_that_is_closed_tells_those_who_wait(store):
    """Whoever waits in the queue of a store that is closed is told so, and nothing of theirs was written."""
    leases = begin(store, *"ab")
    queue = Queue(store)
    parts = [store.part(lease, STEP) for lease in leases]
    tasks = [asyncio.create_task(queue.write(part)) for part in parts]
    store.close()
    await asyncio.gather(*tasks)
    for part, lease in zip(parts, leases, strict=True):
        with pytest.raises(StoreError, match="store was closed"):
            part.result()
        assert lease.tail == 1


async def test_a_disk_that_is_full_stops_every_run_that_has_to_write(path):
    """Each run whose commit fails raises; nothing that is not in the file is folded, and all go on later."""
    with counting().compile(store=path) as app:
        connection = app.store._db._connection
        await app.astart({}, run_id="first")

        def hook(when, kinds):
            if when == "before" and kinds.startswith("step,"):
                pages = connection.execute("pragma page_count").fetchone()[0]
                connection.execute(f"pragma max_page_count={pages}")

        app.store.hook = hook
        given = [{"paid": "x" * 3000} for _ in range(6)]
        found = await asyncio.gather(
            *[app.astart(one, run_id=f"r{n}") for n, one in enumerate(given)], return_exceptions=True
        )
        app.store.hook = None
        connection.execute("pragma max_page_count=1000000")
        failed = [error for error in found if isinstance(error, BaseException)]
        assert failed
        assert all(isinstance(error, StoreError) and "disk is full" in str(error) for error in failed)
        for n in range(6):
            assert app.store.verify(f"r{n}") is None
            assert (await app.aresume(f"r{n}")).state.n == 4


async def test_an_interrupted_commit_is_told_to_all_who_wait(store):
    """Where the thread is interrupted in the middle of a commit, nobody goes on as if it were written."""
    leases = begin(store, *"ab")
    queue = Queue(store)
    parts = [store.part(lease, STEP) for lease in leases]
    tasks = [asyncio.create_task(queue.write(part)) for part in parts]
    await asyncio.sleep(0)

    def hook(when, kinds):
        raise KeyboardInterrupt("now")

    store.hook = hook
    with pytest.raises(KeyboardInterrupt, match="now"):
        queue._flush()
    store.hook = None
    await asyncio.wait(tasks)
    for part in parts:
        with pytest.raises(StoreError, match="was interrupted"):
            part.result()
    assert [store.run(name).tail for name in "ab"] == [1, 1]
