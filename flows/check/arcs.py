"""Every way in which a run can go from one node to the next, as arcs: what the semantics do, without values.

The sources and targets are nodes, ends, START, and the flow's own ways: ``on_failure`` and ``on_exhausted``
stand as places between the node that a run leaves and the node that it comes to, and cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ...guards.expressions import Opaque, walk
from ...guards.gates import Approval, Gate, Policy, Way
from ...guards.limits import Limit
from ...guards.path import Edge
from ...guards.target import Target
from ...nodes.act import Act
from ...nodes.ask import Ask
from ..rows import START, Route
from ..semantics import EXHAUSTED, FAILURE

if TYPE_CHECKING:
    from ..flow import Flow

HUBS = (FAILURE, EXHAUSTED)
"""The flow's own ways, as places."""

On = Literal["ok", "failed", "refused", "spent", "way"]
"""The outcome of the source that takes an arc; ``spent``: the budget is used up; ``way``: the source is a flow's way."""


class Arc(NamedTuple):
    """One way from a source to a target.

    Args:
        source: a node, START, or a flow's way.
        target: a node, an end, or a flow's way.
        on: the outcome that takes it.
        words: what it is, for messages.
        where: the author's place.
        row: the edge whose conditions have passed, where there is one.
        noes: the gates that say no on it, each with its no, in the order asked.
        limits: what it counts up.
        approved: whether a person of the gate's role said yes to exactly this target, or the gate exempts it.
        asked: whether a person was surely asked.
        refusal: whether the target can surely read a Refusal.
        failure: whether the target can surely read a Failure.
        way: where a gate of the node's own leads, which is handed over with its no.
    """

    source: str
    target: str
    on: On
    words: str
    where: str | None
    row: Route | None = None
    noes: tuple[tuple[str, str], ...] = ()
    limits: tuple[Limit, ...] = ()
    approved: bool = False
    asked: bool = False
    refusal: bool = False
    failure: bool = False
    way: Way | None = None


def arcs_of(flow: Flow[Any]) -> Iterator[Arc]:
    """All arcs of a flow, those of one source together, in the order of its row.

    Args:
        flow: the flow.
    """
    extract = _Extract(flow)
    yield from extract.row(START.name)
    for name in flow.nodes:
        yield from extract.row(name)
        yield from extract.own(name)
    for hub in HUBS:
        yield from extract.hub(hub)


class _Extract:
    def __init__(self, flow: Flow[Any]) -> None:
        self.flow = flow
        self.failure = FAILURE in flow.rows
        self.exhausted = EXHAUSTED in flow.rows or self.failure

    def row(self, source: str) -> Iterator[Arc]:
        """The edges of a row, and the flow's own ways from its source."""
        routes = self.flow.rows.get(source, ())
        for route in routes:
            first = Arc(
                source, "", "ok" if route.match is None else "failed", "", route.line, route,
                limits=tuple(item for item in route.conditions if isinstance(item, Limit)),
                failure=route.match is not None,
            )  # fmt: skip
            yield from self.route(first, route, f"the edge '{route.id}'")
        where = None if source not in self.flow.nodes else self.flow.nodes[source].line
        if self.failure and self.leaks(source, routes):
            words = f"on_failure=, where {source!r} fails"
            yield Arc(source, FAILURE, "failed", words, where, failure=True)
        if self.exhausted:
            yield Arc(source, EXHAUSTED, "spent", "on_exhausted=, where the budget is used up", where, failure=True)

    def leaks(self, source: str, routes: tuple[Route, ...]) -> bool:
        """Whether a failure of the source can reach the flow's own way."""
        if any(may_raise(route) for route in routes):
            return True
        return source != START.name and not any(
            route.match is not None and not route.match.types and not route.match.categories and not route.conditions
            for route in routes
        )

    def hub(self, hub: str) -> Iterator[Arc]:
        """The arcs of a flow's own way; a budget that is used up goes ``on_failure`` where nothing else is said."""
        routes = self.flow.rows.get(hub) or (self.flow.rows.get(FAILURE, ()) if self.exhausted else ())
        for route in routes[:1]:
            yield from self.route(Arc(hub, "", "way", "", route.line, failure=True), route, f"{route.source}=")
            if hub == EXHAUSTED and self.failure and may_raise(route):
                yield Arc(hub, FAILURE, "way", "on_failure=, where a guard of on_exhausted= raises", route.line)

    def own(self, name: str) -> Iterator[Arc]:
        """The ways of a node's own gates: of the calls of an ``act``, and of an ``ask`` that nobody answers."""
        node = self.flow.nodes[name]
        if isinstance(node, Act):
            for tool, gates in node.gates.items():
                for gate in gates:
                    for noes, way, asked in leaves(gate):
                        first = Arc(name, "", "refused", "", gate_line(gate), noes=noes, asked=asked, way=way)
                        yield from self.lead(first, way, f"the gates of {tool!r} in {name!r}")
        elif isinstance(node, Ask) and node.expired is not None and not isinstance(node.expired, Gate):
            first = Arc(name, "", "refused", "", node.line, noes=((name, "expired"),), asked=True, way=node.expired)
            yield from self.lead(first, node.expired, f"the question {name!r}")

    def route(self, first: Arc, route: Route, words: str) -> Iterator[Arc]:
        """Where an edge's guards let a run pass, and where each no of its gates leads."""
        led = first.refusal  # a gate that says yes after a no takes the refusal back
        yield first._replace(
            target=route.target.name,
            words=words,
            approved=any(secure(gate) for gate in route.gates),
            asked=first.asked or any(asks(gate) for gate in route.gates),
            refusal=led and not route.gates,
        )
        asked = first.asked
        for gate in route.gates:
            for noes, way, decided in leaves(gate):
                said = first._replace(noes=first.noes + noes, asked=asked or decided, limits=())
                yield from self.lead(said, way, words)
            asked = asked or asks(gate)

    def lead(self, said: Arc, way: Target | Edge, words: str) -> Iterator[Arc]:
        """Where the way of a gate leads that said no."""
        gate, no = said.noes[-1]
        words = f"the way {no}= of {gate!r} on {words}" if gate != said.source else f"the way {no}= of {words}"
        if isinstance(way, Edge):
            yield from self.route(said._replace(refusal=True), self.flow.route_of[way], words)
        else:
            yield said._replace(target=way.name, words=words, refusal=True)


def leaves(gate: Gate) -> Iterator[tuple[tuple[tuple[str, str], ...], Target | Edge, bool]]:
    """Where the noes of a gate lead in the end: the noes, the way, and whether a person surely was asked.

    Args:
        gate: the gate; a way that is a gate decides about the same target, and is followed.
    """
    for no, way in gate.ways().items():
        said, person = ((gate.name, no),), isinstance(gate, Approval)
        if isinstance(way, Gate):
            for noes, end, asked in leaves(way):
                yield said + noes, end, person or asked
        elif way is not None:
            yield said, way, person


def secure(gate: Gate) -> bool:
    """Whether nothing passes a gate without an approval: it is one, and so is each gate that its noes lead to.

    Args:
        gate: the gate.
    """
    return isinstance(gate, Approval) and all(secure(way) for way in gate.ways().values() if isinstance(way, Gate))


def asks(gate: Gate) -> bool:
    """Whether a gate asks a person each time."""
    return isinstance(gate, Approval) and gate.unless is None


def gate_line(gate: Gate) -> str | None:
    """The author's place of a gate."""
    return getattr(gate, "line", None)


def may_raise(route: Route) -> bool:
    """Whether a function of the author's on an edge can raise, which fails the step that the run has just done.

    Args:
        route: the edge.
    """
    named = (item for item in route.conditions if not isinstance(item, Limit))
    return any(_opaque(item) for item in named) or any(_gate_may_raise(gate) for gate in route.gates)


def _gate_may_raise(gate: Gate) -> bool:
    if isinstance(gate, Policy) or (isinstance(gate, Approval) and gate.unless is not None and _opaque(gate.unless)):
        return True
    for way in gate.ways().values():
        if isinstance(way, Gate) and _gate_may_raise(way):
            return True
        if isinstance(way, Edge) and any(isinstance(item, Gate) and _gate_may_raise(item) for item in way.guards):
            return True
    return False


def _opaque(tree: Any) -> bool:
    return any(isinstance(part, Opaque) for part in walk(tree))
