"""The least that any way to an end uses up, failures on it too: nothing cheaper leads there, whatever nodes answer."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..rows import START
from ..subflow import Subflow
from .arcs import Arc
from .graph import Graph
from .levels import Level
from .rounds import EXIT
from .shortest import Price, Way


class _Laid(NamedTuple):
    """What a level costs.

    Args:
        ways: for each place the least that a way to it uses up, and where it comes from.
        left: the arcs by which a branch leaves its region, each with the least that a way over it uses up.
    """

    ways: dict[str, tuple[float, str]]
    left: tuple[tuple[Arc, float], ...]


Joined = Callable[[float, float], float]
"""What two parts of a way use up together: their sum, or the greater, where only one of them is there at a time."""


class Cheapest:
    """The cheapest ways of a flow.

    Args:
        graph: the flow's graph.
        price: what a node uses up at least that does what it is for.
        failed: the same for one that fails.
        joined: what two parts of a way use up together.
    """

    def __init__(self, graph: Graph, price: Price, failed: float, joined: Joined) -> None:
        self.graph, self.price, self.failed, self.joined = graph, price, failed, joined
        self._levels: dict[Level, _Laid] = {}
        self._inner: dict[str, Cheapest] = {}

    def way(self, end: str) -> Way | None:
        """The cheapest way to an end; None where only a used-up budget leads there.

        Args:
            end: the end.
        """
        ways = self._laid(self.graph.levels.main).ways
        if end not in ways:
            return None
        found, place = [end], end
        while place != START.name:
            place = ways[place][1]
            found.append(place)
        return Way(ways[end][0], tuple(name for name in reversed(found) if not self._hub(name)))

    def _hub(self, name: str) -> bool:
        flow = self.graph.flow
        return name != START.name and name not in flow.nodes and name not in flow.ends and name not in flow.forks

    def cost(self, arc: Arc) -> float:
        """What the source of an arc uses up at least when it takes it.

        Args:
            arc: any.
        """
        node = self.graph.flow.nodes.get(arc.source)
        if node is None:
            return 0
        if arc.on == "failed" and not arc.ends:
            return self.failed
        own = self.price(node)
        return self.joined(own, self._inside(node, arc)) if isinstance(node, Subflow) else own

    def _inside(self, node: Subflow, arc: Arc) -> float:
        if node.name not in self._inner:
            inner = self.graph.nested(node)
            assert inner is not None
            self._inner[node.name] = Cheapest(inner, self.price, self.failed, self.joined)
        found = [self._inner[node.name].way(end) for end, _ in arc.ends]
        return min((way.cost for way in found if way is not None), default=0) if all(found) else 0

    def _laid(self, level: Level) -> _Laid:
        if level not in self._levels:
            ways: dict[str, tuple[float, str]] = {}
            left: list[tuple[Arc, float]] = []
            todo: list[tuple[float, int, str, str]] = [(0, 0, level.start, "")]
            count = 0
            while todo:
                cost, _, here, before = heapq.heappop(todo)
                if here in ways:
                    continue
                ways[here] = (cost, before)
                for there, arc, more in self._onward(level, here):
                    count += 1  # of two ways that cost the same, the one found first
                    if there is None:
                        left.append((arc, self.joined(cost, more)))
                    elif there not in ways:
                        heapq.heappush(todo, (self.joined(cost, more), count, there, here))
            self._levels[level] = _Laid(ways, tuple(left))
        return self._levels[level]

    def _onward(self, level: Level, place: str) -> Iterator[tuple[str | None, Arc, float]]:
        """Where a way goes on to, by which arc and for how much; None: it leaves the region."""
        for arc in level.out.get(place, ()):
            if arc.on != "spent":
                yield self._led(level, arc, self.cost(arc))
        branches = self.graph.levels.fork_at(level, place)
        laid = [self._laid(branch) for branch in branches]
        for one in laid:
            for arc, cost in one.left:
                yield self._led(level, arc, cost)
        if laid and all(EXIT in one.ways for one in laid):
            cost = 0.0
            for one in laid:
                cost = self.joined(cost, one.ways[EXIT][0])
            region = branches[0].region
            there = "" if region is None else region.exit or ""
            joins = level.region is not None and level.region.exit == there
            yield (EXIT if joins else there), branches[0].out[place][0], cost

    def _led(self, level: Level, arc: Arc, cost: float) -> tuple[str | None, Arc, float]:
        if level.leaves(arc):
            return None, arc, cost
        return (EXIT if level.joins(arc) else arc.target), arc, cost
