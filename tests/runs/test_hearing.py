"""Hearing: a drive is given up soon after its run was cancelled or taken over, and never inside of an effect."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import time
from typing import Any

import pytest
from pydantic import BaseModel

from guideway import START, Budget, End, Flow, compute, on
from guideway.errors import LeaseLost
from guideway.runs import hearing as module
from guideway.runs.hearing import hearing
from guideway.runs.store import Change, Draft, SqliteStore
from guideway.runs.store.border import mapped
from tests.runs.desks import opened

EVERY = 0.02
TOOL = {"slot": "call.1", "kind": "tool", "tool": "pay"}
MODEL = {"slot": "model.1", "kind": "model"}


@pytest.fixture
def store(tmp_path):
    """A store in a file."""
    with SqliteStore(tmp_path / "runs.db") as store:
        yield store


def begin(store, run="r"):
    """A run that this process drives."""
    return store.create(run_id=run, flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]


async def driven(store, lease, *, seconds=30.0, log=None):
    """What drives a run: it waits for something, and says whether it was given up."""
    async with hearing(store, lease, every=EVERY):
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            if log is not None:
                log.append("given up")
            raise
    return "done"


def changed_by(draft):
    """A change of one event, as somebody else would write it."""
    return Change([draft])


def taken_over(store, lease):
    """Another process takes the run over, as when this one was stopped for longer than its lease."""
    other = sqlite3.connect(store.path)
    with other:
        other.execute("update runs set fence = fence + 1 where rid = ?", (lease.rid,))
    other.close()


@pytest.mark.parametrize("open_call", [None, MODEL], ids=["between calls", "a model's call"])
def test_a_cancelled_run_is_given_up_soon(store, open_call):
    """A drive that waits hears of the cancel while it waits, a model's answer or not, and ends with LeaseLost."""
    lease = begin(store)
    if open_call:
        store.append(lease, [Draft("intent", open_call)])

    async def main():
        task = asyncio.create_task(driven(store, lease))
        await asyncio.sleep(EVERY)
        store.cancel("r", Draft("cancelled", {}))
        begun = time.monotonic()
        with pytest.raises(LeaseLost, match="run 'r' is cancelled now, and this process does not drive it") as caught:
            await task
        assert caught.value.data["status"] == "cancelled"
        assert task.cancelling() == 0
        return time.monotonic() - begun

    assert asyncio.run(main()) < 1


def test_a_run_that_was_taken_over_is_given_up(store):
    """A driver that lost its lease stops waiting; the run's status is another's business."""
    lease = begin(store)

    async def main():
        task = asyncio.create_task(driven(store, lease))
        await asyncio.sleep(EVERY)
        taken_over(store, lease)
        with pytest.raises(LeaseLost, match="is running now, and this process does not drive it any more"):
            await task

    asyncio.run(main())


def test_an_effect_under_way_is_never_broken_off(store):
    """A lost lease is no reason to stop inside of a call that touches the world, whatever others journal about it."""
    lease = begin(store)
    store.append(lease, [Draft("intent", TOOL)])
    log: list[str] = []

    async def main():
        task = asyncio.create_task(driven(store, lease, seconds=EVERY * 12, log=log))
        await asyncio.sleep(EVERY)
        taken_over(store, lease)
        store.append_outside("r", lambda *_: changed_by(Draft("result", {"slot": "call.1", "value": 1})))
        assert await task == "done"

    asyncio.run(main())
    assert log == []


def test_a_drive_is_given_up_once_its_effect_is_over(store):
    """A call whose result is recorded does not hold the drive any more."""
    lease = begin(store)
    store.append(lease, [Draft("intent", TOOL)])
    store.append(lease, [Draft("result", {"slot": "call.1", "value": 1})])
    taken_over(store, lease)
    with pytest.raises(LeaseLost, match="does not drive it any more"):
        asyncio.run(driven(store, lease))


def test_a_run_that_is_left_alone_is_driven_to_its_end(store):
    """Decisions and other events from outside are no reason to stop; afterwards nobody listens any more."""
    lease = begin(store)

    async def main():
        task = asyncio.create_task(driven(store, lease, seconds=EVERY * 6))
        await asyncio.sleep(EVERY)
        store.append_outside("r", lambda *_: changed_by(Draft("decided", {})))
        assert await task == "done"
        ear = module._ear(store, EVERY)
        assert not ear._heard
        await asyncio.sleep(EVERY * 3)
        assert ear._timer is None

    asyncio.run(main())


def test_a_cancellation_from_outside_stays_one(store):
    """Who cancels the task gets CancelledError, also when the run was cancelled in the same moment."""
    lease = begin(store)

    async def main(also):
        task = asyncio.create_task(driven(store, lease))
        await asyncio.sleep(EVERY)
        if also:
            store.cancel("r", Draft("cancelled", {}))
            module._ear(store, EVERY)._look()
        task.cancel()
        with pytest.raises(asyncio.CancelledError, match="^$"):
            await task

    asyncio.run(main(also=False))
    asyncio.run(main(also=True))


def test_one_question_is_asked_for_all_runs(store, monkeypatch):
    """The store is asked once a look for all the runs of a loop, and only the one that was cancelled is given up."""
    leases = [begin(store, f"r{number}") for number in range(20)]
    asked: list[set[int]] = []
    fences = store.fences
    monkeypatch.setattr(store, "fences", lambda rids: asked.append(set(rids)) or fences(rids))

    async def main():
        tasks = [asyncio.create_task(driven(store, lease, seconds=EVERY * 8)) for lease in leases]
        await asyncio.sleep(0)
        store.cancel("r7", Draft("cancelled", {}))
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(main())
    assert [type(item) for item in found] == [str] * 7 + [LeaseLost] + [str] * 12
    assert asked[0] == {lease.rid for lease in leases}
    assert len(asked) <= 9


def test_a_store_that_cannot_be_read_is_asked_again(store, monkeypatch):
    """An error of one look gives nothing up and ends no listening."""
    lease = begin(store)
    fences, failed = store.fences, []

    def fails(rids):
        if not failed:
            failed.append(True)
            raise mapped(sqlite3.OperationalError("the disk failed"), store.path)
        return fences(rids)

    monkeypatch.setattr(store, "fences", fails)
    store.cancel("r", Draft("cancelled", {}))
    with pytest.raises(LeaseLost, match="is cancelled now"):
        asyncio.run(driven(store, lease))
    assert failed == [True]


def test_nothing_is_kept_of_a_store_that_is_gone(tmp_path):
    """Listening holds no store alive."""
    store = SqliteStore(tmp_path / "other.db")
    asyncio.run(driven(store, begin(store), seconds=0))
    before = len(module._ears)
    store.close()
    del store
    gc.collect()
    assert len(module._ears) < before


class Note(BaseModel):
    text: str = ""


def test_a_whole_drive_is_given_up(tmp_path):
    """A run that idles inside of a step is given up with the engine around it, and commits nothing after the cancel."""
    asleep = asyncio.Event()

    @compute(writes="text")
    async def idles(text: str) -> str:
        asleep.set()
        await asyncio.sleep(60)
        return "woken"

    flow = Flow("idle", state=Note, edges=[on(START, idles), on(idles, End("done"))], budget=Budget(steps=3))

    async def main(app: Any, other: Any):
        drive = app._engine.begin({}, "r", "web", ())

        async def work():
            async with hearing(app.store, drive.lease, every=EVERY):
                await app._engine.drive(drive)

        task = asyncio.create_task(work())
        await asleep.wait()
        other.cancel("r", by="bob")
        with pytest.raises(LeaseLost, match="'r' is cancelled now"):
            await task

    with opened(tmp_path, flow) as app, opened(tmp_path, flow) as other:
        asyncio.run(asyncio.wait_for(main(app, other), 10))
        assert [event.kind for event in other.get("r").events] == ["started", "cancelled"]
        assert app.store.run("r").holder is None
