"""Where a run goes: from a flow, where a run stands and what came in, to the next move with its reasons.

Pure and total: no I/O, no clock, no LangGraph. The executor is this function plus the journal; replay is
this function plus recorded calls; the checker explores it. Nothing else decides where a run goes.

The rules, in the order in which they act:

1.  The edges of a row are tried in order; ``failed(...)`` edges see only failed outcomes, the others only ``ok``.
2.  An edge passes when all its conditions are known to be true and its limits are not used up.
3.  Then its gates are asked, left to right. A no is final: the run goes the gate's way, and no other edge of
    the row is tried. A way that is a gate decides about the same target.
4.  A failed outcome that no edge matches goes ``on_failure``; an unknown effect parks; a budget that is used
    up goes ``on_exhausted``, once.
5.  A run without a way on ends failed, and says which guards were tried with which values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from ..guards.evaluation import OpaqueFailed, holds, observed
from ..guards.gates import Approval, Gate, Way
from ..guards.limits import Limit
from ..guards.path import Edge
from ..guards.printing import text
from ..guards.target import Target
from ..nodes.calls import Call
from ..nodes.node import Node
from ..nodes.outcome import ErrorRecord, Failure, Outcome, Refusal
from .decisions import call_of, decide, gate_at
from .ends import End
from .position import (
    Ask,
    AtEnd,
    AtGate,
    AtNode,
    Begun,
    Decided,
    Done,
    Finish,
    Incoming,
    Move,
    No,
    Park,
    Parked,
    Place,
    Reasons,
    Run,
)
from .rows import Route

if TYPE_CHECKING:
    from .flow import Flow

FAILURE, EXHAUSTED = "on_failure", "on_exhausted"
"""The sources of a flow's own ways, beside the names of nodes."""


def next_move(flow: Flow[Any], place: Place, incoming: Incoming) -> Move:
    """The next move of a run.

    Args:
        flow: the flow.
        place: where the run stands, the incoming outcome's update already written.
        incoming: what came in: the start, a node's outcome, or a gate's decision.
    """
    walk = _Walk(flow, place)
    if isinstance(incoming, Begun):
        return walk.row("START", None)
    if isinstance(incoming, Decided):
        return walk.decided(incoming)
    return walk.outcome(incoming)


@dataclass(slots=True)
class _Trail:
    """What led here: the edge under way, what is passed on to the target, and the log of guards."""

    route: Route
    guards: list[dict[str, Any]]
    refusal: Refusal | None = None
    failure: Failure | None = None
    grant: str | None = None
    digest: str | None = None


class _Walk:
    """One routing decision: the log of what was tried, and each opaque condition evaluated once."""

    __slots__ = ("flow", "memo", "place", "tried")

    def __init__(self, flow: Flow[Any], place: Place) -> None:
        self.flow = flow
        self.place = place
        self.tried: list[dict[str, Any]] = []
        self.memo: dict[Any, Any] = {}

    # what came in

    def outcome(self, done: Done) -> Move:
        outcome = done.outcome
        if outcome.kind == "ok":
            return self.row(done.node, None)
        if outcome.kind in ("refused", "expired"):
            return self._no_of_its_own(done.node, outcome)
        error = outcome.error or ErrorRecord("bug", "Unknown", "failed without an error record")
        return self.row(done.node, error)

    def decided(self, decided: Decided) -> Move:
        at = decided.at
        route = self.flow.routes[at.route]
        gate = gate_at(self.flow, at)
        trail = _Trail(route, [], at.refusal, at.failure)
        refusal = decided.refusal
        if refusal is None:
            trail.guards.append({"guard": gate.name, "value": True, "request": decided.request})
            trail.grant, trail.digest = decided.request, decided.digest
            trail.refusal = None
            return self._gates(trail, at.index + 1)
        trail.guards.append({"guard": gate.name, "value": False, "request": decided.request, "no": refusal.kind})
        return self._way(trail, gate, at, refusal)

    # rows and edges

    def row(self, source: str, error: ErrorRecord | None) -> Move:
        for route in self.flow.rows.get(source, ()):
            if not _is_for(route, error):
                continue
            guards: list[dict[str, Any]] = []
            try:
                passed = self._conditions(route, guards)
            except OpaqueFailed as cause:
                self.tried.append({"edge": route.id, "guards": guards})
                return self._opaque(source, error, cause)
            if passed:
                trail = _Trail(route, guards, failure=_failure(source, error))
                return self._gates(trail, 0) if route.gates else self._arrive(trail, route.target)
            self.tried.append({"edge": route.id, "guards": guards})
        return self._no_edge(source, error)

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
            what = "; ".join(_told(entry) for entry in self.tried) or "its row has no edge for this outcome"
            return self._stuck(ErrorRecord("bug", "NoWayOn", f"no edge of {source!r} passed: {what}"))
        if error.category == "unknown_effect":
            at = AtNode(source)
            return Park(Parked(at, "unknown_effect"), Reasons(None, tuple(self.tried)), error)
        if error.category == "exhausted":
            return self._exhausted(source, error)
        if error.category == "cancelled":
            return self._stuck(error)
        return self._flow_way(FAILURE, _failure(source, error), error)

    def _opaque(self, source: str, error: ErrorRecord | None, cause: OpaqueFailed) -> Move:
        """A condition that raises fails the step as a bug; while a failure is routed, only the flow's way is left."""
        bug = _bug(cause)
        if error is None:
            return self.row(source, bug)
        return self._flow_way(FAILURE, _failure(source, bug), bug)

    # gates and their ways

    def _gates(self, trail: _Trail, first: int) -> Move:
        for index in range(first, len(trail.route.gates)):
            at = AtGate(trail.route.id, index, (), trail.refusal, trail.failure)
            no = self._gate(trail, trail.route.gates[index], at)
            if no is not None:
                return no
        return self._arrive(trail, trail.route.target)

    def _gate(self, trail: _Trail, gate: Gate, at: AtGate) -> Move | None:
        """None where the gate lets the run pass; else the move that it means."""
        call = self._call(trail.route.target)
        try:
            verdict = decide(gate, self.place.state, call, self.flow.tools, self.memo)
        except OpaqueFailed as cause:
            if trail.route.source in (FAILURE, EXHAUSTED):  # the flow's own way cannot be the way out of itself
                return self._stuck(_bug(cause))
            return self._opaque(trail.route.source, _BUG, cause)
        trail.guards.append(verdict.log)
        if verdict.asks:
            return Ask(at, self._why(trail, taken=False), self.place.out)
        if verdict.refusal is not None:
            return self._way(trail, gate, at, verdict.refusal)
        if isinstance(gate, Approval):
            trail.grant = f"exempt:{gate.name}"
        return None

    def _way(self, trail: _Trail, gate: Gate, at: AtGate, refusal: Refusal) -> Move:
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

    def _follow(self, trail: _Trail, way: Way | None, gate: str, refusal: Refusal) -> Move:
        if isinstance(way, Edge):
            self.tried.append({"edge": trail.route.id, "guards": trail.guards})
            onward = self.flow.route_of[way]
            return self._gates(_Trail(onward, [], refusal, trail.failure), 0)
        if isinstance(way, Target):
            return self._arrive(trail, way, taken=False)
        return self._stuck(ErrorRecord("bug", "NoWayOn", f"gate {gate!r} said {refusal.kind} and has no way for it"))

    def _no_of_its_own(self, node: str, outcome: Outcome) -> Move:
        refusal = outcome.refusal or Refusal(kind="denied", gate=node)
        trail = _Trail(
            Route(f"{node}: {refusal.gate} {refusal.kind}", node, None, (), (), self.flow.nodes[node], None),
            [{"guard": refusal.gate, "value": False, "no": refusal.kind}],
            refusal,
        )
        return self._follow(trail, outcome.way, refusal.gate, refusal)

    # arriving

    def _arrive(self, trail: _Trail, target: Target, *, taken: bool = True) -> Move:
        why = self._why(trail, taken=taken)
        if isinstance(target, End):
            return self._finish(target, why)
        over = self._over(target)
        if over is not None:
            self.tried.append({"edge": trail.route.id, "guards": trail.guards})
            return self._exhausted(target.name, over)
        grant, digest = (trail.grant, trail.digest) if taken else (None, None)
        return Run(AtNode(target.name, trail.refusal, trail.failure, grant, digest), why, self.place.out)

    def _finish(self, end: End, why: Reasons) -> Move:
        if end.succeeds_if is None:
            return Finish(AtEnd(end.name, end.verdict), why, None, self.place.out)
        try:
            good = holds(end.succeeds_if, self.place.state, self.flow.tools, self.memo)
        except OpaqueFailed as cause:
            good, note = None, f" ({cause.name} raised: {cause.cause})"
        else:
            note = ""
        if good is True:
            return Finish(AtEnd(end.name, "success"), why, None, self.place.out)
        found = observed(end.succeeds_if, self.place.state)
        error = ErrorRecord(
            "bug", "EndNotMet", f"end {end.name!r} succeeds if {text(end.succeeds_if)}, found {found}{note}"
        )
        return Finish(AtEnd(end.name, "failed"), why, error, self.place.out)

    # budgets and the flow's own ways

    def _over(self, target: Target) -> ErrorRecord | None:
        budget, place = self.flow.budget, self.place
        if budget is None:
            return None
        ends_at = None if budget.deadline is None else budget.ends_at(place.started)
        if ends_at is not None and place.now >= ends_at and not place.out:
            return ErrorRecord("exhausted", "Exhausted", f"the deadline passed before {target.name!r} could run")
        for kind, bound in budget.bounds(on_the_way_out=place.out):
            used = getattr(place.spent, kind)
            needed = 1 if kind == "steps" or (kind == "calls" and _calls(target)) else 0
            if used + needed > bound or (kind == "seconds" and used >= bound):
                return ErrorRecord(
                    "exhausted",
                    "Exhausted",
                    f"budget {kind}={bound:g} is used up: {used:g} spent before {target.name!r}",
                )
        return None

    def _exhausted(self, source: str, error: ErrorRecord) -> Move:
        if self.place.out:
            return self._stuck(error)
        self.place = self.place._replace(out=True)
        source_of_way = EXHAUSTED if EXHAUSTED in self.flow.rows else FAILURE
        return self._flow_way(source_of_way, _failure(source, error), error)

    def _flow_way(self, source: str, failure: Failure | None, error: ErrorRecord) -> Move:
        for route in self.flow.rows.get(source, ()):
            move = self._gates(_Trail(route, [], failure=failure), 0)
            return replace(move, error=error) if isinstance(move, Finish) and move.error is None else move
        return self._stuck(error)

    def _stuck(self, error: ErrorRecord) -> Move:
        return Finish(AtEnd(None, "failed"), Reasons(None, tuple(self.tried)), error, self.place.out)

    # the log

    def _why(self, trail: _Trail, *, taken: bool) -> Reasons:
        route = trail.route
        counted = tuple([self.flow.limits[item] for item in route.limits]) if taken and route.limits else ()
        return Reasons(route.id, (*self.tried, {"edge": route.id, "guards": trail.guards}), counted)

    def _call(self, target: Target) -> Call | None:
        return call_of(cast("Node[..., Any]", target), self.place.state) if isinstance(target, Node) else None


_BUG = ErrorRecord("bug", "OpaqueFailed", "a condition raised")


def _bug(cause: OpaqueFailed) -> ErrorRecord:
    return ErrorRecord("bug", type(cause.cause).__name__, f"the condition {cause.name!r} raised: {cause.cause}")


def _is_for(route: Route, error: ErrorRecord | None) -> bool:
    if error is None:
        return route.match is None
    return route.match is not None and route.match.matches(error.category, error.classes)


def _calls(target: Target) -> bool:
    return isinstance(target, Node) and target.kind in ("think", "tool")


def _failure(source: str, error: ErrorRecord | None) -> Failure | None:
    if error is None:
        return None
    return Failure(category=error.category, message=error.message, node=source, type=error.type)


def _told(entry: dict[str, Any]) -> str:
    shown = [
        f"{guard['guard']} is {_WORDS[guard['value']]} {guard.get('read') or ''}".rstrip()
        for guard in entry["guards"]
        if guard.get("value") is not True
    ]
    return f"{entry['edge']} ({', '.join(shown)})"


_WORDS = {True: "true", False: "false", None: "unknown"}
