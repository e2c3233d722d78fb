"""Rows: a source and its edges in the order tried, and ``START``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..errors import FlowError, GateError, caller
from ..guards.endings import Ended
from ..guards.evaluation import Prepared
from ..guards.expressions import Formula
from ..guards.gates import Gate
from ..guards.limits import Limit
from ..guards.outcomes import Failed
from ..guards.path import Edge, Guard
from ..guards.target import Target
from ..guards.when import When
from .fanout import AllOf, flat


class Start(Target):
    """Where every run begins."""

    name = "START"


START = Start()
"""The source of a flow's first row."""


@dataclass(frozen=True, eq=False)
class Row:
    """A source and its edges, in the order tried."""

    source: Target
    edges: tuple[Edge, ...]
    line: str | None


def on(source: Target, *edges: Edge | Target) -> Row:
    """A row: where the run goes after ``source``; the edges are tried in order.

    Args:
        source: a node, or START.
        edges: edges such as ``when(...) >> node``; a bare target, last, is taken otherwise.

    Raises:
        FlowError: no edge, guards that lead nowhere, or a bare target that is not last.
    """
    line = caller()
    if not isinstance(source, Target):  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
        raise FlowError(
            f"on({source!r}, ...): a row starts at a node or START, not at a {type(source).__name__}", where=line
        )
    if isinstance(source, AllOf):
        raise FlowError(
            f"a row cannot start at {source.name!r}: give each of its heads a row, and lead all of them to one node, "
            "where they join",
            where=line,
        )
    if not edges:
        raise FlowError(f"the row of {source.name!r} has no edges: name where the run goes", where=line)
    resolved: list[Edge] = []
    for place, edge in enumerate(edges):
        if isinstance(edge, Target):
            if place < len(edges) - 1:
                raise FlowError(
                    f"the bare target {edge.name!r} in the row of {source.name!r} is not last: "
                    "what stands after it would never be tried. Move it to the end",
                    where=line,
                )
            resolved.append(Edge((), edge, line))
        elif isinstance(edge, Edge):  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
            resolved.append(edge)
        elif isinstance(edge, Guard):
            raise FlowError(
                f"an edge in the row of {source.name!r} has guards but no target: add '>> node'", where=line
            )
        else:
            raise FlowError(
                f"the row of {source.name!r} holds {edge!r} ({type(edge).__name__}): an edge is 'guards >> target' or "
                "a bare target (a node or an end); a function becomes a node by @compute, @think or @tool",
                where=line,
            )
    return Row(source, tuple(resolved), line)


@dataclass(frozen=True, eq=False)
class Route:
    """An edge as a flow knows it: what it matches, its conditions and limits, its gates, its target.

    Args:
        id: what it is, as text: source, guards and target; the journal names it so.
        source: the source's name.
        match: the failed outcomes, or the ends of a subflow, that it is for; None matches only ``ok``.
        conditions: conditions and limits, in order; they stand before the gates.
        gates: the gates, in the order asked.
        target: where it leads.
        line: the author's place.
        checks: the conditions and limits once more, prepared for evaluation.
    """

    id: str
    source: str
    match: Failed | Ended | None
    conditions: tuple[Formula | Limit, ...]
    gates: tuple[Gate, ...]
    target: Target
    line: str | None
    checks: tuple[Prepared | Limit, ...] = ()

    @cached_property
    def limits(self) -> tuple[Limit, ...]:
        """The limits among the conditions, whose counters go up when it is taken."""
        return tuple(item for item in self.conditions if isinstance(item, Limit))

    @property
    def otherwise(self) -> bool:
        """Whether it is a bare target."""
        return self.match is None and not self.conditions and not self.gates


Match = Failed | Ended | None


def sorted_guards(edge: Edge, source: str) -> tuple[Match, tuple[Formula | Limit, ...], tuple[Gate, ...]]:
    """An edge's guards by kind.

    Args:
        edge: the edge.
        source: its source's name, for the message.

    Raises:
        FlowError: a condition or limit stands after a gate, or two outcome matches on one edge.
    """
    match: Match = None
    conditions: list[Formula | Limit] = []
    gates: list[Gate] = []
    for guard in flat(edge.guards):
        if isinstance(guard, Gate):
            gates.append(guard)
            continue
        if gates:
            raise FlowError(
                f"the edge from {source!r} to {edge.target.name!r} has a condition after the gate "
                f"{gates[-1].name!r}: conditions and limits stand before gates",
                where=edge.line,
            )
        if isinstance(guard, Failed | Ended):
            if match is not None:
                word = "failed" if isinstance(guard, Failed) else "ended"
                raise FlowError(
                    f"the edge from {source!r} to {edge.target.name!r} has two matches of an outcome: "
                    f"name all that is meant in one {word}(...)",
                    where=edge.line,
                )
            match = guard
        elif isinstance(guard, When):
            conditions.extend(guard.items)
        elif isinstance(guard, Limit):
            conditions.append(guard)
        else:
            raise FlowError(
                f"the edge from {source!r} to {edge.target.name!r} bears {guard!r}, which is no guard", where=edge.line
            )
    return match, tuple(conditions), tuple(gates)


def require_ways(gate: Gate, source: str, target: str, seen: tuple[Gate, ...] = ()) -> None:
    """On an edge every gate carries a way for each of its noes.

    Args:
        gate: the gate, with the gates that its ways lead to.
        source: the edge's source, for the message.
        target: the edge's target, for the message.
        seen: the gates that led here.

    Raises:
        GateError: a way is missing, or the ways go round in a circle.
    """
    where = getattr(gate, "line", None)
    if gate in seen:
        raise GateError(
            f"the ways of gate {gate.name!r} on the edge from {source!r} to {target!r} lead back to it", where=where
        )
    for kind, way in gate.ways().items():
        if way is None:
            raise GateError(
                f"gate {gate.name!r} on the edge from {source!r} to {target!r} has no way for {kind!r}: "
                f"add {kind}=<a node, an end or another gate>",
                where=where,
                gate=gate.name,
                way=kind,
            )
        if isinstance(way, Gate):
            require_ways(way, source, target, (*seen, gate))
        elif isinstance(way, Edge):
            for inner in way.guards:
                if isinstance(inner, Gate):
                    require_ways(inner, source, way.target.name, (*seen, gate))
