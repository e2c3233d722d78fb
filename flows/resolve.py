"""From the rows that an author wrote to the routes, nodes, ends and gates of a flow, or a clear error."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import BaseModel

from ..errors import FlowError, GateError, UnknownField
from ..guards.conditions import check_fields
from ..guards.endings import Ended
from ..guards.evaluation import Prepared
from ..guards.expressions import Formula, Or
from ..guards.gates import Approval, Gate, Policy
from ..guards.limits import Limit
from ..guards.path import Edge
from ..guards.printing import text
from ..guards.target import Target
from ..nodes.act import Act
from ..nodes.ask import Ask
from ..nodes.node import Node
from ..nodes.think import Think
from ..nodes.tool import Tool
from .each import Each
from .ends import End
from .fanout import AllOf
from .regions import Region, regions_of
from .rows import START, Route, Row, Start, require_ways, sorted_guards
from .subflow import Subflow

FLOW_WAYS = ("on_failure", "on_exhausted")


@dataclass
class Parts:
    """What a flow is made of, resolved and named."""

    source_rows: tuple[Row, ...]
    rows: dict[str, tuple[Route, ...]] = field(default_factory=dict[str, tuple[Route, ...]])
    routes: dict[str, Route] = field(default_factory=dict[str, Route])
    route_of: dict[Edge, Route] = field(default_factory=dict[Edge, Route])
    nodes: dict[str, Node[Any, Any]] = field(default_factory=dict[str, Node[Any, Any]])
    ends: dict[str, End] = field(default_factory=dict[str, End])
    gates: dict[str, Gate] = field(default_factory=dict[str, Gate])
    limits: dict[Limit, str] = field(default_factory=dict[Limit, str])
    tools: dict[str, str] = field(default_factory=dict[str, str])
    forks: dict[str, AllOf] = field(default_factory=dict[str, AllOf])
    regions: dict[str, Region] = field(default_factory=dict[str, Region])


def resolve(
    name: str,
    state: type[BaseModel],
    rows: tuple[Row, ...],
    on_exhausted: Target | Edge | None,
    on_failure: Target | Edge | None,
    where: str | None,
) -> Parts:
    """Resolves the rows of a flow.

    Args:
        name: the flow's name, for messages.
        state: the state.
        rows: the rows as written.
        on_exhausted: the flow's way for a budget that is used up.
        on_failure: the flow's way for failures.
        where: the flow's place in the author's file.

    Raises:
        FlowError: the parts do not fit together.
    """
    parts = Parts(rows)
    resolver = _Resolver(name, state, parts, where)
    lines: dict[str, str | None] = {}
    for row in rows:
        if not isinstance(row, Row):  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
            raise FlowError(f"edges= of flow {name!r} holds {row!r}: each row is made by on(source, ...)", where=where)
        resolver.source(row, lines)
        resolver.row(row.source.name, row.edges)
    for kind, way in (("on_exhausted", on_exhausted), ("on_failure", on_failure)):
        if way is not None:
            resolver.row(kind, (resolver.flow_way(kind, way),))
    resolver.ways_with_gates()
    parts.regions = regions_of(parts.rows, parts.nodes, parts.forks, parts.ends, parts.route_of)
    if START.name not in parts.rows:
        raise FlowError(f"flow {name!r} has no row that starts at START: add on(START, <first node>)", where=where)
    return parts


class _Resolver:
    def __init__(self, name: str, state: type[BaseModel], parts: Parts, where: str | None) -> None:
        self.name, self.state, self.parts, self.where = name, state, parts, where

    def source(self, row: Row, lines: dict[str, str | None]) -> None:
        source = row.source
        if isinstance(source, End):
            raise FlowError(
                f"a row starts at the end {source.name!r} in flow {self.name!r}: a run is over there", where=row.line
            )
        if source.name in lines:
            before = (lines[source.name] or "?").rsplit(":", 1)[-1]
            here = (row.line or "?").rsplit(":", 1)[-1]
            raise FlowError(
                f"two rows start at {source.name!r} (lines {before} and {here}) in flow {self.name!r}: "
                "the second would hide the first. Join them.",
                where=row.line,
            )
        lines[source.name] = row.line
        self.target(source, row.line)

    def target(self, target: Target, line: str | None) -> None:
        """Notes a node or an end; two different ones may not share a name."""
        parts = self.parts
        if isinstance(target, Start):
            return
        known: Target | None = (
            parts.nodes.get(target.name) or parts.ends.get(target.name) or parts.forks.get(target.name)
        )
        if known is target or (isinstance(target, AllOf) and isinstance(known, AllOf) and target.like(known)):
            return
        if isinstance(known, AllOf):
            raise FlowError(
                f"two different {target.name} are in flow {self.name!r}: make one and use it twice", where=line
            )
        if known is not None or target.name in (START.name, *FLOW_WAYS):
            raise FlowError(
                f"two different nodes or ends are named {target.name!r} in flow {self.name!r}: "
                f"names are unique; use .named('another')",
                where=line,
            )
        if isinstance(target, End):
            parts.ends[target.name] = target
            if target.succeeds_if is not None:
                check_fields(target.succeeds_if, self.state, target.line)
            return
        if isinstance(target, AllOf):
            parts.forks[target.name] = target
            self.heads(target)
            return
        if not isinstance(target, Node):
            raise FlowError(f"{target!r} in flow {self.name!r} is neither a node nor an end", where=line)
        node = cast("Node[..., Any]", target)
        parts.nodes[target.name] = node
        self.node(node)

    def node(self, node: Node[Any, Any]) -> None:
        problems = node.problems(self.state)
        if problems:
            raise problems[0]
        self.tool_names(node)
        if isinstance(node, Each):
            for gate in node.gates:
                self.gate(gate, node.name, node.works, on_edge=False)
        if isinstance(node, Act):
            for gates in node.gates.values():
                for gate in gates:
                    self.gate(gate, node.name, node.name, on_edge=False)
        if isinstance(node, Ask) and isinstance(node.expired, Gate):
            raise GateError(
                f"ask {node.name!r}: its way for expired is the gate {node.expired.name!r}, which would decide about "
                "nothing: name a node or an end, or a gate and its target (gate >> node)",
                where=node.line,
            )
        if isinstance(node, Ask) and isinstance(node.expired, Target):
            self.target(node.expired, node.line)

    def tool_names(self, node: Node[Any, Any]) -> None:
        if isinstance(node, Tool):
            self.parts.tools.setdefault(node.name, node.stakes)
        elif isinstance(node, Act | Think):
            for tool in node.tools:
                self.parts.tools[tool.name] = tool.stakes

    def heads(self, fork: AllOf) -> None:
        """The heads of a fork, as a row of their own: every edge of it is taken."""
        for head in fork.heads:
            if isinstance(head.target, End | Start):
                raise FlowError(
                    f"{fork.name} in flow {self.name!r} starts a branch at {head.target.name!r}: a head is a node",
                    where=fork.line,
                )
        self.row(fork.name, fork.heads)

    def row(self, source: str, edges: Sequence[Edge]) -> None:
        routes: list[Route] = []
        for edge in edges:
            self.target(edge.target, edge.line)
            route = self.route(source, edge)
            routes.append(route)
        self.parts.rows[source] = tuple(routes)

    def route(self, source: str, edge: Edge) -> Route:
        match, conditions, gates = sorted_guards(edge, source)
        if isinstance(edge.target, Start):
            raise FlowError(f"an edge from {source!r} leads to START: name the node to go back to", where=edge.line)
        if isinstance(match, Ended):
            self.ended(match, source, edge)
        for item in conditions:
            if not isinstance(item, Limit):
                check_fields(item, self.state, edge.line)
        for gate in gates:
            require_ways(gate, source, edge.target.name)
            self.gate(gate, source, edge.target.name, on_edge=True)
        said = " >> ".join(guard_words(match, conditions, gates))
        base = f"{source}: {said} >> {edge.target.name}" if said else f"{source}: {edge.target.name}"
        unique, count = base, 1
        while unique in self.parts.routes:
            count += 1
            unique = f"{base} #{count}"
        checks = tuple(item if isinstance(item, Limit) else Prepared(item) for item in conditions)
        route = Route(unique, source, match, conditions, gates, edge.target, edge.line, checks)
        self.parts.routes[unique] = route
        self.parts.route_of[edge] = route
        for item in conditions:
            if isinstance(item, Limit):
                self.limit(item, unique)
        return route

    def ended(self, match: Ended, source: str, edge: Edge) -> None:
        """``ended(...)`` stands behind a subflow, and names ends that it has."""
        node = self.parts.nodes.get(source)
        if not isinstance(node, Subflow):
            raise FlowError(
                f"the edge from {source!r} to {edge.target.name!r} matches an end, but {source!r} is no subflow",
                where=edge.line,
            )
        for name in match.ends:
            if name not in node.flow.ends:
                near = difflib.get_close_matches(name, node.flow.ends, 1)
                hint = f" Did you mean {near[0]!r}?" if near else f" It has: {', '.join(node.flow.ends)}."
                raise FlowError(
                    f"the edge from {source!r} matches the end {name!r}, which flow {node.flow.name!r} does not "
                    f"have.{hint}",
                    where=edge.line,
                )

    def limit(self, item: Limit, first: str) -> None:
        limits = self.parts.limits
        if item in limits:
            return
        wanted = item.name or f"at_most({item.n}) of {first}"
        if wanted in limits.values():
            raise FlowError(
                f"two limits are named {wanted!r} in flow {self.name!r}: give one another name=", where=self.where
            )
        limits[item] = wanted

    def gate(self, gate: Gate, source: str, target: str, *, on_edge: bool) -> None:
        known = self.parts.gates.get(gate.name)
        if known is gate:
            return
        if known is not None:
            raise GateError(
                f"two different gates are named {gate.name!r} in flow {self.name!r}: give one another name=",
                where=getattr(gate, "line", None),
            )
        self.parts.gates[gate.name] = gate
        self.gate_fields(gate)
        for way in gate.ways().values():
            for inner in _gates_of(way):
                self.gate(inner, source, target, on_edge=on_edge)
            if isinstance(way, Target):
                self.target(way, getattr(gate, "line", None))

    def gate_fields(self, gate: Gate) -> None:
        if isinstance(gate, Approval):
            for shown in gate.shows:
                check_fields(shown, self.state, gate.line)
            if gate.unless is not None:
                check_fields(gate.unless, self.state, gate.line)
        elif isinstance(gate, Policy):
            for name in gate.reads:
                if name not in self.state.model_fields:
                    near = difflib.get_close_matches(name, self.state.model_fields, 1)
                    raise UnknownField(
                        f"policy({gate.name}) reads {name!r}: the state {self.state.__name__} has no such field."
                        + (f" Did you mean {near[0]!r}?" if near else ""),
                        where=gate.line,
                    )

    def flow_way(self, kind: str, way: Target | Edge) -> Edge:
        if isinstance(way, Target):
            return Edge((), way, self.where)
        if not isinstance(way, Edge):  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
            raise FlowError(
                f"{kind}= of flow {self.name!r} must be a node, an end or gates and a target, not {way!r}",
                where=self.where,
            )
        match, conditions, _ = sorted_guards(way, kind)
        if match is not None or conditions:
            raise FlowError(f"{kind}= of flow {self.name!r} has a condition: a way must always lead on", where=way.line)
        return way

    def ways_with_gates(self) -> None:
        """Ways that are gates and a target of their own get a route, so that the journal can name them."""
        pending = [way for gate in self.parts.gates.values() for way in gate.ways().values()]
        pending += [node.expired for node in self.parts.nodes.values() if isinstance(node, Ask)]
        while pending:
            way = pending.pop(0)
            if not isinstance(way, Edge) or way in self.parts.route_of:
                continue
            before = set(self.parts.gates)
            self.target(way.target, way.line)
            self.route("way", way)
            new = [self.parts.gates[name] for name in self.parts.gates if name not in before]
            pending += [inner for gate in new for inner in gate.ways().values()]


def _gates_of(way: Any) -> Iterator[Gate]:
    if isinstance(way, Gate):
        yield way
    elif isinstance(way, Edge):
        yield from (guard for guard in way.guards if isinstance(guard, Gate))


def _words(item: Formula | Limit, *, alone: bool) -> str:
    if isinstance(item, Limit):
        return f"at_most({item.n})"
    return text(item) if alone or not isinstance(item, Or) else f"({text(item)})"


def guard_words(match: Any, conditions: Sequence[Any], gates: Sequence[Gate]) -> list[str]:
    """The guards of an edge in words, in order.

    Args:
        match: the outcome match, or None.
        conditions: conditions and limits.
        gates: gates.
    """
    words: list[str] = []
    if isinstance(match, Ended):
        words.append(f"ended({', '.join((*match.ends, *match.verdicts))})")
    elif match is not None:
        named = [item.rsplit(".", 1)[-1] for item in match.types] + list(match.categories)
        words.append(f"failed({', '.join(named)})" if named else "failed()")
    if conditions:
        words.append(" and ".join(_words(item, alone=len(conditions) == 1) for item in conditions))
    words.extend(gate.name for gate in gates)
    return words
