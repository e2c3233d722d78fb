"""Branches under way: budgets that they share, people who decide meanwhile, and drivers that stop, die or come late."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from pydantic import BaseModel

from guideway import (
    START,
    Anyone,
    Budget,
    Context,
    End,
    Flow,
    Item,
    Messages,
    act,
    all_of,
    approval,
    ask,
    compute,
    each,
    on,
    subflow,
    think,
    tool,
)
from guideway.errors import LeaseLost
from guideway.nodes.calls import ModelAnswer
from guideway.testing import ScriptedModel
from tests.runs.processes import Process
from tests.runs.wide_desks import Box, World, branch_steps, effect, mark, opened

DONE = End("done")
OUT = End("out", verdict="partial")
MEETS = mark("meets")


def says(name: str, writes: str, *, max_tokens: int = 10) -> Any:
    """A model call."""

    @think(name=name, writes=writes, max_tokens=max_tokens)
    def prompt() -> str:
        return name

    return prompt


def beside(*heads: Any, rows: Any = (), exit: Any = MEETS, state: Any = Box, **options: Any) -> Flow[Any]:
    """Branches of one node each, and whatever rows are given."""
    nodes = [getattr(head, "target", head) for head in heads]
    rowed = {row.source for row in rows}
    own = [on(node, exit) for node in nodes if node not in rowed]
    options.setdefault("budget", Budget(steps=40))
    return Flow("beside", state=state, edges=[on(START, all_of(*heads)), *own, *rows, on(exit, DONE)], **options)


class Model:
    """A model that answers after a while, with given figures."""

    name = "slow"

    def __init__(self, used: int = 10, wait: float = 0.02, *, crashes: bool = False) -> None:
        self.used, self.wait, self.crashes = used, wait, crashes
        self.at_once = self.most = 0
        self.asked: list[str] = []

    def bound(self, request: Any) -> int:
        """No tokens of the prompt: the answer's are all that is reserved."""
        return 0

    async def answer(self, request: Any) -> ModelAnswer:
        """Waits and answers, or dies."""
        self.asked.append(str(request.messages[-1].text))
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(self.wait)
        self.at_once -= 1
        if self.crashes:
            raise Crash("in the middle")
        return ModelAnswer(AIMessage("text"), 0, self.used, 0.0)


class Crash(BaseException):
    """What no code expects."""


# budgets


def test_a_branch_waits_for_what_its_sibling_gives_back(tmp_path):
    """Each reserves 1,000 and uses 10, of 1,500: both are answered, one after the other."""
    model = Model()
    flow = beside(says("one", "a", max_tokens=1000), says("two", "b", max_tokens=1000),
                  budget=Budget(steps=9, tokens=1500))  # fmt: skip
    with opened(tmp_path, flow, model=model) as app:
        run = app.start({}, run_id="r")
    assert (run.end, run.spent.tokens, model.most, len(model.asked)) == ("done", 20, 1, 2)


def test_what_no_sibling_gives_back_is_not_waited_for(tmp_path):
    """The first used up what the second would need: it fails as exhausted, at once when that is known."""
    model = Model(used=900)
    flow = beside(says("one", "a", max_tokens=1000), says("two", "b", max_tokens=1000),
                  budget=Budget(steps=9, tokens=1500), on_exhausted=OUT)  # fmt: skip
    with opened(tmp_path, flow, model=model) as app:
        run = app.start({}, run_id="r")
    assert (run.end, run.spent.tokens, model.asked, run.state.a) == ("out", 900, ["one"], "text")


def test_a_sibling_that_waits_for_a_settlement_is_let_go_when_the_drive_breaks(tmp_path, caplog):
    """The call whose settlement it waits for dies with no result: the drive ends, and can be taken up again."""
    model = Model(crashes=True)
    tight = beside(says("one", "a", max_tokens=1000), says("two", "b", max_tokens=1000),
                   budget=Budget(steps=9, tokens=1500))  # fmt: skip
    wide = beside(says("one", "a", max_tokens=1000), says("two", "b", max_tokens=1000),
                  budget=Budget(steps=9, tokens=2500))  # fmt: skip
    found: list[Any] = []
    with opened(tmp_path, tight, model=model) as app:

        def drives() -> None:
            try:
                app.start({}, run_id="r")
            except Crash as crash:
                found.append(crash)

        thread = threading.Thread(target=drives, daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive(), "the drive waits for ever"
        assert len(found) == 1
    model.crashes = False
    with opened(tmp_path, wide, model=model) as app:
        run = app.resume("r")
    assert (run.end, run.spent.tokens) == ("done", 1020)
    quiet(caplog)


def quiet(caplog: Any) -> None:
    """No task was left behind or forgotten, which asyncio says when it is collected."""
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def test_two_branches_that_break_at_the_same_moment_leave_no_task_behind(tmp_path, caplog):
    """One error is raised, the other is looked at; nothing is said to be never retrieved."""
    both = asyncio.Barrier(2)

    class Both(Model):
        async def answer(self, request: Any) -> ModelAnswer:
            await both.wait()
            raise Crash(str(request.messages[-1].text))

    flow = beside(says("one", "a"), says("two", "b"))
    with opened(tmp_path, flow, model=Both()) as app, pytest.raises(Crash, match="one|two"):
        app.start({}, run_id="r")
    quiet(caplog)


@pytest.mark.parametrize("bound", [Budget(steps=4), Budget(calls=2), Budget(steps=50, calls=3)])
def test_steps_and_calls_of_branches_are_one_budget(tmp_path, bound):
    """Three branches of one tool each: no more steps and calls than the budget has, whoever comes first."""
    world = World()
    heads = [effect(f"e{number}", "abc"[number]) for number in range(3)]
    flow = beside(*heads, budget=bound, on_exhausted=OUT)
    with opened(tmp_path, flow, world) as app:
        run = app.start({}, run_id="r")
    enough = bound.calls in (None, 3) and (bound.steps or 9) >= 4
    assert run.end == ("done" if enough else "out")
    assert run.spent.calls == len(world.did) <= (bound.calls or 9)
    assert run.spent.steps <= (bound.steps or 9)


def test_what_is_kept_is_not_spent_by_branches(tmp_path):
    """Two branches want all: what is set aside pays the way out, after the join."""
    model = Model(used=10)
    last = says("last", "c")
    flow = beside(says("one", "a"), says("two", "b"), rows=[on(last, OUT)], on_exhausted=last,
                  budget=Budget(steps=9, tokens=29, keep=Budget(tokens=10, steps=1)))  # fmt: skip
    with opened(tmp_path, flow, model=model) as app:
        run = app.start({}, run_id="r")
    assert (run.end, run.state.c, run.spent.tokens) == ("out", "text", 20)
    assert [run.state.a, run.state.b].count("text") == 1
    assert branch_steps(run, "") == ["last"]


def test_dollars_of_branches_are_one_budget(tmp_path):
    """Bounds in dollars are reserved side by side too."""
    model = ScriptedModel(lambda prompt: "text", usage=(5, 5), price=1.0)
    flow = beside(says("one", "a", max_tokens=5), says("two", "b", max_tokens=5), budget=Budget(steps=9, usd=0.015),
                  on_exhausted=OUT)  # fmt: skip
    with opened(tmp_path, flow, model=model) as app:
        run = app.start({}, run_id="r")
    assert (run.end, len(model.prompts)) == ("out", 1)
    assert run.spent.usd == pytest.approx(0.01)


@settings(max_examples=20)
@given(
    st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=3), min_size=2, max_size=3), st.integers(0, 120),
    st.sampled_from([None, 30]),
)  # fmt: skip
def test_no_branch_dispatches_beyond_the_bound_whatever_models_report(usages, bound, own):
    """Chains of calls side by side, also in flows with budgets of their own: a call's worst case always fitted."""
    nodes = [[says(f"n{row}.{place}", "abc"[row], max_tokens=20) for place in range(len(usage))]
             for row, usage in enumerate(usages)]  # fmt: skip

    class Hostile(Model):
        async def answer(self, request: Any) -> ModelAnswer:
            row, place = str(request.messages[-1].text)[1:].split(".")
            await asyncio.sleep(0.0005)
            return ModelAnswer(AIMessage("text"), 0, usages[int(row)][int(place)], 0.0)

    heads: list[Any] = []
    rows: list[Any] = []
    for row, chain in enumerate(nodes):
        inner = [on(before, after) for before, after in pairwise(chain)]
        if own is None:
            heads.append(chain[0])
            rows += [*inner, on(chain[-1], MEETS)]
            continue
        flow = Flow(f"f{row}", state=Box, budget=Budget(steps=9, tokens=own), on_exhausted=OUT,
                    edges=[on(START, chain[0]), *inner, on(chain[-1], DONE)])  # fmt: skip
        heads.append(subflow(flow, name=f"sub{row}", reads={}, writes={"abc"[row]: "abc"[row]}))
    flow = beside(*heads, rows=rows, budget=Budget(steps=50, tokens=bound), on_exhausted=OUT)
    with opened(None, flow, model=Hostile()) as app:
        run = app.start({}, run_id="r")
    assert run.status == "ended"
    spent, of = 0, dict.fromkeys((event.body.get("branch", "")[:3] for event in run.events), 0)
    for event in run.events:
        branch, cost = event.body.get("branch", "")[:3], (event.body.get("spent") or {}).get("tokens", 0)
        if event.kind == "intent":
            assert spent + cost <= bound
            assert own is None or of[branch] + cost <= own
        spent += cost
        of[branch] += cost
    assert spent == run.spent.tokens


# people


def test_requests_are_decided_by_other_apps_while_a_sibling_is_at_work(tmp_path):
    """Three are open; two are decided by another App, last first, and go on before the slow sibling is done."""
    world = World()
    lead = approval("lead", denied=MEETS)
    slow = Slow()
    one, two = effect("one", "a", stakes="high"), effect("two", "b", stakes="high")
    clerk = ask("clerk", "What?", name="clerk", writes="c")
    flow = beside(lead >> one, lead >> two, clerk, slow.node)
    with opened(tmp_path, flow, world) as app, opened(tmp_path, flow, world) as other:
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(app.start({}, run_id="r", by="web")))
        thread.start()
        wait_until(lambda: len(other.inbox()) == 3)
        first, second, third = sorted(other.inbox(), key=lambda item: item.id)
        assert [item.id for item in (first, second, third)] == ["r.1b0.1", "r.1b1.1", "r.1b2.1"]
        other.answer(third, "so", by="bob")
        other.approve(second, by="ann")
        wait_until(lambda: world.did == ["two"])
        slow.goes_on.set()
        thread.join(10)
        (run,) = found
        assert (run.status, [item.id for item in run.waiting]) == ("waiting", ["r.1b0.1"])
        other.deny(first, by="ann", note="no")
        run = other.resume("r")
    assert (run.end, world.did, run.state.c) == ("done", ["two"], "so")
    assert run.state.trail == ["slow", "meets after denied"]


class Slow:
    """A node that works until it is told to go on."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()

        @compute(name="slow", writes="trail")
        async def slow() -> list[str]:
            await asyncio.to_thread(self.goes_on.wait, 8)
            return ["slow"]

        self.node = slow


def wait_until(true: Any, seconds: float = 8.0) -> None:
    """Waits until something is so."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come to be so"
        time.sleep(0.01)


def test_a_decision_is_heard_between_the_steps_of_a_single_sibling(tmp_path):
    """Only one branch can go on, step after step: what is decided meanwhile begins before that branch is done."""
    world = World()
    lead = approval("lead", denied=MEETS)
    slow, clerk, first = Slow(), ask("clerk", "Go on?", name="clerk", writes="c"), mark("first")
    one = effect("one", "a", stakes="high")
    flow = beside(lead >> one, clerk, rows=[on(one, MEETS), on(clerk, first), on(first, slow.node),
                                            on(slow.node, MEETS)])  # fmt: skip
    with opened(tmp_path, flow, world) as app, opened(tmp_path, flow, world) as other:
        yes, question = app.start({}, run_id="r", by="web").waiting
        other.answer(question, "so", by="bob")
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(app.resume("r")))
        thread.start()
        wait_until(lambda: "first" in [step.node for step in other.get("r").steps])
        other.approve(yes, by="ann")
        wait_until(lambda: world.did == ["one"], 4)
        slow.goes_on.set()
        thread.join(10)
    assert found[0].end == "done"


def test_an_expiry_in_one_branch_goes_its_gates_way_and_the_others_wait_on(tmp_path):
    """One request runs out: its way inside of the region is taken; the quorum of the other needs two people."""
    world = World()
    late = mark("late")
    short = approval("lead", name="short", within=0.6, denied=MEETS, expired=late)
    both = approval("lead", name="both", quorum=2, denied=MEETS)
    one, two = (effect(name, field, stakes="high") for name, field in (("one", "a"), ("two", "b")))
    flow = beside(short >> one, both >> two,
                  rows=[on(one, MEETS), on(two, MEETS), on(late, MEETS)])  # fmt: skip
    with opened(tmp_path, flow, world) as app:
        run = app.start({}, run_id="r", by="web")
        app.approve(run.waiting[1], by="ann")
        time.sleep(0.7)
        run = app.resume("r")
        assert (run.status, [item.gate for item in run.waiting]) == ("waiting", ["both"])
        assert world.did == []
        app.approve(run.waiting[0], by="bob")
        run = app.resume("r")
    assert (run.end, world.did, run.state.trail) == ("done", ["two"], ["late after expired", "meets"])


class Chat(BaseModel):
    """Messages beside other fields."""

    messages: Messages = []
    a: str | None = None
    trail: Any = None
    words: list[str] = []
    into: list[Item[Any]] = []


@tool(effect="once", stakes="high", timeout=5.0)
def refund(amount: int, context: Context) -> str:
    """Pays."""
    return str(context.deps.does(f"refund {amount}", context.key))


@tool(effect="none")
def look(what: str) -> str:
    """Looks."""
    return f"seen {what}"


@think(tools=[refund, look])
def reason(messages: Messages) -> str:
    """Proposes calls."""
    return "go on"


@pytest.mark.parametrize("where", ["branch", "item"])
def test_each_call_of_an_act_is_decided_in_a_branch_and_in_an_items_flow(tmp_path, where):
    """Two of three calls need a person; one is approved and one denied, each by its own id."""
    world = World()
    acts = act([refund, look], name="acts", gates={refund: approval("lead", name="lead")})

    @compute(writes="a")
    def other() -> str:
        return "other"

    @compute
    def end() -> None:
        return None

    calls = [("refund", {"amount": 5}), ("look", {"what": "x"}), ("refund", {"amount": 7})]
    options: dict[str, Any] = {"models": {"default": ScriptedModel([calls])}, "deps": world, "roles": Anyone()}
    if where == "branch":
        flow = Flow(
            "acts", state=Chat, budget=Budget(steps=9),
            edges=[on(START, all_of(reason, other)), on(reason, acts), on(acts, end), on(other, end), on(end, DONE)],
        )  # fmt: skip
        path = "1b0"
    else:
        inner = Flow("inner", state=Chat, budget=Budget(steps=9),
                     edges=[on(START, reason), on(reason, acts), on(acts, DONE)])  # fmt: skip
        items = each(inner, name="items", item="a", over="words", into="into")
        flow = Flow("acts", state=Chat, budget=Budget(steps=9), edges=[on(START, items), on(items, DONE)])
        path = "1i0"
    with flow.compile(store=tmp_path / "runs.db", **options) as app:
        run = app.start({"words": ["w"]}, run_id="r", by="web")
        assert [(item.id, item.call.arguments) for item in run.waiting] == [
            (f"r.{path}.1", {"amount": 5}), (f"r.{path}.2", {"amount": 7}),
        ]  # fmt: skip
        app.approve(run.waiting[1], by="ann")
        app.deny(run.waiting[0], by="ann", note="too early")
        run = app.resume("r")
        assert (run.end, world.did) == ("done", ["refund 7"])
        state = run.state if where == "branch" else run.state.into[0].value
        messages = state.messages if where == "branch" else state["messages"]
        said = [str(getattr(message, "content", None) or message["content"]) for message in messages[1:]]
        assert "too early" in said[0]
        assert said[1:] == ["seen x", "did refund 7"]


# drivers


def test_a_foreign_caller_passes_several_gates_and_effects_happen_once(tmp_path):
    """``app.graph`` alone: interrupts show what is asked, a resume value decides nothing, a decision counts once."""
    world = World()
    lead = approval("lead", denied=MEETS)
    one, two = (effect(name, field, stakes="high") for name, field in (("one", "a"), ("two", "b")))
    flow = beside(lead >> one, lead >> two, effect("three", "c"))
    from langgraph.types import Command

    with opened(tmp_path, flow, world) as app:
        config = {"configurable": {"thread_id": "r"}}
        out = app.graph.invoke({"n": 0}, config)
        shown = {item["request"] for interrupt in out["__interrupt__"] for item in interrupt.value}
        assert shown == {"r.1b0.1", "r.1b1.1"}
        app.graph.invoke(Command(resume="yes"), config)
        assert world.did == ["three"]
        for request in reversed(app.get("r").waiting):
            app.approve(request, by="ann")
        app.graph.invoke(None, config)
        run = app.get("r")
    assert (run.end, sorted(world.did)) == ("done", ["one", "three", "two"])


def test_a_driver_that_lost_its_lease_with_branches_under_way_commits_nothing(tmp_path, caplog):
    """Both branches are in an effect when another takes the run over: neither result is committed by the first."""
    world = World()
    goes_on, begun = threading.Event(), threading.Barrier(3)

    def sleepy(name: str, writes: str) -> Any:
        @tool(name=name, effect="once", stakes="low", timeout=20.0, writes=writes)
        def sleeps(context: Context) -> str:
            found = context.deps.does(name, context.key)
            begun.wait(8)
            goes_on.wait(8)
            return str(found)

        return sleeps

    flow = beside(sleepy("one", "a"), sleepy("two", "b"))
    with opened(tmp_path, flow, world) as app, opened(tmp_path, flow, world) as other:
        found: list[BaseException] = []

        def drives() -> None:
            try:
                app.start({}, run_id="r")
            except LeaseLost as lost:
                found.append(lost)

        thread = threading.Thread(target=drives)
        thread.start()
        begun.wait(8)
        other.store._db._connection.execute("update runs set until = 0, ticks = 0, ttl = 0.001, holder = null")
        assert other.resume("r").status == "parked"
        before = other.get("r").events
        goes_on.set()
        thread.join(10)
        assert other.get("r").events == before
        assert [type(error) for error in found] == [LeaseLost]
        assert sorted(world.did) == ["one", "two"]
        other.settle("r", "1b0", "did one", by="ann")
        other.settle("r", "1b1", "did two", by="ann")
        run = other.resume("r")
        assert (run.end, run.state.a, run.state.b) == ("done", "did one", "did two")
    assert sorted(world.did) == ["one", "two"]
    quiet(caplog)


DIES = """
from pathlib import Path
from guideway import Anyone
from tests.runs.test_promises_branches_driven import DYING
from tests.torture.world import World
app = DYING.compile(store=path, deps=World(Path(path).parent, dies_after="two"), roles=Anyone())
app.start({}, run_id="r", by="web")
"""


def _dying() -> Flow[Box]:
    lead = approval("lead", denied=MEETS)

    def books(name: str, writes: str, stakes: Any = "low") -> Any:
        @tool(name=name, effect="once", stakes=stakes, timeout=5.0, writes=writes)
        def does(context: Context) -> str:
            return str(context.deps.does(name, context.key, name))

        return does

    first = mark("first")
    return beside(lead >> books("one", "a", "high"), first, rows=[on(first, two := books("two", "b")), on(two, MEETS)])


DYING = _dying()


def test_a_run_that_died_in_the_middle_of_a_region_is_taken_up_in_another_process(tmp_path):
    """Killed in one branch's effect while another waits: parked there, decided here, and each effect is once."""
    from tests.torture.world import World as Disk

    with Process(DIES, tmp_path / "runs.db") as process:
        assert process.end() == -signal.SIGKILL
    with opened(tmp_path, DYING, Disk(tmp_path)) as app:
        run = app.resume("r")
        assert (run.status, [item.id for item in run.waiting]) == ("parked", ["r.1b0.1"])
        app.approve(run.waiting[0], by="ann")
        run = app.resume("r")
        assert (run.status, branch_steps(run, "1b0")) == ("parked", ["one"])
        app.settle("r", "1b1", "it happened", by="ann")
        run = app.resume("r")
        assert (run.end, run.state.b, run.state.trail) == ("done", "it happened", ["first", "meets"])
    assert [line.split("\t")[0] for line in Disk(tmp_path).done()] == ["two", "one"]


# versions


def versions(kind: str, *, new: bool) -> Flow[Box]:
    """A flow, and one in which a place inside is gone that a run of the first may stand at."""
    clerk = ask("clerk", "What?", name="clerk", writes="c")
    other = ask("clerk", "What else?", name="other", writes="c")
    one, two = mark("one"), mark("two")
    if kind == "branch":
        asks = other if new else clerk
        edges = [on(START, all_of(one, two)), on(one, asks), on(asks, MEETS), on(two, MEETS), on(MEETS, DONE)]
    elif kind == "fork":
        head = other if new else clerk
        edges = [on(START, all_of(one, head)), on(one, MEETS), on(head, MEETS), on(MEETS, DONE)]
    elif kind == "subflow":
        asks = other if new else clerk
        inner = Flow("inner", state=Box, edges=[on(START, asks), on(asks, DONE)])
        edges = [on(START, sub := subflow(inner, name="sub")), on(sub, DONE)]
    elif kind == "gone subflow":
        inner = Flow("inner", state=Box, edges=[on(START, clerk), on(clerk, DONE)])
        node: Any = one if new else subflow(inner, name="sub")
        edges = [on(START, node), on(node, DONE)]
    elif kind == "item":
        asks = other if new else clerk
        inner = Flow("inner", state=Box, edges=[on(START, asks), on(asks, DONE)])
        edges = [on(START, e := each(inner, name="e", item="b", over="words", into="into")), on(e, DONE)]
    elif kind == "other kind":
        inner = Flow("inner", state=Box, edges=[on(START, clerk), on(clerk, DONE)])
        node = mark("sub") if new else subflow(inner, name="sub")
        edges = [on(START, node), on(node, DONE)]
    elif kind == "other fork inside":
        heads = (other, two) if new else (clerk, two)
        joins = [on(head, one) for head in heads]
        inner = Flow("inner", state=Box, edges=[on(START, all_of(*heads)), *joins, on(one, DONE)])
        edges = [on(START, sub := subflow(inner, name="sub", writes={})), on(sub, DONE)]
    else:
        inner = Flow("inner", state=Box, edges=[on(START, clerk), on(clerk, DONE)])
        node = one if new else each(inner, name="e", item="b", over="words", into="into")
        edges = [on(START, node), on(node, DONE)]
    return Flow("versions", state=Box, edges=edges)


KINDS = ["branch", "fork", "subflow", "gone subflow", "item", "gone each", "other kind", "other fork inside"]


@pytest.mark.parametrize("decided", [False, True], ids=["waiting", "answered"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_whose_open_place_is_gone_parks_with_the_reason_and_the_old_flow_goes_on(tmp_path, kind, decided):
    """The flow was changed while branches are open: nothing is guessed and nothing lost; the old flow ends the run."""
    with opened(tmp_path, versions(kind, new=False)) as app:
        (request,) = app.start({"words": ["w"]}, run_id="r").waiting
        if decided:
            app.answer(request, "so", by="ann")
    with opened(tmp_path, versions(kind, new=True)) as app:
        run = app.resume("r")
        assert (run.status, run.error.type) == ("parked", "FlowChanged")
        assert "any more" in run.error.message
        assert app.get("r").status == "parked"
        assert app.resume("r").status == "parked"
    with opened(tmp_path, versions(kind, new=False)) as app:
        run = app.resume("r")
        if not decided:
            assert run.status == "waiting"
            app.answer(request, "so", by="ann")
            run = app.resume("r")
        assert (run.end, run.error) == ("done", None)
