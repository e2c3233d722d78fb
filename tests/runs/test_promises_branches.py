"""Branches: they join in the order of their heads, leave only by a failure, and are drained before they are left."""

from __future__ import annotations

import asyncio
import gc
import operator
import threading
import time
from datetime import timedelta
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, model_validator

from guideway import (
    GIVE_UP,
    NOT_DONE,
    START,
    Budget,
    Context,
    End,
    Failure,
    Flow,
    all_of,
    approval,
    ask,
    at_most,
    compute,
    failed,
    fields,
    on,
    policy,
    when,
)
from guideway.errors import DecisionRefused, LeaseLost
from tests.runs.wide_desks import Box, World, branch_steps, breaks, effect, mark, opened

DONE = End("done")
OUT = End("out", verdict="partial")


@compute(writes="why")
def told(failure: Failure | None, a: str | None, b: str | None, c: str | None) -> str:
    """What the way for failures sees of the branches."""
    return f"{failure.node if failure else None}: {a}, {b}, {c}"


def forked(*heads: Any, rows: Any = (), meets: Any = None, **options: Any) -> Flow[Box]:
    """Branches of one node each, which meet."""
    meets = meets or mark("meets")
    targets = [head.target if hasattr(head, "target") else head for head in heads]
    rowed = {row.source for row in rows}
    own = [on(node, meets) for node in targets if node not in rowed]
    options.setdefault("budget", Budget(steps=40))
    return Flow("forked", state=Box, edges=[on(START, all_of(*heads)), *own, *rows, on(meets, DONE)], **options)


# leaving


def test_a_sibling_in_a_slow_effect_finishes_it_before_the_region_is_left(tmp_path):
    """The branch that failed waits for its sibling's effect: what that returned is what the flow's way reads."""
    world = World()
    world.slow["slow"] = 0.3
    slow, after = effect("slow", "a"), effect("after", "b")
    flow = forked(slow, breaks(), rows=[on(slow, after), on(after, m := mark("meets")), on(told, OUT)],
                  meets=m, on_failure=told)  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        run = app.start({}, run_id="r")
    assert (run.end, run.state.why) == ("out", "breaks: did slow, None, None")
    assert world.did == ["slow"]


def test_what_a_sibling_waits_for_is_withdrawn_when_the_region_is_left(tmp_path):
    """A branch asks a person while another fails: nobody can say yes any more, and nothing runs because of it."""
    world, lead = World(), approval("lead", denied=mark("meets"))
    pay = effect("pay", "a", stakes="high")
    asks = ask("clerk", "Go on?", name="asks", writes="b")
    meets = lead.denied
    flow = forked(lead >> pay, asks, rows=[on(asks, breaks_ := breaks()), on(breaks_, meets), on(told, OUT)],
                  meets=meets, on_failure=told)  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        run = app.start({}, run_id="r", by="web")
        yes, question = sorted(run.waiting, key=lambda item: item.node, reverse=True)
        assert (yes.kind, question.kind, yes.id, question.id) == ("approval", "answer", "r.1b0.1", "r.1b1.1")
        app.answer(question, "yes", by="ann")
        run = app.resume("r")
        assert (run.end, run.waiting) == ("out", [])
        with pytest.raises(DecisionRefused, match="withdrawn"):
            app.approve(yes, by="ann")
        assert app.inbox() == []
    assert world.did == []
    assert run.state.why == "breaks: None, yes, None"


def test_a_yes_that_came_before_the_region_was_left_runs_nothing(tmp_path):
    """A decision that nobody took yet is void with the region: its effect does not begin while others are drained."""
    world, lead = World(), approval("lead", denied=mark("meets"))
    pay = effect("pay", "a", stakes="high")
    asks = ask("clerk", "Go on?", name="asks", writes="b")
    flow = forked(lead >> pay, asks, rows=[on(asks, bad := breaks()), on(bad, lead.denied), on(told, OUT)],
                  meets=lead.denied, on_failure=told)  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        run = app.start({}, run_id="r", by="web")
        yes, question = run.waiting
        app.answer(question, "yes", by="ann")
        drive = app._engine.portal.call(app._engine.take("r"))
        app._engine.portal.call(drive.go_on(stretch=False))
        app._engine.portal.call(drive.go_on(stretch=False))
        app.store.release(drive.lease)
        app.approve(yes, by="ann")
        run = app.resume("r")
    assert (run.end, world.did) == ("out", [])
    join = next(event for event in run.events if event.kind == "join")
    assert join.number > next(event.number for event in run.events if event.body.get("request") == yes.id)


@pytest.mark.parametrize("settles", ["result", "not done", "give up"])
def test_a_region_is_not_left_over_an_effect_of_unknown_result(tmp_path, settles):
    """One branch failed, another is parked: the run stays until that is settled, and what was settled is merged."""
    world = World()
    world.lost.add("lost")
    world.slow["lost"] = 0.1
    lost, after = effect("lost", "a"), effect("after", "b")
    flow = forked(lost, breaks(), rows=[on(lost, after), on(after, m := mark("meets")), on(told, OUT)],
                  meets=m, on_failure=told)  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        run = app.start({}, run_id="r")
        assert (run.status, run.error.category) == ("parked", "unknown_effect")
        assert app.resume("r").status == "parked"
        world.lost.clear()
        app.settle("r", "1b0", {"result": "found", "not done": NOT_DONE, "give up": GIVE_UP}[settles], by="ann")
        run = app.resume("r")
    seen = {"result": "found", "not done": "None", "give up": "None"}[settles]
    assert (run.status, run.end) == ("ended", "out")
    assert run.state.why == f"breaks: {seen}, None, None"
    assert world.did == ["lost"]


def test_a_crash_between_a_siblings_result_and_its_step_ends_as_undisturbed(tmp_path):
    """The step whose effect was recorded is finished after the crash too, though the region is about to be left."""
    world = World()

    class Crash(BaseException):
        pass

    slow = effect("slow", "a")
    flow = forked(slow, breaks(), rows=[on(told, OUT)], on_failure=told)
    with opened(tmp_path, flow, world) as app:
        crash = [True]
        append = app.store.append

        def appends(lease: Any, drafts: Any, **change: Any) -> Any:
            if crash and any(draft.kind == "step" and draft.body["node"] == "slow" for draft in drafts):
                time.sleep(0.1)
                crash.clear()
                raise Crash("between")
            return append(lease, drafts, **change)

        app.store.append = appends
        with pytest.raises(Crash, match="between"):
            app.start({}, run_id="r")
        app.store.append = append
        run = app.resume("r")
    assert run.state.why == "breaks: did slow, None, None"
    assert world.did == ["slow"]


def test_a_failed_edge_leads_out_of_the_region_when_the_siblings_are_drained(tmp_path):
    """``failed(KeyError) >> elsewhere``: the siblings' writes are merged, then the edge and its gate are taken."""
    world = World()
    world.slow["slow"] = 0.1
    lead = approval("lead", denied=OUT)
    undo, slow, bad = effect("undo", "c", stakes="high"), effect("slow", "a"), breaks()
    m = mark("meets")
    flow = forked(slow, bad, rows=[on(bad, failed(KeyError) >> lead >> undo, m), on(undo, told), on(told, OUT)],
                  meets=m)  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        run = app.start({}, run_id="r", by="web")
        assert [(request.node, request.id) for request in run.waiting] == [("undo", "r.1")]
        assert (world.did, run.state.a) == (["slow"], "did slow")
        app.approve(run.waiting[0], by="ann")
        run = app.resume("r")
    assert (run.end, world.did) == ("out", ["slow", "undo"])


def test_of_two_branches_that_fail_the_first_to_fail_says_the_way(tmp_path):
    """Both failed before anything was drained: the way is taken once, for the one that failed first."""
    slowly = World()

    @compute(writes="trail")
    async def later(context: Context) -> list[str]:
        await asyncio.sleep(0.1)
        raise KeyError("later")

    flow = forked(later, breaks("first"), rows=[on(told, OUT)], on_failure=told)
    with opened(tmp_path, flow, slowly) as app:
        run = app.start({}, run_id="r")
    assert run.state.why is not None
    assert run.state.why.startswith("first:")
    assert branch_steps(run, "") == ["told"]
    join = next(event for event in run.events if event.kind == "join")
    assert join.body["left"] == ["1b1", "1b0"]


def test_a_failure_in_an_inner_region_leaves_only_that_where_the_outer_one_catches_it(tmp_path):
    """The inner branch's way leads to a node of the outer branch: the other outer branch goes on to the exit."""
    m, inner_meets, caught, side = mark("meets"), mark("inner meets"), mark("caught"), effect("side", "c")
    start, bad, fine = mark("start"), breaks(), effect("fine", "a")
    world = World()
    flow = Flow(
        "nested", state=Box, budget=Budget(steps=30),
        edges=[
            on(START, all_of(start, side)),
            on(start, all_of(fine, bad)),
            on(bad, failed(KeyError) >> caught, inner_meets),
            on(fine, inner_meets),
            on(inner_meets, m),
            on(caught, m),
            on(side, m),
            on(m, DONE),
        ],
    )  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        run = app.start({}, run_id="r")
    assert (run.end, run.error) == ("done", None)
    assert run.state.trail == ["start", "caught after bug", "meets"]
    assert (run.state.a, run.state.c) == ("did fine", "did side")


def test_a_failure_that_nothing_inside_catches_leaves_both_regions(tmp_path):
    """Without an edge for it, a failure two regions deep goes the flow's way once, from the outer fork."""
    m, inner_meets, side, start, bad, fine = (
        mark("meets"), mark("inner meets"), effect("side", "c"), mark("start"), breaks(), effect("fine", "a")
    )  # fmt: skip
    world = World()
    world.slow["side"] = 0.1
    flow = Flow(
        "nested", state=Box, budget=Budget(steps=30), on_failure=told,
        edges=[
            on(START, all_of(start, side)), on(start, all_of(fine, bad)), on(bad, inner_meets), on(fine, inner_meets),
            on(inner_meets, m), on(side, m), on(m, DONE), on(told, OUT),
        ],
    )  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        run = app.start({}, run_id="r")
    assert (run.end, run.state.why) == ("out", "breaks: did fine, None, did side")
    assert branch_steps(run, "") == ["told"]


def test_a_fork_that_a_loop_comes_to_again_does_its_effects_again_under_other_keys(tmp_path):
    """Two rounds of the same branches: four effects, four keys."""
    t = fields(Box)
    world = World()

    @compute(writes="n")
    def count(n: int) -> int:
        return n + 1

    one, two = effect("one", "a"), effect("two", "b")
    flow = Flow(
        "looped", state=Box, budget=Budget(steps=30),
        edges=[
            on(START, fork := all_of(one, two)), on(one, count), on(two, count),
            on(count, when(t.n < 2, at_most(3)) >> fork, DONE),
        ],
    )  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        run = app.start({}, run_id="r")
    assert run.end == "done"
    assert sorted(world.did) == ["one", "one", "two", "two"]
    assert len(set(world.keys)) == 4


# joining


def slowly(name: str, seconds: float) -> Any:
    """Leaves its name after a while."""

    @compute(name=name, writes="trail")
    async def sleeps() -> list[str]:
        await asyncio.sleep(seconds)
        return [name]

    return sleeps


def test_writes_are_merged_in_the_order_of_the_heads_whatever_finishes_first(tmp_path):
    """The first head is the slowest: its writes come first nevertheless."""
    flow = forked(slowly("one", 0.15), slowly("two", 0.05), slowly("three", 0.0))
    with opened(tmp_path, flow) as app:
        run = app.start({}, run_id="r")
    assert run.state.trail == ["one", "two", "three", "meets"]
    finished = [step.node for step in run.steps]
    assert finished == ["three", "two", "one", "meets"]


def test_validators_see_the_merged_state_and_a_merge_that_does_not_fit_is_a_failure(tmp_path):
    """Each branch's write is allowed alone; together they break a rule of the state: the flow's way is taken."""

    class Range(BaseModel):
        low: int = 0
        high: int = 10
        why: str | None = None

        @model_validator(mode="after")
        def ordered(self) -> Range:
            if self.low > self.high:
                raise ValueError("low is above high")
            return self

    @compute(writes="low")
    def lifts() -> int:
        return 6

    @compute(writes="high")
    def lowers() -> int:
        return 5

    @compute(writes="why")
    def meets(low: int, high: int) -> str:
        return f"{low} to {high}"

    @compute(writes="why")
    def excuse(failure: Failure, low: int, high: int) -> str:
        return f"{failure.category} {low} to {high}"

    flow = Flow(
        "range", state=Range, budget=Budget(steps=9), on_failure=excuse,
        edges=[on(START, all_of(lifts, lowers)), on(lifts, meets), on(lowers, meets), on(meets, DONE), on(excuse, OUT)],
    )  # fmt: skip
    with opened(tmp_path, flow) as app:
        run = app.start({}, run_id="r")
        assert (run.end, run.state.why) == ("out", "invalid_output 0 to 10")
        assert app.get("r").state == run.state


def test_a_list_that_may_not_grow_so_long_is_a_failure_of_the_join(tmp_path):
    """Two branches add one each to a field of at most one: neither write is lost in silence."""

    class Short(BaseModel):
        found: Annotated[list[str], operator.add] = Field(default=[], max_length=1)

    @compute(writes="found")
    def one() -> list[str]:
        return ["one"]

    @compute(writes="found")
    def two() -> list[str]:
        return ["two"]

    @compute
    def meets() -> None:
        return None

    flow = Flow(
        "short", state=Short, budget=Budget(steps=9), on_failure=OUT,
        edges=[on(START, all_of(one, two)), on(one, meets), on(two, meets), on(meets, DONE)],
    )  # fmt: skip
    with opened(tmp_path, flow) as app:
        run = app.start({}, run_id="r")
    assert (run.end, run.error.category, run.state.found) == ("out", "invalid_output", [])


def test_the_exit_reads_the_no_of_a_branch(tmp_path):
    """A gate's no leads to the exit, where the first branch with one tells why, in the order of the heads."""
    m = mark("meets")
    first, second = approval("lead", name="first", denied=m), approval("lead", name="second", denied=m)
    world = World()
    flow = forked(first >> effect("one", "a", stakes="high"), second >> effect("two", "b", stakes="high"), meets=m)
    with opened(tmp_path, flow, world) as app:
        run = app.start({}, run_id="r", by="web")
        for request in reversed(run.waiting):
            app.deny(request, by="ann", note=request.gate)
        run = app.resume("r")
    assert run.state.trail == ["meets after denied"]
    start = next(event.body["to"] for event in run.events if event.kind == "join")
    assert start["refusal"]["gate"] == "first"
    assert world.did == []


def test_an_approval_before_the_fork_or_in_a_branch_lets_nothing_run_at_the_exit(tmp_path):
    """A yes is for one call in one place: a high-stakes node at the exit is not run by it."""
    m = effect("pay", "c", stakes="high")
    one, two = mark("one"), mark("two")
    lead = approval("lead", denied=OUT)
    before = mark("before")
    flow = Flow(
        "exit", state=Box, budget=Budget(steps=9), on_failure=told,
        edges=[
            on(START, lead >> before), on(before, all_of(one, two)), on(one, m), on(two, lead >> m), on(m, DONE),
            on(told, OUT),
        ],
    )  # fmt: skip
    world = World()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("guideway.runs.app.refuse_errors", lambda flow: None)
        with opened(tmp_path, flow, world) as app:
            run = app.start({}, run_id="r", by="web")
            for _ in range(4):
                for request in run.waiting:
                    app.approve(request, by="ann")
                run = app.resume("r")
    assert world.did == []
    assert (run.status, run.end) == ("ended", "out")
    assert "no approval" in next(step for step in run.steps if step.node == "pay").error.message


# retrying


def test_a_retry_tries_every_branch_that_failed_and_repeats_no_effect(tmp_path):
    """Two branches failed and one was done: a retry runs both again, and the effect of the third stays one."""
    world = World()

    def late(name: str) -> Any:
        @compute(name=name, writes="trail")
        async def breaks_late(context: Context) -> list[str]:
            await asyncio.sleep(0.05)  # so that both have begun
            if name not in getattr(context.deps, "mended", ()):
                raise KeyError(name)
            return [name]

        return breaks_late

    flow = forked(effect("fine", "a"), late("one"), late("two"))
    with opened(tmp_path, flow, world) as app:
        run = app.start({}, run_id="r")
        assert run.verdict == "failed"
        assert len(next(event for event in run.events if event.kind == "join").body["left"]) == 2
        world.mended = {"one", "two"}
        run = app.retry("r", by="ann")
    assert (run.end, run.state.trail, world.did) == ("done", ["one", "two", "meets"], ["fine"])


def test_a_retry_after_the_way_for_failures_failed_does_not_open_the_branches_again(tmp_path):
    """The region is over: what is tried again is the node of the flow's way."""
    world = World()
    recover = breaks("recover")
    flow = forked(effect("fine", "a"), breaks("one"), rows=[on(recover, OUT)], on_failure=recover)
    with opened(tmp_path, flow, world) as app:
        assert app.start({}, run_id="r").verdict == "failed"
        world.mended = {"recover", "one"}
        run = app.retry("r", by="ann")
    assert (run.end, run.state.trail, run.state.a) == ("out", ["recover"], "did fine")
    assert world.did == ["fine"]


def test_a_retry_of_a_branch_that_failed_at_its_head_begins_at_its_head(tmp_path):
    """A rule that raised at a head is asked again: the flow does not start once more inside of the region."""
    world = World()

    def rules(n: int) -> str | None:
        if world.broken:
            raise KeyError("no rules")
        return None

    rule = policy(rules, violated=(m := mark("meets")))

    world.broken.add("rules")
    begins = effect("begins", "b")
    one, two = effect("one", "a"), mark("two")
    flow = Flow(
        "heads", state=Box, budget=Budget(steps=20),
        edges=[on(START, begins), on(begins, all_of(rule >> two, one)), on(one, m), on(two, m), on(m, DONE)],
    )  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        assert app.start({}, run_id="r").verdict == "failed"
        world.broken.clear()
        run = app.retry("r", by="ann")
    assert (run.end, run.state.trail) == ("done", ["two", "meets"])
    assert sorted(world.did) == ["begins", "one"]


def test_a_retry_of_a_run_that_failed_at_the_join_repeats_no_effect(tmp_path):
    """The end where the branches join was not met: a retry joins them again, and starts nothing from the beginning."""
    t = fields(Box)
    world = World()
    met = End("met", succeeds_if=t.n > 0)
    one, two = effect("one", "a"), effect("two", "b")
    flow = Flow("ends", state=Box, edges=[on(START, all_of(one, two)), on(one, met), on(two, met)])
    with opened(tmp_path, flow, world) as app:
        assert app.start({}, run_id="r").verdict == "failed"
        run = app.retry("r", by="ann")
    assert (run.verdict, run.state.a, run.state.b) == ("failed", "did one", "did two")
    assert sorted(world.did) == ["one", "two"]


def test_a_retry_asks_anew_what_a_sibling_waited_for(tmp_path):
    """The request was withdrawn with the region: the retry asks under another id, and the old one stays void."""
    world, lead = World(), approval("lead", denied=mark("meets"))
    pay, bad = effect("pay", "a", stakes="high"), breaks()
    flow = forked(lead >> pay, bad, meets=lead.denied)
    with opened(tmp_path, flow, world) as app:
        run = app.start({}, run_id="r", by="web")
        assert run.verdict == "failed"
        old = [event.body["request"] for event in run.events if event.kind == "asked"]
        world.mended = {"breaks"}
        run = app.retry("r", by="ann")
        (asked,) = run.waiting
        assert asked.id not in old
        for late in old:
            with pytest.raises(DecisionRefused, match="withdrawn"):
                app.approve(late, by="ann")
        app.approve(asked, by="ann")
        run = app.resume("r")
    assert (run.end, world.did, run.state.trail) == ("done", ["pay"], ["breaks", "meets"])


def test_a_retry_of_an_inner_region_opens_both_again(tmp_path):
    """A failure two regions deep left both: what was done beside it stays done, and only that is tried again."""
    m, inner_meets, start, bad = mark("meets"), mark("inner meets"), mark("start"), breaks()
    fine, side, world = effect("fine", "a"), effect("side", "c"), World()
    flow = Flow(
        "nested", state=Box, budget=Budget(steps=30),
        edges=[
            on(START, all_of(start, side)), on(start, all_of(fine, bad)), on(bad, inner_meets), on(fine, inner_meets),
            on(inner_meets, m), on(side, m), on(m, DONE),
        ],
    )  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        for _ in range(2):
            run = app.retry("r", by="ann") if world.did else app.start({}, run_id="r")
            assert run.verdict == "failed"
        world.mended = {"breaks"}
        run = app.retry("r", by="ann")
    assert (run.end, run.state.a, run.state.c) == ("done", "did fine", "did side")
    assert run.state.trail == ["start", "breaks", "inner meets", "meets"]
    assert sorted(world.did) == ["fine", "side"]


def test_branches_may_meet_at_another_fork(tmp_path):
    """The exit of a region is itself an all_of: they join, and fan out again."""
    one, two, three, four, m = (mark(name) for name in ("one", "two", "three", "four", "meets"))
    again = all_of(three, four)
    flow = Flow(
        "twice", state=Box, budget=Budget(steps=30),
        edges=[on(START, all_of(one, two)), on(one, again), on(two, again), on(three, m), on(four, m), on(m, DONE)],
    )  # fmt: skip
    with opened(tmp_path, flow) as app:
        run = app.start({}, run_id="r")
    assert (run.end, run.state.trail) == ("done", ["one", "two", "three", "four", "meets"])


def test_a_deadline_that_passes_in_a_region_goes_the_way_of_the_flow_after_the_drain(tmp_path):
    """No step begins behind the deadline; the effect under way is finished and merged."""
    world = World()
    world.slow["slow"] = 1.0
    slow, after = effect("slow", "a"), effect("after", "b")
    chain = [slowly(f"s{number}", 0.3) for number in range(4)]
    m = mark("meets")
    flow = forked(slow, chain[0], rows=[on(slow, after), on(after, m), on(chain[0], chain[1]), on(chain[1], chain[2]),
                                        on(chain[2], chain[3]), on(chain[3], m), on(told, OUT)],
                  meets=m, budget=Budget(steps=30, deadline=timedelta(seconds=0.7)), on_exhausted=told)  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        run = app.start({}, run_id="r")
    assert (run.end, run.state.a, run.state.b, world.did) == ("out", "did slow", None, ["slow"])
    assert "s3" not in run.state.trail


def test_a_cancel_while_branches_wait_for_models_ends_them_all(tmp_path, caplog):
    """A cancel is heard by every branch: no task and no commit is left behind."""
    flow = forked(slowly("one", 20), slowly("two", 20))
    with opened(tmp_path, flow) as app, opened(tmp_path, flow) as other:
        found: list[Any] = []

        def drives() -> None:
            try:
                found.append(app.start({}, run_id="r").status)
            except LeaseLost as lost:
                found.append(lost)

        thread = threading.Thread(target=drives)
        thread.start()
        until = time.monotonic() + 8
        while not other.runs() or len(other.get("r").events) < 4:
            assert time.monotonic() < until
            time.sleep(0.01)
        time.sleep(0.05)
        other.cancel("r", by="ann")
        thread.join(10)
        assert not thread.is_alive()
        assert other.get("r").events[-1].kind == "cancelled"
        assert app._engine.portal.call(left_behind()) == []
    assert found
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


async def left_behind() -> list[str]:
    """The tasks of branches that are still there."""
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("guideway r")]
