"""Every way in which a run can go from one node to the next, as arcs: what the semantics do, without values.

The sources and targets are nodes, ends, START, forks, and the flow's own ways: ``on_failure`` and
``on_exhausted`` stand as places between the node that a run leaves and the node that it comes to, and cost
nothing; so do forks, from which an arc leads to each head. What branches have of their own is told by ``levels``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ...guards.expressions import Expr, Opaque
from ...guards.gates import Approval, Gate, Policy, Way
from ...guards.limits import Limit
from ...guards.outcomes import Failed
from ...guards.path import Edge
from ...guards.target import Target
from ...nodes.act import Act
from ...nodes.ask import Ask
from ...nodes.node import Node
from ..rows import START, Route
from ..semantics import EXHAUSTED, FAILURE
from ..subflow import Subflow
from .endings import Ending, takes

if TYPE_CHECKING:
    from ..flow import Flow

HUBS = (FAILURE, EXHAUSTED)
"""The flow's own ways, as places."""

NO_WAY = "no way on"
"""The target of an arc of ``no_way``: where a source does well and none of its edges passes."""

NO_CASE = "no edge for it"
"""The same where no limit is used up: no edge's conditions are true."""

On = Literal["ok", "failed", "refused", "spent", "way", "head"]
"""What takes an arc: the source's outcome; ``spent``, the budget is used up; ``way``, its source is a flow's own;
``head``, its source is a fork, and a branch begins."""


Refused = tuple[str, tuple[tuple[str, str], ...]]
"""An action that gates refused: the target that they stand before, and the gates, each with its no."""


class Arc(NamedTuple):
    """One way from a source to a target.

    Args:
        source: a node, START, or a flow's way.
        target: a node, an end, or a flow's way.
        on: the outcome that takes it.
        where: the author's place.
        row: the edge whose conditions have passed, where there is one.
        noes: the gates that say no on it, each with its no, in the order asked.
        limits: what it counts up.
        approved: whether a person of the gate's role said yes to exactly this target, or the gate exempts it.
        asked: whether a person was surely asked.
        refusal: whether the target can surely read a Refusal.
        failure: whether the target can surely read a Failure.
        way: where a gate of the node's own leads, which is handed over with its no.
        head: which branch of a fork begins with it.
        ends: the ends, each with its verdict, to which the source came that is a subflow.
        passed: the gates that let it pass to its target.
        refused: what noes on it were about: each action, with the noes in the order asked.
    """

    source: str
    target: str
    on: On
    where: str | None
    row: Route | None = None
    noes: tuple[tuple[str, str], ...] = ()
    limits: tuple[Limit, ...] = ()
    approved: bool = False
    asked: bool = False
    refusal: bool = False
    failure: bool = False
    way: Way | None = None
    head: int = 0
    ends: tuple[Ending, ...] = ()
    passed: tuple[Gate, ...] = ()
    refused: tuple[Refused, ...] = ()

    @property
    def words(self) -> str:
        """What it is, for messages."""
        own = f"the gates of {self.source!r}" if self.row is None else f"the edge '{self.row.id}'"
        base = f"{self.source}=" if self.source in HUBS else own
        if not self.noes:
            return base
        gate, no = self.noes[-1]
        return f"the way {no}= of {gate!r}" + (f" on {base}" if gate != self.source else "")


def no_way(name: str, where: str | None = None, ends: tuple[Ending, ...] = (), *, used_up: bool = True) -> Arc:
    """The arc of what does well and has no edge that passes; it is none of a flow's own.

    Args:
        name: a node, or START.
        where: the author's place.
        ends: for a subflow, the end to which it came.
        used_up: whether an edge may be passed over because a limit on it is used up.
    """
    return Arc(name, NO_WAY if used_up else NO_CASE, "ok", where, ends=ends)


class Extract:
    """Reads the arcs of a flow.

    Args:
        flow: the flow.
        ends: the ends to which each subflow can come, by its node.
    """

    def __init__(self, flow: Flow[Any], ends: Mapping[str, Sequence[Ending]]) -> None:
        self.flow = flow
        self.ends = ends
        self.failure = FAILURE in flow.rows
        self.exhausted = EXHAUSTED in flow.rows or self.failure
        self.raising = {
            name for name, routes in flow.rows.items() if name not in HUBS and any(may_raise(route) for route in routes)
        } | {name for name, node in flow.nodes.items() if _own_may_raise(node)}

    def arcs(self) -> Iterator[Arc]:
        """All arcs, those of one source together, in the order of its row."""
        yield from self.row(START.name)
        for name in self.flow.nodes:
            yield from self.row(name)
            yield from self.own(name)
        for name in self.flow.forks:
            yield from self.fork(name)
        for hub in HUBS:
            yield from self.hub(hub)

    def row(self, source: str) -> Iterator[Arc]:
        """The edges of a row, and the flow's own ways from its source."""
        routes = self.flow.rows.get(source, ())
        came = self.came(source, routes)
        for route in routes:
            ends = came.get(route.id, ())
            if route.id in came and not ends:
                continue  # a subflow never comes to an end that the edge is for
            failed = isinstance(route.match, Failed) or (ends != () and all(verdict == "failed" for _, verdict in ends))
            limits = tuple(item for item in route.conditions if isinstance(item, Limit)) if route.conditions else ()
            on: On = "failed" if failed else "ok"
            first = Arc(source, route.target.name, on, route.line, route, limits=limits, failure=failed, ends=ends)
            if route.gates:
                yield from self.route(first, route)
            else:  # nearly every edge
                yield first
        where = None if source not in self.flow.nodes else self.flow.nodes[source].line
        yield from self.own_ways(source, routes, where)

    def came(self, source: str, routes: tuple[Route, ...]) -> dict[str, tuple[Ending, ...]]:
        """For each edge of a subflow, by its id, the ends that take it; nothing where that is not known."""
        ends = self.ends.get(source, ()) if isinstance(self.flow.nodes.get(source), Subflow) else ()
        if not ends:
            return {}
        return {
            route.id: found
            for route, found in zip(routes, takes(routes, ends), strict=True)
            if not isinstance(route.match, Failed)
        }

    def fork(self, name: str) -> Iterator[Arc]:
        """The heads of a fork, each of which begins a branch; a join that is refused fails where the fork was."""
        for place, route in enumerate(self.flow.rows[name]):
            yield from self.route(Arc(name, "", "head", route.line, route, head=place), route)
        yield from self.own_ways(name, (), self.flow.forks[name].line)

    def own_ways(self, source: str, routes: tuple[Route, ...], where: str | None) -> Iterator[Arc]:
        """The flow's own ways from a source."""
        if self.failure and self.leaks(source, routes):
            yield Arc(source, FAILURE, "failed", where, failure=True)
        if self.exhausted:
            yield Arc(source, EXHAUSTED, "spent", where, failure=True)

    def leaks(self, source: str, routes: tuple[Route, ...]) -> bool:
        """Whether a failure of the source can reach the flow's own way."""
        if source in self.raising or source == START.name:
            return source in self.raising
        return not any(
            isinstance(route.match, Failed)
            and not route.match.types
            and not route.match.categories
            and not route.conditions
            for route in routes
        )

    def hub(self, hub: str) -> Iterator[Arc]:
        """The arcs of a flow's own way; a budget that is used up goes ``on_failure`` where nothing else is said."""
        routes = self.flow.rows.get(hub) or (self.flow.rows.get(FAILURE, ()) if self.exhausted else ())
        for route in routes[:1]:
            yield from self.route(Arc(hub, "", "way", route.line, failure=True), route)
            if hub == EXHAUSTED and self.failure and may_raise(route):
                yield Arc(hub, FAILURE, "way", route.line, failure=True)

    def own(self, name: str) -> Iterator[Arc]:
        """The ways of a node's own gates: of the calls of an ``act``, and of an ``ask`` that nobody answers."""
        node = self.flow.nodes[name]
        if isinstance(node, Act):
            for gates in node.gates.values():
                for gate in gates:
                    for noes, way, asked in leaves(gate):
                        first = Arc(name, "", "refused", gate_line(gate), noes=noes, asked=asked, way=way)
                        yield from self.lead(first, way)
        elif isinstance(node, Ask) and node.expired is not None and not isinstance(node.expired, Gate):
            first = Arc(name, "", "refused", node.line, noes=((name, "expired"),), asked=True, way=node.expired)
            yield from self.lead(first, node.expired)

    def route(self, first: Arc, route: Route) -> Iterator[Arc]:
        """Where an edge's guards let a run pass, and where each no of its gates leads."""
        led = first.refusal  # a gate that says yes after a no takes the refusal back
        yield first._replace(
            target=route.target.name,
            approved=approved(route.gates),
            asked=first.asked or any(asks(gate) for gate in route.gates),
            refusal=led and not route.gates,
            passed=route.gates,
        )
        asked = first.asked
        for gate in route.gates:
            for noes, way, decided in leaves(gate):
                about = (*first.refused, (route.target.name, noes))
                said = first._replace(noes=first.noes + noes, asked=asked or decided, limits=(), refused=about)
                yield from self.lead(said, way)
            asked = asked or asks(gate)

    def lead(self, said: Arc, way: Target | Edge) -> Iterator[Arc]:
        """Where the way of a gate leads that said no."""
        if isinstance(way, Edge):
            yield from self.route(said._replace(refusal=True), self.flow.route_of[way])
        else:
            yield said._replace(target=way.name, refusal=True)


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


def approved(gates: Sequence[Gate]) -> bool:
    """Whether an approval lets a run pass, and is still at hand when all gates have let it pass.

    Args:
        gates: the gates of an edge or of a call, in the order asked.
    """
    return any(secure(gate) and all(_keeps(later) for later in gates[place + 1 :]) for place, gate in enumerate(gates))


def _keeps(gate: Gate) -> bool:
    """Whether what was approved before a gate still counts behind it: a person who is asked and says no undoes that."""
    if isinstance(gate, Approval):
        return secure(gate)
    return all(_keeps(way) for way in gate.ways().values() if isinstance(way, Gate))


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
    for item in route.conditions:
        if not isinstance(item, Limit) and _opaque(item):
            return True
    return any(map(_gate_may_raise, route.gates))


def _own_may_raise(node: Node[..., Any]) -> bool:
    """Whether a function on the ways of a node's own gates can raise."""
    if isinstance(node, Act):
        return any(_gate_may_raise(gate) for gates in node.gates.values() for gate in gates)
    way = node.expired if isinstance(node, Ask) else None
    return isinstance(way, Edge) and any(isinstance(item, Gate) and _gate_may_raise(item) for item in way.guards)


def _gate_may_raise(gate: Gate) -> bool:
    if isinstance(gate, Policy) or (isinstance(gate, Approval) and gate.unless is not None and _opaque(gate.unless)):
        return True
    for way in gate.ways().values():
        if isinstance(way, Gate) and _gate_may_raise(way):
            return True
        if isinstance(way, Edge) and any(isinstance(item, Gate) and _gate_may_raise(item) for item in way.guards):
            return True
    return False


def _opaque(tree: Expr) -> bool:
    return isinstance(tree, Opaque) or any(map(_opaque, tree.parts))
