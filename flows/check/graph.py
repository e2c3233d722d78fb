"""The graph of a flow's arcs: what can be reached, and by which path."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import networkx as nx

from ..rows import START
from .arcs import HUBS, Arc, Extract

if TYPE_CHECKING:
    from ..flow import Flow


class Graph:
    """A flow with its arcs.

    Args:
        flow: the flow.

    Attributes:
        arcs: all of them.
        out: the arcs from a place.
        into: the arcs to a place.
        raising: the sources with a function of the author's on an edge, which may raise.
    """

    def __init__(self, flow: Flow[Any]) -> None:
        self.flow = flow
        extract = Extract(flow)
        self.arcs = tuple(extract.arcs())
        self.raising = extract.raising
        self.out: dict[str, list[Arc]] = {}
        self.into: dict[str, list[Arc]] = {}
        for arc in self.arcs:
            self.out.setdefault(arc.source, []).append(arc)
            self.into.setdefault(arc.target, []).append(arc)

    @cached_property
    def came(self) -> dict[str, Arc | None]:
        """The places that a run can reach, nearest first, each with the arc of a shortest path to it."""
        found: dict[str, Arc | None] = {START.name: None}
        todo = deque([START.name])
        while todo:
            for arc in self.out.get(todo.popleft(), ()):
                if arc.target not in found:
                    found[arc.target] = arc
                    todo.append(arc.target)
        return found

    @cached_property
    def nodes(self) -> list[str]:
        """The nodes that a run can reach, nearest first."""
        return [name for name in self.came if name in self.flow.nodes]

    @cached_property
    def order(self) -> dict[str, int]:
        """The places that a run can reach, each with its place in that order."""
        return {name: place for place, name in enumerate(self.came)}

    def path(self, name: str) -> tuple[Arc, ...]:
        """A shortest path from START to a place that can be reached; empty for START, and where there is none.

        Args:
            name: the place.
        """
        arcs: list[Arc] = []
        arc = self.came.get(name)
        while arc is not None:
            arcs.append(arc)
            arc = self.came[arc.source]
        return tuple(reversed(arcs))

    def digraph(self, keep: Callable[[Arc], bool], names: Iterable[str] = ()) -> nx.DiGraph[str]:
        """The arcs that are kept, as a networkx graph; parallel ones are one.

        Args:
            keep: which arcs.
            names: places that are in it even without an arc.
        """
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from(names)
        graph.add_edges_from((arc.source, arc.target) for arc in self.arcs if keep(arc))
        return graph


def names_of(path: Sequence[Arc]) -> tuple[str, ...]:
    """The nodes and ends of a path, START first; the flow's own ways are not among them.

    Args:
        path: arcs, each from where the one before it leads.
    """
    if not path:
        return ()
    return (path[0].source, *(arc.target for arc in path if arc.target not in HUBS))


def told(path: Sequence[Arc]) -> str:
    """A path in words; a node that fails on it says so.

    Args:
        path: arcs, each from where the one before it leads.
    """
    words = [path[0].source] if path else []
    for arc in path:
        if arc.on == "failed":
            words[-1] += " fails"
        elif arc.noes:
            words[-1] += f", {arc.noes[-1][0]} {arc.noes[-1][1]}"
        if arc.target not in HUBS:
            words.append(arc.target)
    return " > ".join(words)
