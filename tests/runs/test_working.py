"""``app.work``: workers on one store drive every due run, none twice, and no run stops the others."""

from __future__ import annotations

import asyncio
import logging
import signal
import sqlite3
import sys
import threading
import time
from dataclasses import replace
from itertools import pairwise

import pytest
from pydantic import BaseModel

from guideway import START, Budget, Context, End, Flow, all_of, approval, compute, on, tool
from guideway.errors import ConfigError, StoreError
from guideway.nodes.calls import NOT_DONE
from guideway.runs import believing, working
from guideway.runs.store import Draft, Event, RequestDraft, driving
from guideway.runs.store.holder import this_process
from guideway.runs.working import Worker, again_at
from tests.runs.desks import done, opened
from tests.runs.processes import Process
from tests.torture.world import World

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the death of a process is proved by /proc")


class Job(BaseModel):
    item: str = "a"
    receipt: str | None = None


def seen(item: str, context: Context) -> str:
    """Asks the world whether it was charged."""
    return context.deps.found(context.key) or NOT_DONE


@tool(effect="once", stakes="low", timeout=5.0, reconcile=seen, writes="receipt")
def charge(item: str, context: Context) -> str:
    """Charges, and takes a moment, in which a process can be killed."""
    receipt = context.deps.does("charge", context.key, item)
    time.sleep(0.02)
    return str(receipt)


@compute(writes="receipt")
def note(item: str) -> str:
    """Something harmless."""
    return item


CHARGES = Flow("charges", state=Job, edges=[on(START, charge), on(charge, End("done"))], budget=Budget(steps=3))
NOTES = Flow("notes", state=Job, edges=[on(START, note), on(note, End("done"))], budget=Budget(steps=3))


def left(app, *names):
    """Runs that were begun and let go by their driver, as when it was stopped at once."""
    for name in names:
        app.store.release(app._engine.begin({"item": name}, name, "web", ()).lease)


def statuses(app):
    """How many runs have each status."""
    found = [row.status for row in app.store.runs(limit=100_000)]
    return {status: found.count(status) for status in set(found)}


def once():
    """What `work` is given to drive what is due and stop."""
    return True


async def until(true):
    """Wait until something becomes true."""
    while not true():  # noqa: ASYNC110  # what is waited for happens in threads and processes
        await asyncio.sleep(0.01)


def damage(path, statement, *values):
    """Change a store's file as no program of ours would."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()


# several workers

WORKS = """
from pathlib import Path
from guideway import Anyone
from tests.runs.test_working import CHARGES
from tests.torture.world import World
app = CHARGES.compile(store=path, deps=World(Path(path).parent), roles=Anyone())
tell("ready")
hear()
app.work(until=lambda: not app.store.drivable("charges") and not app.store.parked("charges"), pause=0.05, at_once=2)
"""


@LINUX
def test_workers_in_several_processes_drive_every_run_once_though_one_is_killed(tmp_path):
    """Three processes work on one file; one is killed with -9 in the midst: each run ends, and is charged once."""
    names = [f"r{number}" for number in range(24)]
    with opened(tmp_path, CHARGES) as app:
        left(app, *names)
        workers = [Process(WORKS, tmp_path / "runs.db") for _ in range(3)]
        for worker in workers:
            assert worker.hear() == "ready"
        for worker in workers:
            worker.tell()
        while len(World(tmp_path).done()) < 8:
            time.sleep(0.005)
        workers[1].signal(signal.SIGKILL)
        assert [worker.end() for worker in workers] == [0, -signal.SIGKILL, 0]
        app.work(until=lambda: not app.store.drivable("charges"), pause=0.05)  # what a last look just missed
        assert statuses(app) == {"ended": 24}
        assert {row.verdict for row in app.store.runs(limit=100)} == {"success"}
        assert all(app.store.verify(name) is None for name in names)
    assert sorted(done(tmp_path)) == sorted(f"charge\t{name}" for name in names)


def test_workers_in_one_process_share_the_runs(tmp_path):
    """Three Apps on one file, each in its own thread and loop: no run is driven by two, and none is left."""
    names = [f"r{number}" for number in range(60)]
    driven: dict[int, int] = {}
    with opened(tmp_path, NOTES) as app:
        left(app, *names)

        def work(number):
            with opened(tmp_path, NOTES) as own:
                driven[number] = own.work(until=lambda: not own.store.drivable("notes"), pause=0.02)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses(app) == {"ended": 60}
        assert all(len(app.get(name).steps) == 1 for name in names)
    assert sum(driven.values()) == 60


def test_two_workers_on_one_loop(tmp_path):
    """Two workers of one App on one loop drive each run once between them."""

    async def main(app):
        return await asyncio.gather(app.awork(until=once, pause=0.01), app.awork(until=once, pause=0.01))

    with opened(tmp_path, NOTES) as app:
        left(app, *"abcdefgh")
        assert sum(asyncio.run(main(app))) == 8
        assert all(len(app.get(name).steps) == 1 for name in "abcdefgh")


def test_a_busy_run_holds_up_no_other(tmp_path):
    """The oldest run is driven by somebody else: the others are driven, and it is too once it is let go."""
    with opened(tmp_path, NOTES) as app, opened(tmp_path, NOTES) as other:
        left(app, "a", "b", "c")
        lease = other.store.acquire("a")
        assert app.work(until=once) == 2
        assert [row.id for row in app.store.runs("running")] == ["a"]
        other.store.release(lease)
        assert app.work(until=once) == 1


def test_more_than_a_thousand_due_runs_are_begun_oldest_first(tmp_path, monkeypatch):
    """However many runs are due, all are begun in one round, and the oldest first."""
    begun: list[str] = []

    async def drive(self, run_id):
        begun.append(run_id)

    with opened(tmp_path, NOTES) as app:
        left(app, "r0", "r1", "r2")
        assert app.work(until=once, at_once=1) == 3
        names = [f"s{number}" for number in range(1_010)]
        for name in names:
            app.store.create(run_id=name, flow="notes", shape="s", build="b", events=[Draft("started", {})])
        monkeypatch.setattr(Worker, "_drive", drive)
        app.work(until=once)
        assert begun == names


def test_a_run_that_kills_its_drivers_comes_last(tmp_path):
    """A run under which process after process died holds up no other: it is taken when nothing else is due."""
    with opened(tmp_path, NOTES) as app:
        left(app, "a", "b", "c")
        nobody = replace(this_process(), pid=2**22 + 7)
        for run, fence, dead_from in (("a", 4, 2), ("b", 2, 1)):
            damage(
                app.store.path,
                "update runs set holder = ?, fence = ?, dead_from = ?, until = 9e9, ticks = 9e9, ttl = 15 where id = ?",
                *(nobody.text(), fence, dead_from, run),
            )
        assert app.store.drivable("notes") == ["b", "c", "a"]
        assert driving.DEATHS == 3
        assert app.work(until=once) == 3


# several runs at a time


def test_several_runs_are_driven_at_a_time_and_a_long_one_holds_up_none(tmp_path):
    """at_once= runs are under way together and never more; what becomes due meanwhile is begun while one goes on."""
    now, most, goes_on = [], [], asyncio.Event()

    @compute(writes="receipt")
    async def waits(item: str) -> str:
        now.append(item)
        most.append(len(now))
        if item == "long":
            await goes_on.wait()
        else:
            await asyncio.sleep(0.01)
        now.remove(item)
        return item

    flow = Flow("waits", state=Job, edges=[on(START, waits), on(waits, End("done"))])

    async def main(app):
        task = asyncio.create_task(app.awork(pause=0.01, at_once=3, until=goes_on.is_set))
        await until(lambda: statuses(app).get("ended") == 9)
        left(app, "late")
        await until(lambda: statuses(app).get("ended") == 10)
        assert now == ["long"]
        goes_on.set()
        return await task

    with opened(tmp_path, flow) as app:
        left(app, "long", *(f"r{number}" for number in range(9)))
        assert asyncio.run(asyncio.wait_for(main(app), 20)) == 11
    assert max(most) == 3


def test_until_is_asked_after_each_round_and_what_is_under_way_ends(tmp_path):
    """until= is asked when all that was due has been begun; with True what was begun is driven to its end."""
    asked = []
    with opened(tmp_path, NOTES) as app:
        left(app, *"abc")
        assert app.work(until=lambda: bool(asked.append(statuses(app))) or len(asked) > 2, pause=0.01) == 3
        assert statuses(app) == {"ended": 3}
        assert app.work(until=once) == 0
        with pytest.raises(ZeroDivisionError, match="division"):
            app.work(until=lambda: 1 // 0)
    assert asked[-1] == {"ended": 3}


@pytest.mark.parametrize(
    ("wrong", "says"), [({"at_once": 0}, "at_once=0.* drives nothing"), ({"pause": 0}, "pause=0.* never rest")]
)
def test_what_cannot_be_is_said(tmp_path, wrong, says):
    """A worker that would drive nothing, or never rest, is refused."""
    with opened(tmp_path, NOTES) as app, pytest.raises(ConfigError, match=says):
        app.work(until=once, **wrong)


# what one run does to the others


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("update events set body = '{' where key >> 32 = 1", "cannot be read"),
        ("update events set kind = 'nonsense' where key >> 32 = 1", "it was changed: it does not fit"),
        ("update runs set holder = 'nobody' where rid = 1", "the row of run 'a' cannot be read"),
        ("update runs set tags = 'x' where rid = 1", "the row of run 'a' cannot be read"),
    ],
)
def test_a_damaged_run_is_logged_and_put_off(tmp_path, caplog, statement, says):
    """A journal or a row that cannot be read stops its own run alone; it is told once and not tried in every round."""
    rounds = []
    with opened(tmp_path, NOTES) as app:
        left(app, "a", "b")
        damage(app.store.path, statement)
        with caplog.at_level(logging.ERROR, "guideway"):
            assert app.work(until=lambda: bool(rounds.append(1)) or len(rounds) > 5, pause=0.01) == 1
        assert app.get("b").verdict == "success"
    told = [record.message for record in caplog.records]
    assert len(told) == 1
    assert "run a could not be driven, and is tried again in 5 s" in told[0]
    assert says in told[0]


@pytest.mark.parametrize("error", [ConfigError("no model"), StoreError("the disk is full"), ValueError("a bug")])
def test_an_error_of_one_run_is_put_off_longer_each_time(tmp_path, caplog, monkeypatch, error):
    """A run that cannot be driven is tried again after a while, then after twice that; once it is, all is well."""
    monkeypatch.setattr(working, "PUT_OFF", 0.02)
    with opened(tmp_path, NOTES) as app:
        left(app, "a", "b")
        take, failed = app._engine.take, []

        async def fails(run_id):
            if run_id == "a" and len(failed) < 3:
                failed.append(time.monotonic())
                raise error
            return await take(run_id)

        app._engine.take = fails
        with caplog.at_level(logging.ERROR, "guideway"):
            assert app.work(until=lambda: app.get("a").status == "ended", pause=0.005) == 2
    gaps = [after - before for before, after in pairwise(failed)]
    assert [gap >= wanted for gap, wanted in zip(gaps, (0.02, 0.04), strict=True)] == [True, True]
    assert len(caplog.records) == 3
    assert str(error) in caplog.text


def test_a_damaged_request_holds_up_no_other(tmp_path, caplog):
    """A request that cannot be read does not keep the others from expiring."""
    with opened(tmp_path, NOTES) as app:
        for name in "ab":
            lease = app._engine.begin({}, name, "web", ()).lease
            body = {"request": name, "asked": 1.0}
            request = RequestDraft(name, "lead", "d", body, due=2.0)
            app.store.append(lease, [Draft("asked", body)], status="waiting", open_requests=[request], release=True)
        damage(app.store.path, "update requests set body = '{' where id = 'a'")
        with caplog.at_level(logging.ERROR, "guideway"):
            for _ in range(3):
                app.work(until=once)
        assert "expired" in [event.kind for event in app.store.events("b")]
    assert [record.message.split(":")[0] for record in caplog.records if "expire" in record.message] == [
        "request a cannot expire"
    ]


def test_a_run_that_does_not_move_is_not_driven_hot(tmp_path, caplog):
    """A run that a drive leaves where it was is put off, not driven again and again."""
    taken = []
    with opened(tmp_path, NOTES) as app:
        left(app, "a")

        async def stands_still(drive):
            taken.append(drive.lease.run)
            app.store.release(drive.lease)

        app._engine.drive = stands_still
        rounds = []
        app.work(until=lambda: bool(rounds.append(1)) or len(rounds) > 10, pause=0.005)
    assert taken == ["a"]
    assert "it did not move" in caplog.text


# parked runs that can ask the world


@pytest.mark.parametrize("happened", [True, False])
def test_a_parked_effect_is_asked_about_again_and_not_hot(tmp_path, monkeypatch, happened):
    """A run parks since nobody knows of its effect: when the call is surely over, the worker asks reconcile= again."""
    monkeypatch.setattr(working, "GRACE", 0.05)
    monkeypatch.setattr(believing, "GRACE", 0.05)
    monkeypatch.setattr(working, "PUT_OFF", 0.1)
    asked, knows = [], []

    def seen_later(item: str, context: Context) -> str:
        asked.append(time.monotonic())
        if not knows:
            raise ConnectionError("the world does not answer")
        return "found" if happened else NOT_DONE

    @tool(effect="once", stakes="low", timeout=0.1, reconcile=seen_later, writes="receipt")
    def pays(item: str, context: Context) -> str:
        if knows:
            return str(context.deps.does("charge", context.key, item))
        raise OSError("the line broke")

    flow = Flow("pays", state=Job, edges=[on(START, pays), on(pays, End("done"))], budget=Budget(steps=5))
    with opened(tmp_path, flow) as app:
        assert app.start({}, run_id="a").status == "parked"
        begun = time.monotonic()
        app.work(until=lambda: time.monotonic() > begun + 0.5, pause=0.005)
        assert app.get("a").status == "parked"
        assert 2 <= len(asked) <= 4  # at once, after 0.15 s, and 0.2 s after that; not in each of a hundred rounds
        knows.append(True)
        app.work(until=lambda: app.get("a").status == "ended", pause=0.005)
        assert app.get("a").state.receipt == ("found" if happened else "charge of a")
    assert len(done(tmp_path)) == (0 if happened else 1)


def test_a_branch_beside_a_parked_one_goes_on(tmp_path):
    """A run that is parked in one branch and decided in another is driven on in the other, once."""

    @tool(effect="once", stakes="low", timeout=1.0, writes="receipt")
    def odd() -> str:
        raise OSError("the line broke")

    @compute(writes="item")
    def fine(item: str) -> str:
        return item + "!"

    end = End("end")
    lead = approval("lead", within="1h", denied=note, expired=note)
    rows = [on(START, all_of(odd, lead >> fine)), on(odd, note), on(fine, note), on(note, end)]
    with opened(tmp_path, Flow("both", state=Job, edges=rows)) as app:
        run = app.start({}, run_id="r", by="web")
        assert run.status == "parked"
        assert app.work(until=once) == 0
        app.approve(run.waiting[0], by="ann")
        rounds = []
        assert app.work(until=lambda: bool(rounds.append(1)) or len(rounds) > 5, pause=0.01) == 1
        assert [step.node for step in app.get("r").steps] == ["fine"]
        app.settle("r", None, "found", by="ann")
        assert app.work(until=once) == 1
        assert app.get("r").verdict == "success"


def event(number, what, at, **body):
    """An event of a journal."""
    return Event(number, what, at, body, b"")


INTENT = event(2, "intent", 100.0, slot="call.1", kind="tool", tool="pay", timeout=30.0)
PARKED = event(3, "parked", 101.0, reason="unknown_effect", slot="call.1")


@pytest.mark.parametrize(
    ("events", "at"),
    [
        ([INTENT, PARKED], 135.0),
        ([INTENT, PARKED, event(4, "resumed", 140.0), event(5, "parked", 141.0, reason="unknown_effect")], 151.0),
        ([INTENT, *(event(n, "parked", 1000.0, reason="unknown_effect") for n in range(3, 40))], 1300.0),
        ([INTENT, PARKED, event(4, "parked", 102.0, reason="flow_changed")], None),
        ([INTENT, event(3, "result", 101.0, slot="call.1", value=1), PARKED], None),
        ([INTENT], None),
        ([event(2, "intent", 100.0, slot="call.1", kind="tool", tool="other", timeout=1.0), PARKED], None),
        ([event(2, "intent", 100.0, slot="model.1", kind="model"), PARKED], None),
    ],
)
def test_when_the_world_is_asked_again(events, at):
    """First when the call's timeout and a grace have passed, then at twice the distance, five minutes at the most."""
    assert again_at([event(1, "started", 99.0), *events], {"pay"}) == at
