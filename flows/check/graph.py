"""The graph of a flow's arcs: what can be reached, and by which path."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import networkx as nx

from ...errors import SolverMissing
from ...guards.symbolic import Symbols
from ...nodes.node import Node
from ..each import Each
from ..rows import START
from ..subflow import Subflow
from .arcs import HUBS, Arc, Extract
from .endings import Ending, verdicts
from .levels import Levels
from .report import Facts, Finding
from .values import Values

if TYPE_CHECKING:
    from ..flow import Flow


class Graph:
    """A flow with its arcs.

    Args:
        flow: the flow.
        known: the graphs of the flows that are nodes somewhere, by identity: one for each.
        solver: whether the solver may be asked.

    Attributes:
        ends: the ends to which each subflow can come.
        bounded: what F4 found, once it was looked for.
        arcs: all of them.
        out: the arcs from a place.
        into: the arcs to a place.
        raising: the sources with a function of the author's on an edge, which may raise.
    """

    def __init__(self, flow: Flow[Any], known: dict[int, Graph] | None = None, *, solver: bool = False) -> None:
        self.flow = flow
        self.solver = solver
        self.known: dict[int, Graph] = {} if known is None else known
        self.known[id(flow)] = self
        self.bounded: tuple[list[Finding], Facts] | None = None
        self.ends = {name: self.came_to(node) for name, node in flow.nodes.items() if isinstance(node, Subflow)}
        extract = Extract(flow, self.ends)
        self.arcs = tuple(extract.arcs())
        self.raising = extract.raising
        self.out: dict[str, list[Arc]] = {}
        self.into: dict[str, list[Arc]] = {}
        for arc in self.arcs:
            self.out.setdefault(arc.source, []).append(arc)
            self.into.setdefault(arc.target, []).append(arc)

    def nested(self, node: Node[..., Any]) -> Graph | None:
        """The graph of the flow that a node holds; None where it holds none.

        Args:
            node: the node.
        """
        flow = node.flow if isinstance(node, Each | Subflow) else None
        return None if flow is None else self.known.get(id(flow)) or Graph(flow, self.known, solver=self.solver)

    def came_to(self, node: Subflow) -> tuple[Ending, ...]:
        """The ends to which a subflow can come, with their verdicts.

        Args:
            node: the subflow.
        """
        inner = self.nested(node)
        return () if inner is None else verdicts(end for name, end in inner.flow.ends.items() if name in inner.came)

    @cached_property
    def values(self) -> Values:
        """What the fields of the state can hold."""
        return Values(self.flow.type)

    @cached_property
    def symbols(self) -> Symbols | None:
        """The symbolic form of the state's conditions; None where the solver is not to be asked, or not installed."""
        try:
            return Symbols(self.flow.state, tools=self.flow.tools) if self.solver else None
        except SolverMissing:
            return None

    @cached_property
    def levels(self) -> Levels:
        """The flow outside of all regions, and the branches of each."""
        return Levels(self.flow, self.out)

    @cached_property
    def came(self) -> Came[str]:
        """The places that a run can reach, nearest first, each with the arc of a shortest path to it."""
        return self.behind(START.name)

    def behind(self, place: str) -> Came[str]:
        """The places that a run can reach from a place, that one first.

        Args:
            place: where it begins.
        """
        return search(place, lambda here: ((arc, arc.target) for arc in self.out.get(here, ())))

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
        return path_in(self.came, name)

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


Spot = TypeVar("Spot", bound=Hashable)

Came = dict[Spot, "tuple[Arc, Spot] | None"]
"""For each spot the arc of a path to it, and the spot that it comes from; None where the search began."""


def search(start: Spot, onward: Callable[[Spot], Iterable[tuple[Arc, Spot]]]) -> Came[Spot]:
    """All spots that can be reached, by shortest paths; a used-up budget is taken only where nothing else leads.

    Args:
        start: where it begins.
        onward: the arcs from a spot, each with where it leads.
    """
    came: Came[Spot] = {start: None}
    todo = deque([start])
    later: deque[tuple[Spot, Arc, Spot]] = deque()
    last: deque[tuple[Spot, Arc, Spot]] = deque()
    while True:
        while todo:
            here = todo.popleft()
            for arc, there in onward(here):
                if there in came:
                    continue
                if arc.on == "spent":
                    (last if arc.source == START.name else later).append((here, arc, there))
                else:
                    came[there] = (arc, here)
                    todo.append(there)
        if not later and not last:
            return came
        here, arc, there = (later or last).popleft()
        if there not in came:
            came[there] = (arc, here)
            todo.append(there)


def path_in(came: Came[Spot], spot: Spot) -> tuple[Arc, ...]:
    """The path by which a spot was found; empty where the search began, and for what was not found.

    Args:
        came: what was found.
        spot: the spot.
    """
    arcs: list[Arc] = []
    step = came.get(spot)
    while step is not None:
        arcs.append(step[0])
        step = came[step[1]]
    return tuple(reversed(arcs))


def names_of(path: Sequence[Arc]) -> tuple[str, ...]:
    """The nodes, forks and ends of a path, START first; the flow's own ways are not among them.

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
