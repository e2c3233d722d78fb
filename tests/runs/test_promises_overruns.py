"""A call whose time is over may go on in its thread: nobody believes that it did nothing, and how it ends counts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
import time
from typing import Any

import pytest
from pydantic import BaseModel

from guideway import NOT_DONE, START, Budget, Context, End, Flow, Retry, all_of, failed, on, tool
from guideway.errors import RunNotReady, StoreLocked
from tests.runs.desks import done, opened
from tests.runs.processes import Process
from tests.torture.flows import Declined


class Job(BaseModel):
    item: str = "a"
    first: str | None = None
    second: str | None = None


class Late:
    """A tool that goes on until it is let, and how it ends then.

    Args:
        reconcile: whether the world can be asked; it knows what was done.
        ends: what it raises in the end; None returns.
        options: of the tool.
    """

    def __init__(self, *, reconcile: bool = False, ends: BaseException | None = None, **options: Any) -> None:
        self.goes_on = threading.Event()
        self.over = threading.Event()
        self.calls = 0

        def asks(item: str, context: Context) -> Any:
            found = context.deps.found(context.key)
            return NOT_DONE if found is None else found

        def charge(item: str, context: Context) -> str:
            self.calls += 1
            first = self.calls == 1
            if first:
                self.goes_on.wait(60)
                if ends is not None:
                    raise ends
            return str(context.deps.does("charge", context.key, item))

        more = {"reconcile": asks} if reconcile else {}
        whole = {"timeout": 0.1, "stakes": "low", "writes": "first", "not_done": Declined} | more | options
        self.tool = tool(effect="once", **whole)(charge)
        self.flow = Flow(
            "late",
            state=Job,
            edges=[on(START, self.tool), on(self.tool, failed("declined") >> End("declined"), End("charged"))],
            budget=Budget(steps=9),
        )

    def end(self, app: Any, run: str = "r", kinds: tuple[str, ...] = ("result", "breach")) -> None:
        """Lets it go on, and waits until its end is on record."""
        before = app.get(run).events[-1].number
        self.goes_on.set()
        until(lambda: any(event.kind in kinds for event in app.store.events(run, before)))


def until(true: Any) -> None:
    """Waits until something is so."""
    for _ in range(1500):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to it")


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time and the grace of every call are over at once."""
    monkeypatch.setattr("guideway.runs.believing.GRACE", -1000.0)


def test_no_not_done_is_believed_while_it_runs(tmp_path, no_grace):
    """However long ago its time was over: while its thread runs the run stays parked, and says where it runs."""
    late = Late(reconcile=True)
    with opened(tmp_path, late.flow) as app:
        run = app.start({}, run_id="r")
        assert run.status == "parked"
        assert run.parked[0].running is not None
        assert "pid" in run.parked[0].running
        for _ in range(3):
            again = app.resume("r")
            assert again.status == "parked"
            assert "still running in this process" in again.error.message
        assert late.calls == 1
        late.end(app)
        assert app.get("r").status == "ready"
        run = app.resume("r")
        assert (run.end, run.state.first, run.parked) == ("charged", "charge of a", ())
        assert done(tmp_path) == ["charge\ta"]


def test_what_it_returns_in_the_end_is_its_result(tmp_path):
    """Without reconcile= too: a thread that ends late tells, and the run that is parked on it goes on with that."""
    late = Late()
    with opened(tmp_path, late.flow) as app:
        assert app.start({}, run_id="r").status == "parked"
        assert app.resume("r").status == "parked"
        late.end(app)
        run = app.resume("r")
        assert (run.end, run.state.first, late.calls) == ("charged", "charge of a", 1)
        told = next(event.body for event in run.events if event.kind == "result")
        assert told["late"] == next(event.number for event in run.events if event.kind == "intent")


def test_a_late_proof_that_nothing_was_done_is_its_failure(tmp_path):
    """An exception of not_done= that comes late is what the step failed with."""
    late = Late(ends=Declined("closed"))
    with opened(tmp_path, late.flow) as app:
        assert app.start({}, run_id="r").status == "parked"
        late.end(app)
        run = app.resume("r")
        assert (run.end, late.calls, done(tmp_path)) == ("declined", 1, [])


def test_any_other_late_end_stays_unknown_and_lets_the_world_be_believed(tmp_path):
    """It ended, so it cannot act any more: from then on NOT_DONE is believed, before its time and grace are over."""
    late = Late(reconcile=True, ends=RuntimeError("who knows"), timeout=0.1)
    with opened(tmp_path, late.flow) as app:
        assert app.start({}, run_id="r").status == "parked"
        late.end(app)
        run = app.get("r")
        assert (run.status, run.parked[0].running) == ("parked", None)
        run = app.resume("r")
        assert (run.end, late.calls, done(tmp_path)) == ("charged", 2, ["charge\ta"])


def test_a_late_end_that_proves_nothing_is_settled_by_a_person(tmp_path):
    """Without reconcile= it stays parked; while it runs here nobody can say that nothing was done."""
    late = Late(ends=RuntimeError("who knows"))
    with opened(tmp_path, late.flow) as app:
        app.start({}, run_id="r")
        with pytest.raises(RunNotReady, match="still running in .* so it may yet act"):
            app.settle("r", None, NOT_DONE, by="ann")
        late.end(app)
        assert app.resume("r").status == "parked"
        app.settle("r", None, NOT_DONE, by="ann", note="seen in the books")
        assert app.resume("r").state.first == "charge of a"
        assert (late.calls, done(tmp_path)) == (2, ["charge\ta"])


@pytest.mark.parametrize("claimed", ["charge of a", "something else"])
def test_what_a_person_settled_meanwhile_stays_and_a_contradiction_is_told(tmp_path, caplog, claimed):
    """A person may say what it returned while it runs; where it ends otherwise, the journal and the log say so."""
    late = Late()
    with opened(tmp_path, late.flow) as app, caplog.at_level(logging.ERROR, "guideway"):
        app.start({}, run_id="r")
        app.settle("r", None, claimed, by="ann", note="seen in the books")
        assert app.resume("r").state.first == claimed
        late.goes_on.set()
        until(lambda: not any(thread.name == "guideway-tool" for thread in threading.enumerate()))
        told = [event.body for event in app.get("r").events if event.kind == "breach" and "settled" in event.body]
        assert len(told) == (claimed == "something else")
        assert any("ended otherwise" in record.message for record in caplog.records) == bool(told)
        assert app.get("r").state.first == claimed


def test_a_step_that_went_its_way_uses_it_when_it_is_tried_again(tmp_path, no_grace):
    """An edge took the unknown effect, and the run is over: a retry neither asks nor calls, it uses what was told."""
    late = Late(reconcile=True)
    flow = Flow(
        "way", state=Job, budget=Budget(steps=9),
        edges=[on(START, late.tool), on(late.tool, failed("unknown_effect") >> End("no", verdict="failed"), End("ok"))],
    )  # fmt: skip
    with opened(tmp_path, flow) as app:
        assert app.start({}, run_id="r").end == "no"
        assert app.retry("r", by="ann").end == "no"  # it runs: the world is not believed
        late.end(app)
        assert app.get("r").end == "no"
        run = app.retry("r", by="ann")
        assert (run.end, run.state.first, late.calls) == ("ok", "charge of a", 1)


def test_a_business_key_is_settled_by_it(tmp_path):
    """While it runs a second run of the key is told whom to ask; once it ended, that run gets its result."""
    late = Late(key="item")
    with opened(tmp_path, late.flow) as app:
        app.start({}, run_id="r")
        error = app.start({}, run_id="s").error
        assert (error.category, error.type) == ("unavailable", "KeyUnknown")
        assert "Settle run 'r', then retry this one" in error.message
        late.end(app)
        assert app.retry("s", by="ann").state.first == "charge of a"
        assert app.store.effect("charge:a").status == "done"
        assert app.resume("r").state.first == "charge of a"
        assert late.calls == 1


def test_a_business_key_is_free_again_when_nothing_was_done(tmp_path):
    """A late proof that nothing was done lets the next run of the key call."""
    late = Late(key="item", ends=Declined("closed"))
    with opened(tmp_path, late.flow) as app:
        app.start({}, run_id="r")
        late.end(app)
        assert app.store.effect("charge:a") is None
        assert app.start({}, run_id="s").state.first == "charge of a"
        assert app.resume("r").end == "declined"


def test_a_fork_believes_no_more_than_its_parent(tmp_path, no_grace):
    """A fork that inherits the open call waits for the same end, and uses it."""
    late = Late(reconcile=True, key="item")
    with opened(tmp_path, late.flow) as app:
        app.start({}, run_id="r")
        fork = app.fork("r", at=0, by="bob", new_id="f")
        assert (fork.status, late.calls) == ("parked", 1)
        assert app.resume("f").status == "parked"
        late.end(app)
        run = app.resume("f")
        assert (run.state.first, app.resume("r").state.first, late.calls) == ("charge of a", "charge of a", 1)


def test_it_is_told_to_a_run_that_was_driven_on_under_another_flow(tmp_path):
    """Meanwhile the flow was changed and the run parked for it: the end is recorded for whoever folds it."""
    late = Late()
    other = Flow(
        "late", state=Job, budget=Budget(steps=9),
        edges=[on(START, late.tool), on(late.tool, failed("declined") >> End("declined"), End("charged"))],
        on_failure=End("new", verdict="failed"),
    )  # fmt: skip
    gone = Flow("late", state=Job, edges=[on(START, End("other"))])
    with opened(tmp_path, late.flow) as app:
        app.start({}, run_id="r")
        with opened(tmp_path, gone) as changed:
            assert changed.resume("r").status == "parked"
        late.end(app)
        with opened(tmp_path, other) as changed:
            run = changed.resume("r")
            assert (run.end, run.state.first, late.calls) == ("charged", "charge of a", 1)


def test_a_store_that_is_locked_is_told_later(tmp_path, monkeypatch):
    """Where it cannot be said at once that a call goes on, it is said as soon as the store can be written."""
    late = Late()
    with opened(tmp_path, late.flow) as app:
        append, refused = app.store.append_outside, []

        def busy(*args: Any, **options: Any) -> Any:
            if len(refused) < 2:
                refused.append(args)
                raise StoreLocked("another program holds it")
            return append(*args, **options)

        app.store.append_outside = busy
        app.start({}, run_id="r")
        until(lambda: app.get("r").parked[0].running is not None)
        assert len(refused) == 2
        late.end(app)
        assert app.resume("r").state.first == "charge of a"


def test_what_a_coroutine_waited_for_may_go_on_too(tmp_path, monkeypatch):
    """An async call is cancelled at its timeout, and the server that it asked may yet act: NOT_DONE waits a grace."""
    calls: list[str] = []

    def asks(item: str, context: Context) -> Any:
        found = context.deps.found(context.key)
        return NOT_DONE if found is None else found

    @tool(
        effect="once", stakes="low", timeout=0.1, writes="first", reconcile=asks, retry=Retry(attempts=2, pause=0.001)
    )
    async def hand_over(item: str, context: Context) -> str:
        calls.append(item)
        server = threading.Timer(0.3, context.deps.does, args=("charge", context.key, item))
        server.start()
        await asyncio.sleep(30)
        return "never"

    flow = Flow("hands over", state=Job, edges=[on(START, hand_over), on(hand_over, End("charged"))])
    with opened(tmp_path, flow) as app:
        assert app.start({}, run_id="r").status == "parked"
        assert calls == ["a"]
        until(lambda: done(tmp_path))
        monkeypatch.setattr("guideway.runs.believing.GRACE", -1000.0)
        run = app.resume("r")
        assert (run.end, run.state.first) == ("charged", "charge of a")
        assert (calls, done(tmp_path)) == (["a"], ["charge\ta"])


def test_an_async_call_that_swallows_its_cancellation_is_waited_for(tmp_path):
    """It still runs, in sight: its run is not let go, nobody else drives it, and what it returns is its result."""

    @tool(effect="once", stakes="low", timeout=0.1, writes="first")
    async def stubborn(item: str, context: Context) -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(30)
        assert app.store.held("r") == "held"
        return str(context.deps.does("charge", context.key, item))

    flow = Flow("stubborn", state=Job, edges=[on(START, stubborn), on(stubborn, End("charged"))])
    with opened(tmp_path, flow) as app:
        run = app.start({}, run_id="r")
        assert (run.end, run.state.first, done(tmp_path)) == ("charged", "charge of a", ["charge\ta"])


def test_a_branch_beside_it_goes_on_and_the_end_is_heard(tmp_path):
    """In a parallel branch: what is beside it works on, and the run goes on when the call has told its end."""
    late = Late()

    @tool(effect="once", stakes="low", timeout=30.0, writes="second")
    def beside(item: str, context: Context) -> str:
        until(lambda: any(event.kind == "breach" for event in app.store.events("r")))
        late.end(app, kinds=("result",))
        return str(context.deps.does("beside", context.key, item))

    both = End("both")
    flow = Flow(
        "two", state=Job, budget=Budget(steps=9),
        edges=[on(START, all_of(late.tool, beside)), on(late.tool, both), on(beside, both)],
    )  # fmt: skip
    with opened(tmp_path, flow) as app:
        run = app.start({}, run_id="r")
        assert (run.end, run.state.first, run.state.second) == ("both", "charge of a", "beside of a")
        assert late.calls == 1


def test_a_task_that_is_cancelled_from_outside_leaves_its_call_accounted_for(tmp_path, no_grace):
    """Who drives is cancelled, and the thread goes on: it is known to, and its end counts."""
    late = Late(reconcile=True, timeout=30.0)

    async def drive(app: Any) -> None:
        task = asyncio.create_task(app.astart({}, run_id="r"))
        await asyncio.to_thread(until, lambda: late.calls)
        task.cancel()
        with pytest.raises(asyncio.CancelledError, match="^$"):
            await task

    with opened(tmp_path, late.flow) as app:
        asyncio.run(drive(app))
        assert app.resume("r").status == "parked"
        assert late.calls == 1
        late.end(app)
        assert app.resume("r").state.first == "charge of a"
        assert (late.calls, done(tmp_path)) == (1, ["charge\ta"])


@pytest.mark.parametrize("store", ["closed", "open"])
def test_closing_the_app_waits_for_nothing_and_loses_nothing(tmp_path, store):
    """close() does not wait for the thread; its end is recorded all the same, while its process lives."""
    late = Late()
    with opened(tmp_path, late.flow) as other:
        with opened(tmp_path, late.flow) as app:
            assert app.start({}, run_id="r").status == "parked"
            if store == "open":
                late.end(other)
        assert (other.get("r").parked == ()) == (store == "open")
        if store == "closed":
            late.end(other)
        assert other.resume("r").state.first == "charge of a"
        assert late.calls == 1


def test_a_worker_wakes_the_run_and_does_not_spin(tmp_path, no_grace):
    """A worker leaves a run alone whose call still runs, and drives it when that has ended."""
    late = Late(reconcile=True)
    looks = 0

    def enough() -> bool:
        nonlocal looks
        looks += 1
        if looks == 20:
            late.end(app)
        return looks >= 20 and app.get("r").status == "ended"

    with opened(tmp_path, late.flow) as app:
        app.start({}, run_id="r")
        app.work(until=enough, pause=0.01)
        run = app.get("r")
        assert run.state.first == "charge of a"
        assert sum(event.kind == "parked" for event in run.events) == 1


# several processes

AWAY = """
    from pathlib import Path
    import threading
    from guideway.testing.models import ScriptedModel
    from guideway import Anyone
    from tests.torture.world import World
    from tests.runs.test_promises_overruns import Late
    late = Late(reconcile=True)
    app = late.flow.compile(store=path, deps=World(Path(path).parent), roles=Anyone())
    run = app.start({}, run_id="r")
    tell(run.status)
    hear()
    late.goes_on.set()
    while app.get("r").status == "parked":
        time.sleep(0.01)
    tell(app.get("r").status)
    hear()
"""


def test_another_process_does_not_believe_it_either(tmp_path, no_grace):
    """A process of its own runs the call: this one parks again and again, until that one has told its end."""
    with Process(AWAY, tmp_path / "runs.db") as away, opened(tmp_path, Late(reconcile=True).flow) as app:
        assert away.hear() == "parked"
        for _ in range(3):
            run = app.resume("r")
            assert run.status == "parked"
            assert f"still running in {run.parked[0].running}" in run.error.message
            assert f"pid {away.pid}" in run.error.message
        assert done(tmp_path) == []
        away.tell()
        assert away.hear() == "ready"
        assert app.resume("r").state.first == "charge of a"
        assert done(tmp_path) == ["charge\ta"]


def test_the_death_of_its_process_is_its_end(tmp_path):
    """Killed, it cannot act any more: NOT_DONE is believed at once, and the call made anew under the same key."""
    late = Late(reconcile=True)
    late.calls = 1  # the first call is the other process's
    with Process(AWAY, tmp_path / "runs.db") as away, opened(tmp_path, late.flow) as app:
        assert away.hear() == "parked"
        assert app.resume("r").status == "parked"
        away.signal(signal.SIGKILL)
        away.end()
        run = app.resume("r")
        assert (run.end, done(tmp_path)) == ("charged", ["charge\ta"])
        intents = [event.body["key"] for event in run.events if event.kind == "intent"]
        assert (len(intents), len(set(intents))) == (2, 1)


def test_a_process_ends_without_waiting_for_it(tmp_path):
    """The end of a process does not hang on a call that goes on, and the open intent is the truth that it leaves."""
    code = AWAY.replace("    hear()\n    late.goes_on.set()", "    app.close()\n    raise SystemExit(7)\n")
    with Process(code, tmp_path / "runs.db") as away:
        assert away.hear() == "parked"
        assert away.end() == 7
    with opened(tmp_path, Late().flow) as app:
        run = app.get("r")
        assert (run.status, run.parked[0].running) == ("parked", None)
        assert done(tmp_path) == []
