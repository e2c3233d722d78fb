"""The least that a way to an end uses up, where nothing fails: a fork costs all of its branches."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from ...nodes.node import Node
from ...nodes.think import Think
from ...nodes.tool import Tool
from ..rows import START
from ..subflow import Subflow
from .arcs import HUBS
from .graph import Graph
from .levels import Level
from .rounds import EXIT


class Way(NamedTuple):
    """A way to an end.

    Args:
        cost: what it uses up at least.
        places: the nodes, forks and the end on it; those inside of branches are not among them.
    """

    cost: float
    places: tuple[str, ...]


Price = Callable[[Node[..., object]], float]
"""What one execution of a node uses up at least; what a flow inside of it does is counted apart."""


def steps(node: Node[..., object]) -> float:  # noqa: ARG001  # every node is a step
    """The steps of a node: one.

    Args:
        node: the node.
    """
    return 1


def calls(node: Node[..., object]) -> float:
    """The calls of a node that does what it is for.

    Args:
        node: the node.
    """
    return 1 if isinstance(node, Think | Tool) else 0


def shortest(graph: Graph, start: str, price: Price) -> Way | None:
    """The cheapest way from a place to an end on which nothing fails; None where nothing is known to be needed.

    Where no such way leads to an end, the place alone is counted.

    Args:
        graph: the flow's graph.
        start: a node or a fork outside of all regions.
        price: what a node uses up.
    """
    search = _Search(graph, price)
    found, alone = search.way(graph.levels.main, start, graph.flow.ends), search.cost(graph.levels.main, start)
    return Way(alone, (start,)) if found is None and alone is not None else found


class _Search:
    """Looks for cheapest ways in the levels of a flow.

    Args:
        graph: the flow's graph.
        price: what a node uses up.
        spent: whether the budget's own way counts, as it does in a flow that is a node.
    """

    def __init__(self, graph: Graph, price: Price, *, spent: bool = False) -> None:
        self.graph, self.price = graph, price
        self.passing = ("ok", "refused", "way", "head", *(("spent",) if spent else ()))
        self.costs: dict[tuple[int, str], float | None] = {}

    def way(self, level: Level, start: str, goals: Mapping[str, object] | tuple[str, ...]) -> Way | None:
        """The cheapest way in a level from a place to one of some others.

        Args:
            level: the level.
            start: the place.
            goals: the others.
        """
        first = self.cost(level, start)
        todo: list[tuple[float, int, str, str]] = [] if first is None else [(first, 0, start, "")]
        came: dict[str, str] = {}
        pushed = 0
        while todo:
            cost, _, here, before = heapq.heappop(todo)
            if here in came:
                continue
            came[here] = before
            if here in goals:
                return Way(cost, _back(came, here))
            for there in self.onward(level, here):
                more = self.cost(level, there)
                if more is not None and there not in came:
                    pushed += 1  # of two ways that cost the same, the one found first
                    heapq.heappush(todo, (cost + more, pushed, there, here))
        return None

    def onward(self, level: Level, place: str) -> Iterator[str]:
        """Where a way in a level can go on to from a place.

        Args:
            level: the level.
            place: a place of it.
        """
        branches = self.graph.levels.fork_at(level, place)
        if branches and branches[0].region is not None:
            behind = branches[0].region.exit or ""
            yield EXIT if level.region is not None and level.region.exit == behind else behind
        for arc in level.out.get(place, ()):
            if arc.on in self.passing and not level.leaves(arc):
                yield EXIT if level.joins(arc) else arc.target

    def cost(self, level: Level, place: str) -> float | None:
        """What a place uses up at least; None: nothing comes past it without a failure.

        Args:
            level: the level.
            place: a place of it.
        """
        if (level.number, place) not in self.costs:
            self.costs[level.number, place] = self._cost(level, place)
        return self.costs[level.number, place]

    def _cost(self, level: Level, place: str) -> float | None:
        branches = self.graph.levels.fork_at(level, place)
        if branches:
            ways = [self.way(branch, branch.start, (EXIT,)) for branch in branches]
            found = [way.cost for way in ways if way is not None]
            return sum(found) if len(found) == len(ways) else None
        node = self.graph.flow.nodes.get(place)
        if node is None or place in HUBS:
            return 0
        return self.price(node) + (self._inside(node) if isinstance(node, Subflow) else 0)

    def _inside(self, node: Subflow) -> float:
        inner = self.graph.nested(node)
        assert inner is not None
        search = _Search(inner, self.price, spent=inner.flow.budget is not None)
        found = search.way(inner.levels.main, START.name, inner.flow.ends)
        return 0 if found is None else found.cost


def _back(came: Mapping[str, str], place: str) -> tuple[str, ...]:
    """The places up to one, by where each was come to from."""
    found: list[str] = []
    while place:
        found.append(place)
        place = came[place]
    return tuple(reversed(found))
