"""``subflow``: a flow inside, with a state, counters and a budget of its own, whose ends are matched around it."""

from __future__ import annotations

import operator
import time
from datetime import timedelta
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, field_validator

from guideway import (
    GIVE_UP,
    START,
    Anyone,
    Budget,
    Context,
    End,
    Failure,
    Flow,
    Item,
    all_of,
    approval,
    at_most,
    compute,
    each,
    ended,
    failed,
    fields,
    on,
    subflow,
    think,
    tool,
    when,
)
from guideway.errors import ConfigError, DecisionRefused, NodeError
from guideway.testing import ScriptedModel
from tests.runs.wide_desks import Box, World, breaks, effect, mark, opened

DONE = End("done")
OUT = End("out", verdict="partial")


class Inner(BaseModel):
    """The state of a flow inside."""

    text: str = ""
    said: str | None = None
    count: int = 0
    log: Annotated[list[str], operator.add] = []


class Outer(BaseModel):
    """The state around it."""

    question: str = "why"
    answer: str | None = None
    text: str = "shared"
    count: int = 0
    log: Annotated[list[str], operator.add] = []
    why: str | None = None
    n: int = 0


@compute(writes="said")
def says(text: str) -> str:
    """Says what it was given."""
    return f"said {text}"


@compute(writes="log")
def notes(text: str, log: list[str]) -> list[str]:
    """Adds to the log how long it is."""
    return [f"{text} {len(log)}"]


@compute(writes="count")
def counts(count: int) -> int:
    """One more."""
    return count + 1


@compute(writes="why")
def why(failure: Failure | None) -> str:
    """What the flow's way reads."""
    return f"{failure.node} {failure.category} {failure.type}" if failure else "no failure"


def inner(*nodes: Any, end: Any = DONE, name: str = "inner", state: Any = Inner, **options: Any) -> Flow[Any]:
    """A flow of nodes in a row."""
    rows = [on(before, after) for before, after in zip((START, *nodes), (*nodes, end), strict=True)]
    options.setdefault("budget", Budget(steps=20))
    return Flow(name, state=state, edges=rows, **options)


def around(sub: Any, *edges: Any, rows: Any = (), state: Any = Outer, **options: Any) -> Flow[Any]:
    """A flow around one subflow."""
    options.setdefault("budget", Budget(steps=40))
    return Flow("around", state=state, edges=[on(START, sub), on(sub, *(edges or (DONE,))), *rows], **options)


def ran(flow: Flow[Any], given: Any = None, world: Any = None, **options: Any) -> Any:
    """A run of a flow, in memory."""
    with opened(None, flow, world, **options) as app:
        return app.start(given or {}, run_id="r", by="web")


# what goes in and comes out


def test_what_is_mapped_goes_in_and_comes_out_and_nothing_else():
    """Read under other names, written under other names; a field of one name on both sides is left alone."""
    sub = subflow(inner(says, counts), name="sub", reads={"text": "question"}, writes={"answer": "said"})
    run = ran(around(sub), {"text": "mine", "count": 5})
    assert (run.state.answer, run.state.text, run.state.count) == ("said why", "mine", 5)


def test_fields_of_one_name_go_both_ways_where_nothing_is_said():
    """Without a mapping what both have is shared: given, and given back."""
    run = ran(around(subflow(inner(counts, notes), name="sub")), {"count": 5, "log": ["a"]})
    assert (run.state.count, run.state.log) == (6, ["a", "shared 1"])


@pytest.mark.parametrize("given", [[], ["a"], ["a", "b"]])
def test_a_list_that_both_add_to_has_nothing_twice(given):
    """What was passed in is not added again; what was added inside comes once, in order."""
    run = ran(around(subflow(inner(notes, says, notes.named("again")), name="sub")), {"log": given})
    assert run.state.log == [*given, f"shared {len(given)}", f"shared {len(given) + 1}"]


def test_what_branches_inside_added_comes_out_once_in_the_order_of_the_heads():
    """A region in the flow inside: its merged writes are what the flow added."""
    one, two, three = (notes.named(name) for name in ("one", "two", "three"))
    deep = Flow(
        "deep", state=Inner, budget=Budget(steps=9),
        edges=[on(START, all_of(one, two)), on(one, three), on(two, three), on(three, DONE)],
    )  # fmt: skip
    run = ran(around(subflow(deep, name="sub")), {"log": ["a"]})
    assert run.state.log == ["a", "shared 1", "shared 1", "shared 3"]


def test_a_flow_two_deep_gives_what_it_added_through_both():
    """Deltas pass two borders without doubling."""
    deep = inner(notes, name="deep")
    middle = inner(notes, subflow(deep, name="deeper"), notes.named("after"), name="middle")
    run = ran(around(subflow(middle, name="sub")), {"log": ["a"]})
    assert run.state.log == ["a", "shared 1", "shared 2", "shared 3"]
    assert [step.branch for step in run.steps] == ["1s", "1s.2s", "1s", "1s", ""]


def test_a_field_that_only_the_outer_side_reduces_takes_what_stands_at_the_end():
    """Without a reducer inside, the inner value is merged as one write."""

    class Plain(BaseModel):
        found: list[str] = []

    @compute(writes="found")
    def finds() -> list[str]:
        return ["x"]

    sub = subflow(inner(finds, state=Plain), name="sub", writes={"log": "found"})
    assert ran(around(sub), {"log": ["a"]}).state.log == ["a", "x"]


def test_an_input_that_does_not_fit_is_the_steps_failure():
    """The value is one that the flow inside does not take: an edge can match it, and nothing inside ran."""

    class Short(BaseModel):
        text: str = ""

        @field_validator("text")
        @classmethod
        def short(cls, text: str) -> str:
            if len(text) > 3:
                raise ValueError("too long")
            return text

    sub = subflow(inner(mark_less(), state=Short), name="sub", writes={})
    run = ran(around(sub, failed("invalid_input") >> why, DONE, rows=[on(why, OUT)]))
    assert (run.end, [step.node for step in run.steps]) == ("out", ["sub", "why"])


def mark_less() -> Any:
    """A node that writes nothing."""

    @compute
    def nothing() -> None:
        return None

    return nothing


def test_what_comes_out_is_validated_around():
    """A value that does not fit the field around is the subflow's failure, and nothing of it is written."""

    class Tight(BaseModel):
        text: str = "shared"
        count: Annotated[int, Field(le=1)] = 1
        log: Annotated[list[str], operator.add] = []
        why: str | None = None

    sub = subflow(inner(notes, counts), name="sub")
    run = ran(around(sub, failed("invalid_output") >> why, DONE, rows=[on(why, OUT)], state=Tight))
    assert (run.end, run.state.count, run.state.log) == ("out", 1, [])


# ends


handed = End("handed", verdict="escalated")
half = End("half", verdict="partial")


def three_ends() -> Flow[Inner]:
    """A flow that ends as its text says."""
    t = fields(Inner)
    return Flow(
        "ends", state=Inner,
        edges=[on(START, says), on(says, when(t.text == "handed") >> handed, when(t.text == "half") >> half,
                                   when(t.text == "bad") >> End("bad", verdict="failed"), DONE)],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "came"), [("handed", "to handed"), ("half", "by verdict"), ("bad", "failed"), ("fine", "rest")]
)
def test_ends_are_matched_by_end_by_verdict_and_in_the_order_of_the_edges(text, came):
    """The first edge that passes is taken: by the end itself, by its verdict, for a failed end, else the rest."""
    to, by, bad, rest = (End(name, verdict="partial") for name in ("to handed", "by verdict", "failed", "rest"))
    sub = subflow(three_ends(), name="sub")
    flow = around(sub, ended(handed) >> to, ended("partial", "escalated") >> by, failed() >> bad, rest)
    assert ran(flow, {"text": text}).end == came


def test_the_order_of_edges_decides_between_two_that_match():
    """The verdict's edge stands before the end's: it is taken."""
    by, to = End("by", verdict="partial"), End("to", verdict="partial")
    flow = around(subflow(three_ends(), name="sub"), ended("escalated") >> by, ended(handed) >> to, DONE)
    assert ran(flow, {"text": "handed"}).end == "by"


def test_a_flow_inside_that_ends_failed_is_a_failure_around():
    """No edge for it: the flow's way is taken, and reads which flow it was."""
    sub = subflow(three_ends(), name="sub")
    run = ran(around(sub, rows=[on(why, OUT)], on_failure=why), {"text": "bad"})
    assert (run.end, run.state.why) == ("out", "sub declined EndedFailed")


def test_a_flow_inside_without_a_way_on_fails_with_its_last_error():
    """An error that nothing inside takes is what the outer row sees, by its category."""
    sub = subflow(inner(breaks("bad"), state=Box), name="sub", writes={})
    flow = around(sub, failed("bug") >> why, DONE, rows=[on(why, OUT)])
    run = ran(flow)
    assert (run.end, run.state.why) == ("out", "sub bug KeyError")


def test_the_way_of_the_flow_inside_is_tried_before_the_outer_row():
    """Its own on_failure takes it: around it, nothing failed."""

    @compute(writes="said")
    def rescue(failure: Failure) -> str:
        return f"rescued from {failure.node}"

    @compute(writes="said")
    def bad() -> str:
        raise KeyError("bad")

    flow = Flow("inner", state=Inner, budget=Budget(steps=9), on_failure=rescue,
                edges=[on(START, bad), on(bad, DONE), on(rescue, half)])  # fmt: skip
    sub = subflow(flow, name="sub", writes={"answer": "said"})
    run = ran(around(sub, ended(half) >> OUT, DONE))
    assert (run.end, run.state.answer) == ("out", "rescued from bad")


# counters, places


def test_limits_begin_anew_in_every_execution():
    """at_most(2) inside counts per execution: three rounds around make three times as many."""
    t, i = fields(Outer), fields(Inner)
    looped = Flow(
        "looped", state=Inner, budget=Budget(steps=9),
        edges=[on(START, notes), on(notes, when(i.count >= 0, at_most(2)) >> notes, DONE)],
    )  # fmt: skip

    @compute(writes="n")
    def again(n: int) -> int:
        return n + 1

    sub = subflow(looped, name="sub", writes={"log": "log"})
    flow = around(sub, again, rows=[on(again, when(t.n < 3, at_most(5)) >> sub, DONE)])
    run = ran(flow)
    assert (run.end, len(run.state.log), run.state.n) == ("done", 9, 3)


def test_one_flow_twice_in_a_flow_and_in_branches_keeps_effects_apart():
    """The same flow under two names, side by side and after each other: every effect once, each with its own key."""
    world = World()
    one = inner(effect("pay", "a"), state=Box)
    first, second, third = (
        subflow(one, name=name, reads={}, writes={field: "a"})
        for name, field in (("first", "a"), ("second", "b"), ("third", "c"))
    )
    flow = Flow(
        "twice", state=Box, budget=Budget(steps=20),
        edges=[on(START, all_of(first, second)), on(first, third), on(second, third), on(third, DONE)],
    )  # fmt: skip
    run = ran(flow, world=world)
    assert (run.state.a, run.state.b, run.state.c) == ("did pay",) * 3
    assert (len(world.did), len(set(world.keys))) == (3, 3)


# budgets


@think(writes="said", max_tokens=10)
def thinks(text: str) -> str:
    """A model call of at most 15 tokens."""
    return "go on"


FIFTEEN = ScriptedModel(lambda prompt: "yes", usage=(5, 10))


def test_a_flow_inside_that_uses_up_its_own_budget_goes_its_own_way():
    """Its own on_exhausted is taken; the budget around has enough and goes on."""
    deep = inner(thinks, thinks.named("more"), budget=Budget(tokens=20), on_exhausted=half)
    sub = subflow(deep, name="sub", writes={"answer": "said"})
    run = ran(around(sub, ended(half) >> OUT, DONE, budget=Budget(tokens=100)), model=FIFTEEN)
    assert (run.end, run.state.answer, run.spent.tokens) == ("out", "yes", 15)


@pytest.mark.parametrize("kind", ["tokens", "steps", "calls"])
@pytest.mark.parametrize("deep", [1, 2])
def test_the_budget_around_that_ends_inside_goes_the_way_of_the_flow_around(kind, deep):
    """Whatever is used up, however deep: the way of the flow whose budget it is is taken, not that of one inside."""
    own = Budget(steps=30, tokens=1000, calls=50)
    flow = inner(thinks, thinks.named("more"), says, budget=own, on_exhausted=half)
    for number in range(deep - 1):
        flow = inner(subflow(flow, name=f"sub{number}"), name=f"flow{number}", budget=own, on_exhausted=half)
    bound = {"tokens": Budget(tokens=20), "steps": Budget(steps=1), "calls": Budget(calls=1)}[kind]
    sub = subflow(flow, name="sub", writes={})
    run = ran(around(sub, ended(half) >> End("wrong", verdict="partial"), DONE, budget=bound, on_exhausted=OUT),
              model=FIFTEEN)  # fmt: skip
    assert (run.end, run.error.category) == ("out", "exhausted")
    assert run.spent.tokens == (0 if kind == "steps" else 15)
    assert "half" not in [event.body.get("end") for event in run.events if event.kind == "ended"]


@pytest.mark.parametrize("by_flow", [False, True], ids=["node", "flow"])
@pytest.mark.parametrize("kind", ["tokens", "steps"])
def test_the_budget_around_that_ends_in_items_inside_goes_the_way_of_the_flow_around(by_flow, kind):
    """Items in a subflow with a budget and a way of its own: the flow whose budget it is goes its way."""

    @think(writes="said", max_tokens=10)
    def say(text: str) -> str:
        return text

    class Words(BaseModel):
        words: list[str] = ["a", "b", "c"]
        into: list[Item[Any]] = []

    what: Any = inner(say, name="item") if by_flow else say
    items = each(what, name="items", item="text", over="words", into="into", at_once=1, tolerate=1.0)
    deep = inner(items, state=Words, budget=Budget(steps=30, tokens=1000), on_exhausted=half)
    sub = subflow(deep, name="sub", writes={})
    bound = Budget(tokens=20) if kind == "tokens" else Budget(steps=2)
    run = ran(around(sub, ended(half) >> End("wrong", verdict="partial"), DONE, budget=bound, on_exhausted=OUT),
              model=FIFTEEN)  # fmt: skip
    assert (run.end, run.error.category) == ("out", "exhausted")
    assert run.spent.tokens == (15 if kind == "tokens" else 0)


def test_the_deadline_around_binds_inside():
    """The time of the run around is over: no further step inside begins."""

    @compute(writes="said")
    def waits(text: str) -> str:
        time.sleep(0.7)
        return text

    flow = inner(waits, says, budget=Budget(steps=9), on_exhausted=half)
    sub = subflow(flow, name="sub", writes={})
    run = ran(around(sub, budget=Budget(deadline=timedelta(seconds=0.6)), on_exhausted=OUT))
    assert run.end == "out"
    assert [step.node for step in run.steps] == ["waits", "sub"]


def test_what_is_kept_around_is_not_spent_inside():
    """The flow inside may not touch what is set aside for the way out, which is then paid from it."""

    class Both(BaseModel):
        text: str = ""
        said: str | None = None
        last: str | None = None

    @think(writes="last", max_tokens=10)
    def sums_up() -> str:
        return "sum up"

    flow = inner(thinks, thinks.named("more"), thinks.named("most"), budget=Budget(steps=9, tokens=500))
    sub = subflow(flow, name="sub")
    outer = Flow(
        "kept", state=Both, budget=Budget(tokens=50, keep=Budget(tokens=15)), on_exhausted=sums_up,
        edges=[on(START, sub), on(sub, DONE), on(sums_up, OUT)],
    )  # fmt: skip
    run = ran(outer, model=FIFTEEN)
    assert (run.end, run.state.last, run.spent.tokens) == ("out", "yes", 45)


# people


def asking(**options: Any) -> Flow[Box]:
    """A flow with an approved effect."""
    lead = approval("lead", denied=half, **options)
    pay = effect("pay", "a", stakes="high")
    return Flow("asks", state=Box, edges=[on(START, lead >> pay), on(pay, DONE)])


def test_an_approval_inside_is_asked_with_its_place_and_bars_the_starter():
    """Its id names the place; who started the run may not decide; a no goes the inner gate's way."""
    world = World()
    sub = subflow(asking(), name="sub")
    with opened(None, around(sub, ended(half) >> OUT, DONE, state=Box), world) as app:
        run = app.start({}, run_id="r", by="web")
        (request,) = run.waiting
        assert (request.id, request.node, request.role) == ("r.1s.1", "pay", "lead")
        with pytest.raises(DecisionRefused, match="whoever started the run"):
            app.approve(request, by="web")
        app.approve(request, by="ann")
        assert app.resume("r").end == "done"
        run = app.start({}, run_id="s", by="web")
        app.deny(run.waiting[0], by="ann")
        assert app.resume("s").end == "out"
    assert world.did == ["pay"]


@pytest.mark.parametrize("where", ["subflow", "each", "deep"])
def test_a_gate_that_only_a_flow_inside_has_needs_roles_and_a_starter(tmp_path, where):
    """On a durable store, compile needs roles=, and start needs by=, however deep the gate is."""
    flow: Flow[Any] = asking()
    if where == "deep":
        flow = Flow("deeper", state=Box, edges=[on(START, s := subflow(flow, name="inside")), on(s, DONE)])
    node: Any = subflow(flow, name="sub")
    if where == "each":
        node = each(flow, name="sub", item="b", over="words", into="into")
    outer = Flow("around", state=Box, edges=[on(START, node), on(node, DONE)])
    with pytest.raises(ConfigError, match="roles="), outer.compile(store=tmp_path / "runs.db"):
        pass
    with outer.compile(store=tmp_path / "runs.db", roles=Anyone(), deps=World()) as app:
        with pytest.raises(ConfigError, match="who starts it"):
            app.start({"words": ["a"]})
        assert app.start({"words": ["a"]}, by="web").status == "waiting"


# failing, retrying, settling


def test_a_retry_of_a_subflow_goes_on_where_it_failed():
    """Its first effect is done: the retry begins at the second, inside, and the limits go on."""
    world = World()
    flow = inner(effect("one", "a"), effect("two", "b"), effect("three", "c"), state=Box)
    world.broken = {"two"}
    with opened(None, around(subflow(flow, name="sub"), state=Box), world) as app:
        assert app.start({}, run_id="r").verdict == "failed"
        assert app.retry("r", by="ann").verdict == "failed"
        world.broken.clear()
        run = app.retry("r", by="ann")
        assert (run.end, run.state.a, run.state.b, run.state.c) == ("done", "did one", "did two", "did three")
        assert world.did == ["one", "two", "three"]
        assert [step.node for step in run.steps] == ["one", "two", "sub", "two", "sub", "two", "three", "sub"]


def test_a_retry_finds_what_failed_in_an_item_of_a_flow_in_a_branch():
    """Branch, subflow, item: three deep, and only what failed is tried again."""
    world = World()
    world.broken = {"b"}

    @tool(effect="once", stakes="low", timeout=5.0, not_done=LookupError)
    def post(word: Any, context: Context) -> str:
        return str(context.deps.does(word, context.key))

    posts = each(post, name="posts", item="word", over="words", into="into")
    deep = inner(posts, state=Box, name="deep")
    sub = subflow(deep, name="sub", reads={"words": "words"}, writes={"into": "into"})
    side = effect("side", "a")
    flow = Flow(
        "deep", state=Box, budget=Budget(steps=40),
        edges=[on(START, all_of(side, sub)), on(side, m := mark("meets")), on(sub, m), on(m, DONE)],
    )  # fmt: skip
    with opened(None, flow, world) as app:
        run = app.start({"words": list("abc")}, run_id="r")
        assert (run.verdict, run.error.type) == ("failed", "ItemsFailed")
        assert [app.retry("r", by="ann").verdict for _ in range(2)] == ["failed", "failed"]
        world.broken.clear()
        run = app.retry("r", by="ann")
        assert run.end == "done"
        assert [entry.value for entry in run.state.into] == ["did a", "did b", "did c"]
    assert sorted(world.did) == ["a", "b", "c", "side"]


def test_an_effect_that_was_given_up_inside_does_not_park_around():
    """Given up two deep: each flow's way is asked, outermost last, and the run is not parked a second time."""
    world = World()
    world.lost = {"pay"}
    deep = inner(effect("pay", "a"), state=Box, name="deep")
    middle = inner(subflow(deep, name="deeper"), state=Box, name="middle")
    flow = around(subflow(middle, name="sub"), rows=[on(why, OUT)], state=Box, on_failure=why)
    with opened(None, flow, world) as app:
        assert app.start({}, run_id="r").status == "parked"
        app.settle("r", None, GIVE_UP, by="ann")
        run = app.resume("r")
    assert (run.end, run.state.why) == ("out", "sub unknown_effect GivenUp")
    assert world.did == ["pay"]


def test_a_flow_that_needs_what_nothing_gives_is_an_error_where_it_is_made():
    """A required field that is not mapped, and a name that is not there, are told at once."""

    class Needs(BaseModel):
        must: str

    flow = inner(mark_less(), state=Needs)
    with pytest.raises(NodeError, match="the field 'must' of Needs is required"):
        around(subflow(flow, name="sub"))
    with pytest.raises(NodeError, match="reads="):
        subflow(flow, name="sub", reads="must")  # type: ignore[arg-type]  # the mistake is the case
