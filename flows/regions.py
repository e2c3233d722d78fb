"""Regions: what the branches of an ``all_of`` may do before they join, and where they join."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..guards.gates import Gate, Way
from ..guards.outcomes import Failed
from ..guards.path import Edge
from ..guards.target import Target
from ..nodes.act import Act
from ..nodes.ask import Ask
from ..nodes.node import Node
from .ends import End
from .fanout import AllOf
from .rows import Route

_OVER = "\0over"
"""Behind every end: what all paths come to."""


@dataclass(frozen=True, slots=True)
class Region:
    """The region of an ``all_of``.

    Args:
        fork: the name of the ``all_of``.
        exit: the node or end where the branches join: their immediate common post-dominator; None where
            they have none.
        inside: the nodes and forks that a branch may come to before the exit.
        leaks: places outside that a branch comes to otherwise than by a failure, each with what leads there;
            where there are any, the region has more than one exit.
    """

    fork: str
    exit: str | None
    inside: frozenset[str]
    leaks: tuple[tuple[str, str], ...] = ()


class _Graph:
    """Where each place leads, by what is no failure and by failures."""

    def __init__(
        self,
        rows: Mapping[str, tuple[Route, ...]],
        nodes: Mapping[str, Node[Any, Any]],
        forks: Mapping[str, AllOf],
        ends: Mapping[str, End],
        route_of: Mapping[Edge, Route],
    ) -> None:
        self.ends = ends
        self.route_of = route_of
        self.ok: dict[str, tuple[str, ...]] = {}
        self.failing: dict[str, list[tuple[str, ...]]] = {}
        for name in (*nodes, *forks):
            fine = [route for route in rows.get(name, ()) if not isinstance(route.match, Failed)]
            self.ok[name] = tuple(
                dict.fromkeys([*(place for route in fine for place in self.led(route)), *self.own(nodes.get(name))])
            )
            bad = [route for route in rows.get(name, ()) if isinstance(route.match, Failed)]
            self.failing[name] = [tuple(self.led(route)) for route in bad]

    def led(self, route: Route) -> Iterator[str]:
        """Where a route leads: to its target, and by the noes of its gates."""
        yield route.target.name
        for gate in route.gates:
            yield from self.ways(gate)

    def own(self, node: Node[Any, Any] | None) -> Iterator[str]:
        """Where the ways of a node's own gates lead."""
        if isinstance(node, Act):
            for gates in node.gates.values():
                for gate in gates:
                    yield from self.ways(gate)
        elif isinstance(node, Ask):
            yield from self.way(node.expired)

    def ways(self, gate: Gate) -> Iterator[str]:
        """Where the noes of a gate lead."""
        for way in gate.ways().values():
            yield from self.way(way)

    def way(self, way: Way | None) -> Iterator[str]:
        """Where one way leads."""
        if isinstance(way, Gate):
            yield from self.ways(way)
        elif isinstance(way, Edge):
            yield from self.led(self.route_of[way])
        elif isinstance(way, Target):
            yield way.name

    def exits(self, forks: Mapping[str, AllOf]) -> dict[str, str | None]:
        """The immediate post-dominator of each fork, over all paths on which nothing fails."""
        import networkx as nx  # a quarter of what it takes to author a flow, and most flows have no fork

        backward: nx.DiGraph[str] = nx.DiGraph()
        backward.add_node(_OVER)
        for end in self.ends:
            backward.add_edge(_OVER, end)
        for name, targets in self.ok.items():
            for target in targets:
                backward.add_edge(target, name)
            if not targets:
                backward.add_edge(_OVER, name)
        found: Mapping[str, str | None] = nx.immediate_dominators(backward, _OVER)
        return {name: None if found.get(name) in (None, _OVER) else found[name] for name in forks}

    def reach(self, start: str, exit: str) -> set[str]:
        """What can be reached from a place before an exit, nothing failing; the exit itself where it is reached."""
        seen: set[str] = set()
        todo = [start]
        while todo:
            here = todo.pop()
            if here in seen:
                continue
            seen.add(here)
            if here != exit:
                todo.extend(self.ok.get(here, ()))
        return seen


def regions_of(
    rows: Mapping[str, tuple[Route, ...]],
    nodes: Mapping[str, Node[Any, Any]],
    forks: Mapping[str, AllOf],
    ends: Mapping[str, End],
    route_of: Mapping[Edge, Route],
) -> dict[str, Region]:
    """The region of each fork.

    Args:
        rows: the flow's rows, those of the forks' heads among them.
        nodes: by name.
        forks: by name.
        ends: by name.
        route_of: the routes of ways that are gates and a target.
    """
    if not forks:
        return {}
    graph = _Graph(rows, nodes, forks, ends, route_of)
    return {name: _region(graph, name, found) for name, found in graph.exits(forks).items()}


def _region(graph: _Graph, fork: str, exit: str | None) -> Region:
    if exit is None:
        return Region(fork, None, frozenset(), tuple(_ends_before(graph, fork)))
    inside: set[str] = set()
    leaks: list[tuple[str, str]] = []
    todo = list(graph.ok.get(fork, ()))
    while todo:
        here = todo.pop()
        if here in inside or here == exit:
            continue
        if here in graph.ends:
            continue
        inside.add(here)
        todo.extend(graph.ok.get(here, ()))
        # a failure stays in the region where its edge leads back to the exit; else the branch leaves by it
        for target, *ways in graph.failing.get(here, ()):
            if exit in graph.reach(target, exit):
                todo += [target, *ways]
                leaks += [(way, here) for way in ways if exit not in graph.reach(way, exit)]
    for name in (fork, *sorted(inside)):
        leaks += [(end, name) for end in graph.ok.get(name, ()) if end in graph.ends and end != exit]
    if fork in inside:
        leaks.append((fork, fork))
    return Region(fork, exit, frozenset(inside), tuple(dict.fromkeys(leaks)))


def _ends_before(graph: _Graph, fork: str) -> Iterator[tuple[str, str]]:
    """The ends that the branches of a fork without an exit come to, each with the head that leads there."""
    for head in graph.ok.get(fork, ()):
        for end in sorted(graph.reach(head, "") & set(graph.ends)):
            yield end, head
