"""Where a run goes: from a flow, where a run stands and what came in, to the next move with its reasons.

Pure and total: no I/O, no clock, no LangGraph. The executor is this function plus the journal; replay is
this function plus recorded calls; the checker explores it. Nothing else decides where a run goes.

The rules, in the order in which they act:

1.  The edges of a row are tried in order; ``failed(...)`` edges see only failed outcomes, the others only ``ok``.
2.  An edge passes when all its conditions are known to be true and its limits are not used up.
3.  Then its gates are asked, left to right. A no is final: the run goes the gate's way, and no other edge of
    the row is tried. A way that is a gate decides about the same target. Where a person changed the arguments, the
    edge is asked again from its first guard on, about the call as it would run now; nothing exempts it.
4.  A failed outcome that no edge matches goes ``on_failure``; an unknown effect parks, until it is settled or
    given up; a budget that is used up goes ``on_exhausted``, once.
5.  A run without a way on ends failed, and says which guards were tried with which values.
6.  An ``all_of`` forks: every head begins a branch. A branch that comes to its region's exit joins there. It
    leaves the region only by a failure: by a ``failed(...)`` edge that leads out, or on a way of the flow's; that
    way is taken where the fork was, once the branches have come to rest.
7.  In a subflow the budgets around it bind too; where one of those is used up, the subflow ends by it.
8.  What would violate a property that is watched does not happen: the node does not start and its step fails as
    ``forbidden``; an end that is come to against one is failed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..guards.evaluation import OpaqueFailed
from ..guards.gates import Approval, Gate, Way
from ..guards.limits import Limit
from ..guards.path import Edge
from ..guards.target import Target
from ..nodes.calls import EXHAUSTED_AROUND
from ..nodes.outcome import ErrorRecord, Failure, Outcome, Refusal
from .affording import over, over_outside
from .decisions import against, asked_about, asked_first, bug, decide, failure_of, gate_at, is_for, judged, told_of
from .ends import End
from .fanout import AllOf
from .position import (
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
    Incoming,
    Join,
    Joined,
    Leave,
    Move,
    No,
    Park,
    Parked,
    Place,
    Reasons,
    Run,
)
from .rows import Route
from .trail import Trail
from .watching import NOBODY, Lookout, forbidden

if TYPE_CHECKING:
    from .flow import Flow

GIVEN_UP = "GivenUp"
"""The type of the error of a step whose effect is unknown for good: somebody settled that nobody will find out."""

NO_WAY_ON = "NoWayOn"
"""The type of the error of a run that has no way on."""

FAILURE, EXHAUSTED = "on_failure", "on_exhausted"
"""The sources of a flow's own ways, beside the names of nodes."""


def next_move(flow: Flow[Any], place: Place, incoming: Incoming) -> Move:
    """The next move of a run.

    Args:
        flow: the flow.
        place: where the run stands, the incoming outcome's update already written.
        incoming: what came in: the start, a node's outcome, a gate's decision, or what branches came to.
    """
    walk = _Walk(flow, place)
    if isinstance(incoming, Done):
        return walk.outcome(incoming)
    if isinstance(incoming, Begun):
        return walk.row("START", None)
    if isinstance(incoming, Decided):
        return walk.decided(incoming)
    if isinstance(incoming, Headed):
        return walk.headed(incoming)
    return walk.joined(incoming) if isinstance(incoming, Joined) else walk.left(incoming)


class _Walk:
    """One routing decision: the log of what was tried, and each opaque condition evaluated once."""

    __slots__ = ("ended", "flow", "lookout", "memo", "place", "tried")

    def __init__(self, flow: Flow[Any], place: Place) -> None:
        self.flow = flow
        self.place = place
        self.tried: list[dict[str, Any]] = []
        self.memo: dict[Any, Any] = {}
        self.ended: tuple[str | None, str | None] = (None, None)
        self.lookout = NOBODY if place.watch is None else Lookout(place.watch, flow.tools)

    # what came in

    def outcome(self, done: Done) -> Move:
        outcome = done.outcome
        if outcome.end is not None:
            self.ended = (outcome.end, outcome.verdict)
        if outcome.kind == "ok":
            self.lookout.ended_well(done.node)
            return self.row(done.node, None)
        if outcome.kind in ("refused", "expired"):
            return self._no_of_its_own(done.node, outcome)
        error = outcome.error or ErrorRecord("bug", "Unknown", "failed without an error record")
        return self.row(done.node, error)

    def decided(self, decided: Decided) -> Move:
        at = decided.at
        route = self.flow.routes[at.route]
        gate = gate_at(self.flow, at)
        trail = Trail(route, [], at.refusal, at.failure, edits=decided.edits or at.edits)
        if decided.edits is not None:  # what was said before it says nothing of the edited call
            return self._edited(trail, gate, decided)
        trail.also = at.also
        refusal = decided.refusal
        self.lookout.said(gate.name, refusal is None)
        if refusal is None:
            trail.guards.append({"guard": gate.name, "value": True, "request": decided.request})
            trail.grant, trail.digest = decided.request, decided.digest
            trail.refusal = None
            return self._gates(trail, at.index + 1)
        trail.guards.append({"guard": gate.name, "value": False, "request": decided.request, "no": refusal.kind})
        return self._way(trail, gate, at, refusal)

    def headed(self, headed: Headed) -> Move:
        route = self.flow.routes[headed.route]
        return self._gates(Trail(route, [], headed.refusal, headed.failure, edits=headed.edits), 0)

    def joined(self, joined: Joined) -> Move:
        name = joined.exit
        target = self.flow.nodes.get(name) or self.flow.forks.get(name) or self.flow.ends[name]
        route = Route(f"join: {joined.exit}", "join", None, (), (), target, None)
        return self._arrive(Trail(route, [], joined.refusal, joined.failure), target)

    def left(self, left: AtLeft) -> Move:
        """A branch left the region: its way is taken from here, or leaves the region around."""
        if left.how == "outer":
            return self._leave(left)
        if left.how == "edge":
            route = self.flow.routes[left.route or ""]
            return self._take(Trail(route, [], failure=left.failure), left.source, left.error)
        if left.how == "exhausted":
            return self._exhausted(left.source, left.error)
        if left.how == "stuck":
            return self._stuck(left.error, left.source)
        return self._flow_way(FAILURE, left.failure, left.error)

    # rows and edges

    def row(self, source: str, error: ErrorRecord | None) -> Move:
        for route in self.flow.rows.get(source, ()):
            if not is_for(route, error, self.ended):
                continue
            guards: list[dict[str, Any]] = []
            try:
                passed = self._conditions(route, guards)
            except OpaqueFailed as cause:
                self.tried.append({"edge": route.id, "guards": guards})
                return self._opaque(source, error, cause)
            if passed:
                trail = Trail(route, guards, failure=failure_of(source, error))
                return self._take(trail, source, error) if error is not None else self._gates(trail, 0)
            self.tried.append({"edge": route.id, "guards": guards})
        return self._no_edge(source, error)

    def _take(self, trail: Trail, source: str, error: ErrorRecord) -> Move:
        """An edge for a failure: one that leads out of the region is taken by what forked, its gates too."""
        region, target = self.place.region, trail.route.target.name
        if region is None or target == region.exit or target in region.inside:
            return self._gates(trail, 0)
        self.tried.append({"edge": trail.route.id, "guards": trail.guards})
        return self._leave(AtLeft("edge", source, error, trail.route.id, trail.failure))

    def _leave(self, left: AtLeft) -> Move:
        return Leave(left, Reasons(None, tuple(self.tried), (), self.lookout.seen), self.place.out)

    def _conditions(self, route: Route, log: list[dict[str, Any]]) -> bool:
        state = self.place.state
        for item in route.checks:
            if isinstance(item, Limit):
                taken = self.place.counters.get(self.flow.limits[item], 0)
                value: bool | None = taken < item.n
                log.append({"guard": self.flow.limits[item], "value": value, "read": {"taken": taken}})
            else:
                value = item.holds(state, self.flow.tools, self.memo)
                log.append({"guard": item.text, "value": value, "read": item.observed(state)})
            if value is not True:
                return False
        return True

    def _no_edge(self, source: str, error: ErrorRecord | None) -> Move:
        if error is None:
            what = "; ".join(told_of(entry) for entry in self.tried) or "its row has no edge for this outcome"
            return self._stuck(ErrorRecord("bug", NO_WAY_ON, f"no edge of {source!r} passed: {what}"), source)
        if error.category == "unknown_effect" and error.type != GIVEN_UP:
            at = AtNode(source)
            return Park(Parked(at, "unknown_effect"), Reasons(None, tuple(self.tried)), error)
        if error.category == "exhausted":
            if error.type.startswith(EXHAUSTED_AROUND) and self.place.outer:
                return self._leave(AtLeft("outer", source, error, None, failure_of(source, error)))
            return self._exhausted(source, error)
        if error.category == "cancelled":
            return self._stuck(error, source)
        return self._flow_way(FAILURE, failure_of(source, error), error)

    def _opaque(self, source: str, error: ErrorRecord | None, cause: OpaqueFailed) -> Move:
        """A condition that raises fails the step as a bug; while a failure is routed, only the flow's way is left."""
        raised = bug(cause)
        if error is None:
            return self.row(source, raised)
        return self._flow_way(FAILURE, failure_of(source, raised), raised)

    # gates and their ways

    def _gates(self, trail: Trail, first: int) -> Move:
        for index in range(first, len(trail.route.gates)):
            gate, turns = asked_first(trail.route.gates, index, trail.edits)
            at = AtGate(trail.route.id, index, turns, trail.refusal, trail.failure, trail.edits, trail.approvals)
            no = self._gate(trail, gate, at)
            if no is not None:
                return no
        return self._arrive(trail, trail.route.target)

    def _gate(self, trail: Trail, gate: Gate, at: AtGate) -> Move | None:
        """None where the gate lets the run pass; else the move that it means."""
        edits = trail.edits
        state, call = asked_about(self.flow, trail.route.target, self.place.state, edits)
        memo = self.memo if edits is None else None  # what holds for the call that was proposed need not for this one
        try:
            verdict = decide(gate, state, call, self.flow.tools, memo, edited=edits is not None)
        except OpaqueFailed as cause:
            return self._broken(trail, bug(cause))
        trail.guards.append(verdict.log)
        if verdict.asks and self.lookout.against() is not None:
            return self._arrive(trail, trail.route.target)
        if verdict.asks:
            return Ask(at, self._why(trail, taken=False), self.place.out)
        self.lookout.said(gate.name, verdict.refusal is None)
        if verdict.refusal is not None:
            return self._way(trail, gate, at, verdict.refusal)
        if isinstance(gate, Approval) and trail.digest is None:  # what a person said yes to stays granted by that
            trail.grant = f"exempt:{gate.name}"
        return None

    def _broken(self, trail: Trail, error: ErrorRecord) -> Move:
        source = trail.route.source
        if source in (FAILURE, EXHAUSTED):  # the flow's own way cannot be the way out of itself
            return self._stuck(error)
        return self._flow_way(FAILURE, failure_of(source, error), error)

    def _edited(self, trail: Trail, gate: Gate, decided: Decided) -> Move:
        """A person changed the arguments: all guards of the edge are asked again."""
        assert trail.edits is not None
        edit = trail.edits.made[-1]
        changed = {"by": edit.by, "before": edit.before, "after": edit.after}
        trail.guards.append({"guard": gate.name, "value": None, "request": decided.request, "edited": changed})
        try:
            seen, _ = asked_about(self.flow, trail.route.target, self.place.state, trail.edits)
            wrong = against(self.flow, trail.route, seen)
        except OpaqueFailed as cause:
            return self._broken(trail, bug(cause))
        if wrong is None:
            return self._gates(trail, 0)
        told = f"the call of {trail.route.target.name!r} as {edit.by!r} changed it does not pass {wrong}"
        self.tried.append({"edge": trail.route.id, "guards": trail.guards})
        return self._broken(trail, ErrorRecord("invalid_call", "EditRefused", told))

    def _way(self, trail: Trail, gate: Gate, at: AtGate, refusal: Refusal) -> Move:
        way = gate.ways().get(refusal.kind)
        trail.refusal = refusal
        if isinstance(way, Gate):
            turns: tuple[No, ...] = (*at.turns, refusal.kind)
            further = self._gate(trail, way, replace(at, turns=turns, refusal=refusal))
            if further is not None:
                return further
            trail.refusal = None
            return self._gates(trail, at.index + 1)
        return self._follow(trail, way, gate.name, refusal)

    def _follow(self, trail: Trail, way: Way | None, gate: str, refusal: Refusal) -> Move:
        if isinstance(way, Edge):
            self.tried.append({"edge": trail.route.id, "guards": trail.guards})
            onward = self.flow.route_of[way]
            return self._gates(Trail(onward, [], refusal, trail.failure), 0)
        if isinstance(way, Target):
            return self._arrive(trail, way, taken=False)
        return self._stuck(ErrorRecord("bug", NO_WAY_ON, f"gate {gate!r} said {refusal.kind} and has no way for it"))

    def _no_of_its_own(self, node: str, outcome: Outcome) -> Move:
        refusal = outcome.refusal or Refusal(kind="denied", gate=node)
        trail = Trail(
            Route(f"{node}: {refusal.gate} {refusal.kind}", node, None, (), (), self.flow.nodes[node], None),
            [{"guard": refusal.gate, "value": False, "no": refusal.kind}],
            refusal,
        )
        return self._follow(trail, outcome.way, refusal.gate, refusal)

    # arriving

    def _arrive(self, trail: Trail, target: Target, *, taken: bool = True) -> Move:
        region = self.place.region
        joins = region is not None and target.name == region.exit
        if joins or isinstance(target, AllOf):
            against = self.lookout.against()
            if against is not None:
                self.lookout.forget()
                return self._broken(trail, forbidden(against, f"{target.name!r} is not come to"))
        elif self.lookout.looks:
            self.lookout.look(self.place.state, self.memo)
        why = self._why(trail, taken=taken)
        if joins:
            return Join(AtJoin(target.name, trail.refusal, trail.failure), why, self.place.out)
        if isinstance(target, End):
            return self._finish(target, why)
        if isinstance(target, AllOf):
            heads = tuple([route.id for route in self.flow.rows[target.name]])
            return Fork(AtFork(target.name), heads, why, self.place.out)
        outside = over_outside(self.place, target)
        if outside is not None:
            self.tried.append({"edge": trail.route.id, "guards": trail.guards})
            return self._leave(AtLeft("outer", target.name, outside, None, failure_of(target.name, outside)))
        spent = over(self.flow.budget, self.place, target)
        if spent is not None:
            self.tried.append({"edge": trail.route.id, "guards": trail.guards})
            return self._exhausted(target.name, spent)
        granted: tuple[Any, ...] = (trail.grant, trail.digest, trail.edits, trail.also) if taken else ()
        at = AtNode(target.name, trail.refusal, trail.failure, *granted)
        against = self.lookout.against(at)
        return Run(at if against is None else at._replace(forbidden=against), why, self.place.out)

    def _finish(self, end: End, why: Reasons) -> Move:
        at, error = judged(end, self.place.state, self.flow.tools, self.memo)
        against = self.lookout.against(at)
        if against is not None:
            at, error = AtEnd(end.name, "failed"), forbidden(against, f"the end {end.name!r} is failed")
        return Finish(at, why, error, self.place.out)

    # budgets and the flow's own ways

    def _exhausted(self, source: str, error: ErrorRecord) -> Move:
        if self.place.out:
            return self._stuck(error, source)
        if self.place.region is not None:
            return self._leave(AtLeft("exhausted", source, error, None, failure_of(source, error)))
        self.place = self.place._replace(out=True)
        source_of_way = EXHAUSTED if EXHAUSTED in self.flow.rows else FAILURE
        return self._flow_way(source_of_way, failure_of(source, error), error)

    def _flow_way(self, source: str, failure: Failure | None, error: ErrorRecord) -> Move:
        at = "" if failure is None else failure.node
        if self.place.region is not None:
            return self._leave(AtLeft("failure", at, error, None, failure))
        for route in self.flow.rows.get(source, ()):
            move = self._gates(Trail(route, [], failure=failure), 0)
            return replace(move, error=error) if isinstance(move, Finish) and move.error is None else move
        return self._stuck(error, at)

    def _stuck(self, error: ErrorRecord, source: str = "") -> Move:
        if self.place.region is not None:
            return self._leave(AtLeft("stuck", source, error, None, failure_of(source, error)))
        why = Reasons(None, tuple(self.tried), (), self.lookout.seen)
        return Finish(AtEnd(None, "failed"), why, error, self.place.out)

    # the log

    def _why(self, trail: Trail, *, taken: bool) -> Reasons:
        route = trail.route
        counted = tuple([self.flow.limits[item] for item in route.limits]) if taken and route.limits else ()
        return Reasons(route.id, (*self.tried, {"edge": route.id, "guards": trail.guards}), counted, self.lookout.seen)
