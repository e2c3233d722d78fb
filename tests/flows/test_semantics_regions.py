"""The table of cases of the semantics: branches of a region, joins, flows inside."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from guideway import (
    START,
    Budget,
    End,
    Flow,
    all_of,
    approval,
    at_most,
    compute,
    each,
    ended,
    exists,
    failed,
    fields,
    on,
    policy,
    subflow,
    tool,
    when,
)
from guideway.flows.position import (
    Ask,
    AtEnd,
    AtFork,
    AtGate,
    AtJoin,
    AtLeft,
    AtNode,
    Begun,
    Decided,
    Done,
    Finish,
    Fork,
    Headed,
    Join,
    Joined,
    Leave,
    Outer,
    Park,
    Place,
    Run,
)
from guideway.flows.semantics import next_move
from guideway.guards.budgets import Spent
from guideway.nodes.calls import EXHAUSTED_AROUND, seen_from_around
from guideway.nodes.outcome import ErrorRecord, Failure, Outcome, Refusal


class S(BaseModel):
    """What the flows carry."""

    n: int = 0
    name: str | None = None
    list_: list[int] = []
    got: list[Any] = []


t = fields(S)


def step(name: str) -> Any:
    """A node."""

    @compute(name=name, writes="n")
    def work(n: int) -> int:
        return n

    return work


a, b, c, d, fix, after, inner_a, inner_b, inner_join, away = map(
    step, ("a", "b", "c", "d", "fix", "after", "inner_a", "inner_b", "inner_join", "away")
)


@tool(effect="once", stakes="high", timeout=1.0, writes="name")
def pay(n: int) -> str:
    """A payment."""
    return "paid"


good, bad, out = End("good"), End("bad", verdict="failed"), End("out", verdict="partial")
lead = approval("lead", denied=after)
FORK = all_of(b, lead >> pay, c)
INNER = all_of(inner_a, inner_b)
rounds = at_most(1, name="rounds")
FLOW = Flow(
    "regions",
    state=S,
    edges=[
        on(START, a),
        on(a, failed(LookupError) >> FORK, when(t.n > 5) >> after, FORK),
        on(b, failed("timeout") >> fix, failed(LookupError) >> away, when(t.n == 3) >> d, after),
        on(d, when(rounds) >> b, when(t.n > 100) >> after),
        on(fix, after),
        on(pay, failed(LookupError) >> approval("lead", name="again", denied=bad) >> away, after),
        on(c, INNER),
        on(inner_a, failed("timeout") >> away, inner_join),
        on(inner_b, inner_join),
        on(inner_join, after),
        on(after, good),
        on(away, out),
    ],
    budget=Budget(steps=10, calls=3),
    on_failure=bad,
    on_exhausted=out,
)
OUTSIDE, OUTER, INSIDE = None, FLOW.regions[FORK.name], FLOW.regions[INNER.name]


def fails(category: str, classes: tuple[str, ...] = (), node: str = "b") -> Done:
    """A failed outcome."""
    return Done(node, Outcome("failed", error=ErrorRecord(category, "X", "it broke", classes)))


def ok(node: str) -> Done:
    """A good outcome."""
    return Done(node, Outcome("ok"))


def place(n: int = 0, **options: Any) -> Place:
    """Where a branch stands."""
    return Place(S(n=n), **options)


def lands(move: Any) -> str:
    """Where a move leads, in one word."""
    if isinstance(move, Run):
        return move.at.node
    if isinstance(move, Fork):
        return f"fork {len(move.heads)}"
    if isinstance(move, Join):
        return f"join {move.at.exit}"
    if isinstance(move, Leave):
        return f"leave by {move.at.how} from {move.at.source}"
    if isinstance(move, Ask):
        return f"ask {move.at.index} of {move.at.route}"
    if isinstance(move, Finish):
        return f"{move.at.end}/{move.at.verdict}"
    assert isinstance(move, Park)
    return f"parked {move.at.reason}"


def test_the_regions_are_what_the_words_say() -> None:
    """The exit is where all branches come to, whatever way they take; what only a failure reaches is outside."""
    assert (OUTER.exit, OUTER.inside) == (
        "after",
        {"b", "d", "fix", "pay", "c", INNER.name, "inner_a", "inner_b", "inner_join"},
    )
    assert (INSIDE.exit, INSIDE.inside) == ("inner_join", {"inner_a", "inner_b"})
    assert OUTER.leaks == INSIDE.leaks == ()


KEY = ("builtins.KeyError", "builtins.LookupError")
HEADS = [route.id for route in FLOW.rows[FORK.name]]


@pytest.mark.parametrize(
    ("incoming", "n", "region", "expected"),
    [
        (ok("a"), 0, OUTSIDE, "fork 3"),
        (fails("bug", KEY, "a"), 0, OUTSIDE, "fork 3"),
        (ok("a"), 6, OUTSIDE, "after"),
        # heads
        (Headed(HEADS[0]), 0, OUTER, "b"),
        (Headed(HEADS[1]), 0, OUTER, f"ask 0 of {HEADS[1]}"),
        (Headed(HEADS[2]), 0, OUTER, "c"),
        # inside, and out of it
        (ok("b"), 3, OUTER, "d"),
        (ok("b"), 0, OUTER, "join after"),
        (ok("d"), 0, OUTER, "b"),
        (fails("timeout"), 0, OUTER, "fix"),
        (ok("fix"), 0, OUTER, "join after"),
        (fails("bug", KEY), 0, OUTER, "leave by edge from b"),
        (fails("bug"), 0, OUTER, "leave by failure from b"),
        (fails("unknown_effect"), 0, OUTER, "parked unknown_effect"),
        (fails("exhausted"), 0, OUTER, "leave by exhausted from b"),
        (fails("cancelled"), 0, OUTER, "leave by stuck from b"),
        (fails("bug", KEY, "pay"), 0, OUTER, "leave by edge from pay"),
        # branches of a branch
        (ok("c"), 0, OUTER, "fork 2"),
        (ok("inner_a"), 0, INSIDE, "join inner_join"),
        (fails("timeout", node="inner_a"), 0, INSIDE, "leave by edge from inner_a"),
        (fails("bug", node="inner_a"), 0, INSIDE, "leave by failure from inner_a"),
        (Joined("inner_join"), 0, OUTER, "inner_join"),
        (ok("inner_join"), 0, OUTER, "join after"),
        # the join
        (Joined("after"), 0, OUTSIDE, "after"),
    ],
)
def test_places(incoming: Any, n: int, region: Any, expected: str) -> None:
    """A branch stays in its region until its exit, or leaves by a failure; nested ones likewise."""
    assert lands(next_move(FLOW, place(n, region=region), incoming)) == expected


def test_a_limit_that_is_used_up_leaves_a_branch_stuck() -> None:
    """A branch without a way on leaves its region; the run then says which guards were tried."""
    move = next_move(FLOW, place(region=OUTER, counters={"rounds": 1}), ok("d"))
    assert lands(move) == "leave by stuck from d"
    assert isinstance(move, Leave)
    after_it = next_move(FLOW, place(), move.at)
    assert isinstance(after_it, Finish)
    assert after_it.error is not None
    assert (lands(after_it), "at_most(1)" in after_it.error.message or "rounds" in after_it.error.message) == (
        "None/failed",
        True,
    )


LEFT = ErrorRecord("bug", "X", "it broke", KEY)
TOLD = Failure(category="bug", message="it broke", node="b", type="X")
ROUTE_AWAY = next(route.id for route in FLOW.rows["b"] if route.target is away)
ROUTE_ASKED = next(route.id for route in FLOW.rows["pay"] if route.target is away)


@pytest.mark.parametrize(
    ("left", "region", "expected"),
    [
        (AtLeft("edge", "b", LEFT, ROUTE_AWAY, TOLD), OUTSIDE, "away"),
        (AtLeft("edge", "pay", LEFT, ROUTE_ASKED, TOLD), OUTSIDE, f"ask 0 of {ROUTE_ASKED}"),
        (AtLeft("failure", "b", LEFT, None, TOLD), OUTSIDE, "bad/failed"),
        (AtLeft("exhausted", "b", LEFT, None, TOLD), OUTSIDE, "out/partial"),
        (AtLeft("stuck", "b", LEFT, None, TOLD), OUTSIDE, "None/failed"),
        (AtLeft("failure", "inner_a", LEFT, None, TOLD), OUTER, "leave by failure from b"),
        (AtLeft("exhausted", "inner_a", LEFT, None, TOLD), OUTER, "leave by exhausted from inner_a"),
        (AtLeft("stuck", "inner_a", LEFT, None, TOLD), OUTER, "leave by stuck from inner_a"),
        (AtLeft("edge", "b", LEFT, ROUTE_AWAY, TOLD), OUTER, "leave by edge from b"),
        (AtLeft("outer", "b", LEFT, None, TOLD), OUTSIDE, "leave by outer from b"),
    ],
)
def test_what_was_left_goes_its_way_from_the_fork(left: AtLeft, region: Any, expected: str) -> None:
    """The way of a failure is taken where the fork was; out of a nested region it may leave the one around too."""
    assert lands(next_move(FLOW, place(region=region), left)) == expected


def test_the_edge_that_leads_out_hands_over_the_failure() -> None:
    """The node that a failure leads to reads it, though it is reached from the fork."""
    move = next_move(FLOW, place(), AtLeft("edge", "b", LEFT, ROUTE_AWAY, TOLD))
    assert isinstance(move, Run)
    assert move.at == AtNode("away", None, TOLD)


def test_a_no_in_a_branch_joins_with_its_reason_and_no_grant() -> None:
    """The exit reads why it was reached; what a branch was granted ends with the branch."""
    asked = next_move(FLOW, place(region=OUTER), Headed(HEADS[1]))
    assert isinstance(asked, Ask)
    assert asked.at == AtGate(HEADS[1], 0)
    refusal = Refusal(kind="denied", gate="lead", who="ann")
    denied = next_move(FLOW, place(region=OUTER), Decided(asked.at, "r.1b1.1", None, refusal))
    assert isinstance(denied, Join)
    assert denied.at == AtJoin("after", refusal)
    joined = next_move(FLOW, place(), Joined("after", refusal))
    assert isinstance(joined, Run)
    assert (joined.at.refusal, joined.at.grant) == (refusal, None)
    approved = next_move(FLOW, place(region=OUTER), Decided(asked.at, "r.1b1.1", "abc"))
    assert isinstance(approved, Run)
    assert (approved.at.grant, approved.at.digest) == ("r.1b1.1", "abc")


@pytest.mark.parametrize(
    ("spent", "beside", "expected"),
    [
        (Spent(steps=8), 0, "b"),
        (Spent(steps=9), 0, "b"),
        (Spent(steps=10), 0, "leave by exhausted from b"),
        (Spent(steps=8), 1, "b"),
        (Spent(steps=8), 2, "leave by exhausted from b"),
    ],
)
def test_steps_of_siblings_count_as_taken(spent: Spent, beside: int, expected: str) -> None:
    """What stands beside has its step already: two branches do not both take the last one."""
    assert lands(next_move(FLOW, place(spent=spent, beside=beside, region=OUTER), Headed(HEADS[0]))) == expected


# flows inside

not_ours, done_in, broke_in = End("not ours", verdict="escalated"), End("done"), End("broke", verdict="failed")
DEPARTMENT = Flow(
    "department",
    state=S,
    edges=[on(START, when(t.n == 1) >> not_ours, when(t.n == 2) >> broke_in, a), on(a, done_in)],
    budget=Budget(steps=3),
    on_exhausted=done_in,
)
desk = subflow(DEPARTMENT, name="desk")
works = each(DEPARTMENT, name="works", item="n", over="list_", into="got")
AROUND = Flow(
    "around",
    state=S,
    edges=[
        on(START, desk),
        on(
            desk,
            ended(not_ours) >> b,
            failed("timeout") >> d,
            ended("failed") >> c,
            when(exists(t.name)) >> works,
            after,
        ),
        on(b, good),
        on(c, good),
        on(d, good),
        on(works, failed() >> fix, good),
        on(fix, good),
        on(after, good),
    ],
    budget=Budget(steps=5),
    on_failure=bad,
)


def came(end: str | None, verdict: str, category: str | None = None) -> Done:
    """What a subflow came to."""
    error = None if category is None else ErrorRecord(category, "X", "it broke")
    kind: Any = "failed" if verdict == "failed" else "ok"
    return Done("desk", Outcome(kind, error=error, end=end, verdict=verdict))


@pytest.mark.parametrize(
    ("incoming", "name", "expected"),
    [
        (came("not ours", "escalated"), None, "b"),
        (came("done", "success"), None, "after"),
        (came("done", "success"), "x", "works"),
        (came("broke", "failed", "declined"), None, "c"),
        (came("broke", "failed", "timeout"), None, "d"),
        (came(None, "failed", "timeout"), None, "d"),
        (came(None, "failed", "bug"), None, "bad/failed"),
        (came(None, "failed", "exhausted"), None, "bad/failed"),
        (Done("works", Outcome("failed", error=LEFT)), None, "fix"),
        (ok("works"), None, "good/success"),
    ],
)
def test_ends_of_a_flow_inside_are_matched(incoming: Done, name: str | None, expected: str) -> None:
    """``ended`` sees ends by name and verdict, whatever the outcome; the other edges see ok and failed as ever."""
    assert lands(next_move(AROUND, Place(S(name=name)), incoming)) == expected


def test_the_order_of_edges_holds_for_ends_and_failures_alike() -> None:
    """A failed end is matched by whichever edge of the row stands first."""
    first = Flow(
        "first",
        state=S,
        edges=[on(START, desk), on(desk, ended(broke_in) >> b, failed() >> c, good), on(b, good), on(c, good)],
    )
    assert lands(next_move(first, Place(S()), came("broke", "failed", "timeout"))) == "b"
    assert lands(next_move(first, Place(S()), came(None, "failed", "timeout"))) == "c"


@pytest.mark.parametrize(
    ("own", "around", "out", "expected"),
    [
        (0, 0, False, "a"),
        (3, 3, False, "done/success"),
        (1, 5, False, "leave by outer from a"),
        (3, 5, False, "leave by outer from a"),
        (1, 5, True, "leave by outer from a"),
        (1, 4, False, "a"),
    ],
)
def test_a_budget_around_binds_inside(own: int, around: int, out: bool, expected: str) -> None:
    """The flow's own budget takes its own way; where the one around is used up the flow ends by it."""
    outer = (Outer(Budget(steps=5), Spent(steps=around), 0.0, out),)
    assert lands(next_move(DEPARTMENT, Place(S(), spent=Spent(steps=own), outer=outer), Begun())) == expected


def test_what_is_kept_around_is_not_for_the_flow_inside() -> None:
    """Inside, the budget around gives only what is not kept for its own way out."""
    outer = (Outer(Budget(steps=5, keep=Budget(steps=2)), Spent(steps=3), 0.0, False),)
    assert lands(next_move(DEPARTMENT, Place(S(), outer=outer), Begun())) == "leave by outer from a"


def test_a_policy_that_raises_in_a_branch_leaves_the_region() -> None:
    """A function that raises on an edge inside fails the step as a bug, and that leaves as any failure does."""

    def wrong(n: int) -> str | None:
        raise RuntimeError("no answer")

    flow = Flow(
        "raises",
        state=S,
        edges=[on(START, all_of(policy(wrong, violated=after) >> a, b)), on(a, after), on(b, after), on(after, good)],
        on_failure=bad,
    )
    fork = next(iter(flow.forks))
    region = flow.regions[fork]
    move = next_move(flow, Place(S(), region=region), Headed(flow.rows[fork][0].id))
    assert isinstance(move, Leave)
    assert (move.at.how, move.at.error.category) == ("failure", "bug")


def test_an_end_may_be_the_exit() -> None:
    """Branches may join at an end: the run ends there once, when all have come."""
    flow = Flow("ends", state=S, edges=[on(START, all_of(a, b)), on(a, good), on(b, good)])
    region = flow.regions["all_of(a, b)"]
    assert lands(next_move(flow, Place(S(), region=region), ok("a"))) == "join good"
    move = next_move(flow, Place(S()), Joined("good"))
    assert isinstance(move, Finish)
    assert move.at == AtEnd("good", "success")
    assert isinstance(next_move(flow, Place(S()), Begun()), Fork)
    assert next_move(flow, Place(S()), Begun()).at == AtFork("all_of(a, b)")


def test_a_call_that_the_budget_around_does_not_cover_ends_the_flow_inside() -> None:
    """The flow inside does not take its own way for a budget that is not its own; what holds a flow inside does."""
    outer = (Outer(Budget(calls=5), Spent(calls=4), 0.0, False),)
    error = ErrorRecord("exhausted", EXHAUSTED_AROUND, "0 calls are left")
    around = Done("a", Outcome("failed", error=error))
    assert lands(next_move(DEPARTMENT, Place(S(), outer=outer), around)) == "leave by outer from a"
    own = Done("a", Outcome("failed", error=ErrorRecord("exhausted", "Exhausted", "0 calls are left")))
    assert lands(next_move(DEPARTMENT, Place(S(), outer=outer), own)) == "done/success"
    further = Done("desk", Outcome("failed", error=error, verdict="failed"))
    assert lands(next_move(AROUND, Place(S(), outer=outer), further)) == "leave by outer from desk"
    told = ErrorRecord("exhausted", seen_from_around(EXHAUSTED_AROUND), "0 calls are left")
    held = Done("desk", Outcome("failed", error=told, verdict="failed"))
    assert lands(next_move(AROUND, Place(S(), outer=outer), held)) == "bad/failed"
