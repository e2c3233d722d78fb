"""What is said of properties holds in runs: drawn flows and properties, run by the semantics with drawn outcomes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guideway import Flow, FlowError, Property, always, at_most_once, ended, never
from guideway.flows.check.graph import Graph
from guideway.flows.check.properties import judge
from guideway.flows.decisions import gate_at
from guideway.flows.monitors import Monitor, monitors_of
from guideway.flows.position import Ask, Begun, Decided, Done, Finish, Move, Place, Run
from guideway.flows.properties import _on_edges as gates_of
from guideway.flows.semantics import next_move
from guideway.flows.watching import Watch, happened, watch
from guideway.guards.budgets import Spent
from guideway.nodes.outcome import Refusal
from tests.flows.check import drawn, fanned

FEW, MANY = settings(max_examples=20), settings(max_examples=1000)


@st.composite
def properties(draw: Any, flow: Flow[Any]) -> Property:
    """A property over what a flow has; a thing in a place where it means nothing is drawn again."""
    nodes, gates, ends = list(flow.nodes.values()), list(gates_of(flow).values()), list(flow.ends.values())
    things = [*nodes, *nodes, *gates, *ends, ended("success"), ended("failed"), *drawn.CONDITIONS]
    one, other = (draw(st.sampled_from(things)), draw(st.sampled_from(things)))
    form = draw(st.sampled_from(["unless", "after", "before", "leads_to", "once"]))
    try:
        if form == "once":
            return at_most_once(one)
        if form in ("unless", "after"):
            return never(one).unless(other) if form == "unless" else never(one).after(other)
        return always(one).before(other) if form == "before" else always(one).leads_to(other)
    except FlowError:
        return at_most_once(nodes[0])


def violated(move: Move) -> bool:
    """Whether a move is one that a property forbids."""
    error = move.error if isinstance(move, Finish) else None
    return (isinstance(move, Run) and move.at.forbidden is not None) or (
        error is not None and error.category == "forbidden"
    )


def seen_by(watched: Watch, incoming: Any, move: Move) -> Watch:
    """How what is watched stands behind a move."""
    ok = incoming.node if isinstance(incoming, Done) and incoming.outcome.kind == "ok" else None
    return watched.after(happened(ok, move.why.seen, move.at))


def forbidden_in(draw: Any, flow: Flow[Any], monitors: tuple[Monitor, ...], most: int = 40) -> bool:
    """Whether anything is forbidden in a drawn run that ends at the first such thing."""
    state, incoming, watched = flow.type.start(draw(drawn.INPUTS)), Begun(), watch(monitors)
    counters: dict[str, int] = {}
    out = False
    for steps in range(most):
        place = Place(state, dict(counters), Spent(steps=steps), out=out, watch=watched)
        move = next_move(flow, place, incoming)
        watched = seen_by(watched, incoming, move)
        while isinstance(move, Ask):
            no = draw(st.none() | st.sampled_from(sorted(gate_at(flow, move.at).ways())))
            refusal = None if no is None else Refusal(kind=no, gate=gate_at(flow, move.at).name)
            place = place._replace(out=move.out, watch=watched)
            move = next_move(flow, place, Decided(move.at, "request", refusal=refusal))
            watched = seen_by(watched, None, move)
        if violated(move):
            return True
        for name in move.why.counted:
            counters[name] = counters.get(name, 0) + 1
        out = move.out
        if not isinstance(move, Run):
            return False
        outcome = draw(drawn.outcomes(flow.nodes[move.at.node]))
        state = flow.type.fold(state, flow.type.write(state, outcome.update))
        incoming = Done(move.at.node, outcome)
    return False


def holds_where_proved(flow: Flow[Any], data: st.DataObject) -> None:
    """Runs a drawn flow against a drawn property."""
    item = data.draw(properties(flow))
    judged = judge(Graph(flow, solver=data.draw(st.booleans())), item)
    assert (judged.done is not None) == (judged.proved is False)
    for _ in range(3):
        if forbidden_in(data.draw, flow, monitors_of(item)):
            assert judged.proved is not True


class Watched(fanned.Runner):
    """Runs a drawn flow with branches, and notes what is forbidden."""

    monitors: tuple[Monitor, ...] = ()
    forbidden: bool = False

    def flow(self, flow: Flow[Any], state: Any) -> Any:
        """A flow from START, watched where it is the one that the properties are of."""
        if flow is self.top:
            self.watched = watch(self.monitors)
        return super().flow(flow, state)

    def decided(self, flow: Flow[Any], place: Place, incoming: Any, counters: dict[str, int]) -> Move:
        """The move after all that people decide."""
        if flow is not self.top:
            return super().decided(flow, place, incoming, counters)
        move = next_move(flow, place._replace(watch=self.watched), incoming)
        self.watched = seen_by(self.watched, incoming, move)
        while isinstance(move, Ask):
            no = self.draw(st.none() | st.sampled_from(sorted(gate_at(flow, move.at).ways())))
            refusal = None if no is None else Refusal(kind=no, gate=gate_at(flow, move.at).name)
            decided = Decided(move.at, "request", refusal=refusal)
            move = next_move(flow, place._replace(watch=self.watched), decided)
            self.watched = seen_by(self.watched, decided, move)
        if violated(move):
            self.forbidden = True
            raise fanned.Stopped
        for name in move.why.counted:
            counters[name] = counters.get(name, 0) + 1
        return move


def holds_beside_where_proved(flow: Flow[Any], data: st.DataObject) -> None:
    """Runs a drawn flow with branches against a drawn property."""
    item = data.draw(properties(flow))
    judged = judge(Graph(flow, solver=data.draw(st.booleans())), item)
    runner = Watched(data.draw)
    runner.top, runner.monitors = flow, monitors_of(item)
    runner.run(flow)
    if runner.forbidden:
        assert judged.proved is not True


@FEW
@given(drawn.flows(), st.data())
def test_no_run_violates_a_property_that_is_proved(flow: Flow[Any], data: st.DataObject):
    """Whatever nodes answer and people decide, by the edges alone and with the solver; what is refuted was seen."""
    holds_where_proved(flow, data)


@FEW
@given(fanned.flows(), st.data())
def test_no_run_with_branches_violates_a_property_that_is_proved(flow: Flow[Any], data: st.DataObject):
    """The same of flows that fan out and hold others; a run takes the branches one after the other."""
    holds_beside_where_proved(flow, data)


@pytest.mark.torture
@MANY
@given(drawn.flows(), st.data())
def test_many_runs_violate_no_property_that_is_proved(flow: Flow[Any], data: st.DataObject):
    """The same, often."""
    holds_where_proved(flow, data)


@pytest.mark.torture
@MANY
@given(fanned.flows(), st.data())
def test_many_runs_with_branches_violate_no_property_that_is_proved(flow: Flow[Any], data: st.DataObject):
    """The same with branches, often."""
    holds_beside_where_proved(flow, data)
