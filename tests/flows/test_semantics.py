"""The semantics as a table of cases: from a place and what came in, to the next move."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from guideway import (
    START,
    Budget,
    End,
    Flow,
    approval,
    at_most,
    compute,
    exists,
    failed,
    fields,
    on,
    policy,
    tool,
    when,
)
from guideway.flows.position import (
    Ask,
    AtEnd,
    AtGate,
    AtNode,
    Begun,
    Decided,
    Done,
    Finish,
    Park,
    Parked,
    Place,
    Run,
)
from guideway.flows.semantics import next_move
from guideway.guards.budgets import Spent
from guideway.nodes.outcome import ErrorRecord, Outcome, Refusal


class S(BaseModel):
    """The state of every case."""

    n: int = 0
    name: str | None = None


t = fields(S)


@compute(writes="n")
def a(n: int) -> int:
    return n + 1


@compute(writes="n")
def b(n: int) -> int:
    return n


@compute(writes="n")
def c(n: int) -> int:
    return n


@tool(effect="once", stakes="high", timeout=1.0, writes="name")
def pay(n: int) -> str:
    return "paid"


good, handed, out, bad = (
    End("good"),
    End("handed", verdict="escalated"),
    End("out", verdict="partial"),
    End("bad", verdict="failed"),
)


def flow(*rows: Any, **options: Any) -> Flow[S]:
    """A flow over ``S``; rows are given as they are written."""
    return Flow("case", state=S, edges=rows, **options)


def ok(node: str = "a") -> Done:
    return Done(node, Outcome("ok"))


def fails(category: str, classes: tuple[str, ...] = (), node: str = "a") -> Done:
    return Done(node, Outcome("failed", error=ErrorRecord(category, "X", "it broke", classes)))


def place(**values: Any) -> Place:
    extra = {name: values.pop(name) for name in ("counters", "spent", "now", "started", "out") if name in values}
    return Place(state=S(**values), **extra)


def lands(move: Any) -> str:
    """Where a move leads, in one word."""
    if isinstance(move, Run):
        return move.at.node
    if isinstance(move, Finish):
        return f"{move.at.end}/{move.at.verdict}"
    if isinstance(move, Ask):
        return f"ask {move.at.route.split(': ')[1]}"
    assert isinstance(move, Park)
    return f"parked {move.at.reason}"


big, named = t.n > 5, exists(t.name)
ROUTING = flow(
    on(START, when(t.n == 9) >> b, a),
    on(a, failed(LookupError) >> b, failed("timeout", "rate_limited") >> c, when(big) >> b, when(named) >> c, good),
    on(b, when(named) >> good),
    on(c, failed() >> handed, good),
    on_failure=bad,
)


@pytest.mark.parametrize(
    ("incoming", "values", "expected"),
    [
        (Begun(), {}, "a"),
        (Begun(), {"n": 9}, "b"),
        (ok(), {"n": 6, "name": "x"}, "b"),
        (ok(), {"n": 1, "name": "x"}, "c"),
        (ok(), {"n": 1}, "good/success"),
        (fails("bug", ("builtins.KeyError", "builtins.LookupError")), {"n": 6}, "b"),
        (fails("timeout"), {"n": 6}, "c"),
        (fails("bug", ("builtins.ValueError",)), {"n": 6}, "bad/failed"),
        (fails("unknown_effect", ("builtins.LookupError",)), {}, "parked unknown_effect"),
        (fails("unknown_effect", node="c"), {}, "parked unknown_effect"),
        (fails("cancelled"), {}, "None/failed"),
        (fails("invalid_output", node="c"), {}, "handed/escalated"),
        (ok("b"), {"n": 1}, "None/failed"),
    ],
)
def test_rows(incoming: Any, values: dict[str, Any], expected: str) -> None:
    """Edges are tried in order; failed edges see only failures, the flow's way catches what no edge matches."""
    assert lands(next_move(ROUTING, place(**values), incoming)) == expected


def test_no_way_on_says_what_was_tried() -> None:
    """A run without a way on ends failed, and names each guard with its value and what it read."""
    move = next_move(ROUTING, place(n=1), ok("b"))
    assert isinstance(move, Finish)
    assert move.error is not None
    assert "exists(name) is false" in move.error.message
    assert move.why.tried[0]["guards"][0]["value"] is False


def test_the_reasons_hold_every_guard_up_to_the_edge_taken() -> None:
    """The log has each tried edge, in order, with values and what was read."""
    move = next_move(ROUTING, place(n=1, name="x"), ok())
    assert [entry["edge"] for entry in move.why.tried] == ["a: n > 5 >> b", "a: exists(name) >> c"]
    assert move.why.tried[0]["guards"] == [{"guard": "n > 5", "value": False, "read": {"n": 1}}]
    assert move.why.edge == "a: exists(name) >> c"


rounds = at_most(2, name="rounds")
LOOP = flow(
    on(START, a),
    on(a, when(rounds, t.n < 5) >> b, when(t.n < 50) >> c, good),
    on(b, rounds >> a, handed),
    on(c, good),
)


@pytest.mark.parametrize(
    ("source", "taken", "n", "expected", "counted"),
    [
        ("a", 0, 1, "b", ("rounds",)),
        ("a", 1, 1, "b", ("rounds",)),
        ("a", 2, 1, "c", ()),
        ("a", 0, 9, "c", ()),
        ("b", 1, 1, "a", ("rounds",)),
        ("b", 2, 1, "handed/escalated", ()),
    ],
)
def test_limits(source: str, taken: int, n: int, expected: str, counted: tuple[str, ...]) -> None:
    """One limit on several edges is one counter; used up it is false and the next edge is tried."""
    move = next_move(LOOP, place(n=n, counters={"rounds": taken}), ok(source))
    assert (lands(move), move.why.counted) == (expected, counted)


def rule(n: int) -> str | None:
    return "n is too big" if n > 100 else None


manager = approval("manager", denied=c, expired=out, within="1h", name="manager")
lead = approval("lead", denied=b, expired=manager, within="24h", unless=t.n < 3)
GATES = flow(
    on(START, a),
    on(a, when(t.n > 0) >> policy(rule, violated=handed) >> lead >> pay, good),
    on(b, good),
    on(c, good),
    on(pay, good),
    on_failure=bad,
)
EDGE = "a: n > 0 >> rule >> lead >> pay"


def test_gates_are_asked_left_to_right() -> None:
    """A policy stands before the approval: its no goes its way, and nobody is asked."""
    move = next_move(GATES, place(n=101), ok())
    assert lands(move) == "handed/escalated"
    asked = next_move(GATES, place(n=50), ok())
    assert isinstance(asked, Ask)
    assert asked.at == AtGate(EDGE, 1)


def test_an_exemption_is_inside_the_gate_and_logged() -> None:
    """Where ``unless`` is known to be true nobody is asked, the log says so and the grant names the gate."""
    move = next_move(GATES, place(n=2), ok())
    assert isinstance(move, Run)
    assert (move.at.node, move.at.grant) == ("pay", "exempt:lead")
    assert move.why.tried[-1]["guards"][-1]["exempt"] is True


def no(kind: Any, gate: str = "lead") -> Refusal:
    return Refusal(kind=kind, gate=gate, who="ann", note="not now")


@pytest.mark.parametrize(
    ("at", "refusal", "expected"),
    [
        (AtGate(EDGE, 1), None, "pay"),
        (AtGate(EDGE, 1), no("denied"), "b"),
        (AtGate(EDGE, 1, ("expired",)), None, "pay"),
        (AtGate(EDGE, 1, ("expired",)), no("denied", "manager"), "c"),
        (AtGate(EDGE, 1, ("expired",)), no("expired", "manager"), "out/partial"),
    ],
)
def test_a_no_is_final_and_goes_the_gates_way(at: AtGate, refusal: Refusal | None, expected: str) -> None:
    """No other edge of the row is tried after a no; a yes of the gate that was escalated to is as good."""
    assert lands(next_move(GATES, place(n=50), Decided(at, "r.1", "d", refusal))) == expected


def test_escalation_asks_about_the_same_target() -> None:
    """A way that is a gate asks on: the edge and the target stay, the noes so far are the turns."""
    move = next_move(GATES, place(n=50), Decided(AtGate(EDGE, 1), "r.1", "d", no("expired")))
    assert isinstance(move, Ask)
    assert (move.at.route, move.at.turns) == (EDGE, ("expired",))


def test_the_node_reached_can_read_why() -> None:
    """A gate's way carries the refusal; a failed edge carries the failure; a yes carries neither."""
    denied = next_move(GATES, place(n=50), Decided(AtGate(EDGE, 1), "r.1", "d", no("denied")))
    assert isinstance(denied, Run)
    assert denied.at.refusal == no("denied")
    assert denied.at.grant is None
    yes = next_move(GATES, place(n=50), Decided(AtGate(EDGE, 1), "r.1", "d"))
    assert isinstance(yes, Run)
    assert (yes.at.refusal, yes.at.grant, yes.at.digest) == (None, "r.1", "d")
    failure = next_move(ROUTING, place(), fails("timeout"))
    assert isinstance(failure, Run)
    assert failure.at.failure is not None
    assert failure.at.failure.category == "timeout"


def test_a_way_with_gates_of_its_own() -> None:
    """A way may be gates and a target: then these gates decide about that target."""
    other = approval("other", denied=handed)
    first = approval("first", denied=other >> pay)
    made = flow(on(START, a), on(a, first >> b), on(b, good), on(pay, good))
    move = next_move(made, place(), Decided(AtGate("a: first >> b", 0), "r.1", "d", no("denied", "first")))
    assert isinstance(move, Ask)
    assert move.at.route == "way: other >> pay"
    assert lands(next_move(made, place(), Decided(move.at, "r.2", "d2"))) == "pay"


BUDGET = flow(
    on(START, a),
    on(a, b),
    on(b, good),
    on(c, out),
    budget=Budget(steps=5, calls=2, seconds=15, deadline="1h", keep=Budget(steps=2, seconds=5)),
    on_exhausted=c,
)


@pytest.mark.parametrize(
    ("spent", "now", "expected"),
    [
        (Spent(steps=2), 0.0, "b"),
        (Spent(steps=3), 0.0, "c"),
        (Spent(steps=1, seconds=10.0), 0.0, "c"),
        (Spent(steps=1, calls=2), 0.0, "b"),
        (Spent(steps=1), 3599.0, "b"),
        (Spent(steps=1), 3600.0, "c"),
    ],
)
def test_budgets_keep_something_for_the_way_out(spent: Spent, now: float, expected: str) -> None:
    """What is kept counts as used up until the way out is taken."""
    move = next_move(BUDGET, place(spent=spent, now=now), ok())
    assert lands(move) == expected
    assert move.out is (expected == "c")


def test_the_way_out_is_taken_once() -> None:
    """On the way out the kept part may be spent; used up again, the run ends failed as exhausted."""
    at_c = next_move(BUDGET, place(spent=Spent(steps=4), out=True), ok("c"))
    assert lands(at_c) == "out/partial"
    again = next_move(BUDGET, place(spent=Spent(steps=5), out=True), ok("a"))
    assert isinstance(again, Finish)
    assert again.error is not None
    assert (again.at, again.error.category) == (AtEnd(None, "failed"), "exhausted")


def test_a_call_that_did_not_fit_goes_the_way_out() -> None:
    """An outcome that failed as exhausted takes ``on_exhausted``, unless an edge of the row names it."""
    assert lands(next_move(BUDGET, place(), fails("exhausted"))) == "c"
    own = flow(on(START, a), on(a, failed("exhausted") >> handed, good), on_exhausted=out)
    assert lands(next_move(own, place(), fails("exhausted"))) == "handed/escalated"


def raises(n: int) -> bool:
    raise RuntimeError("no answer")


def test_a_condition_that_raises_fails_the_step_as_a_bug() -> None:
    """The row's failed edges then see a bug; without one the flow's way is taken."""
    made = flow(on(START, a), on(a, failed("bug") >> handed, when(raises) >> b, good), on(b, good))
    assert lands(next_move(made, place(), ok())) == "handed/escalated"
    bare = flow(on(START, a), on(a, when(raises) >> b, good), on(b, good), on_failure=bad)
    assert lands(next_move(bare, place(), ok())) == "bad/failed"


def test_succeeds_if_decides_the_verdict() -> None:
    """An end whose condition is not known to be true ends the run failed, and says what was found."""
    strict = End("strict", succeeds_if=exists(t.name))
    made = flow(on(START, a), on(a, strict))
    assert lands(next_move(made, place(name="x"), ok())) == "strict/success"
    move = next_move(made, place(), ok())
    assert isinstance(move, Finish)
    assert move.error is not None
    assert (move.at.verdict, "exists(name)" in move.error.message) == ("failed", True)


def test_a_refusal_of_a_nodes_own_goes_its_way() -> None:
    """``act`` and ``ask`` have gates of their own: their no goes the way that they name."""
    done = Done("a", Outcome("refused", refusal=no("denied"), way=handed))
    assert lands(next_move(ROUTING, place(), done)) == "handed/escalated"


def test_the_same_place_gives_the_same_move() -> None:
    """The semantics is a function: no clock, no memory."""
    here = place(n=50)
    assert next_move(GATES, here, ok()) == next_move(GATES, here._replace(), ok())


def test_parking_keeps_the_node() -> None:
    """A run that parks stands at the node whose effect is not known."""
    move = next_move(ROUTING, place(), fails("unknown_effect"))
    assert isinstance(move, Park)
    assert move.at == Parked(AtNode("a"), "unknown_effect")


def wrong(n: int) -> str | None:
    raise RuntimeError("no answer")


def test_a_policy_that_raises_on_the_flows_own_way_ends_the_run() -> None:
    """The flow's way is the last one: where its own policy raises, the run ends failed and says so."""
    made = flow(on(START, a), on(a, good), on(b, good), on_failure=policy(wrong, violated=bad) >> b)
    move = next_move(made, place(), fails("timeout"))
    assert isinstance(move, Finish)
    assert move.error is not None
    assert (move.at.verdict, "'wrong' raised" in move.error.message) == ("failed", True)
