"""What may have happened, and what surely has, when a place is reached: bits spread along all arcs of all levels.

A branch sees what happened before its fork. Where branches join, what may have happened in any of them may have,
and what surely happened in one of them surely has, since all of them came there. A branch that leaves takes with
it what its siblings may have done meanwhile.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..rows import START
from .arcs import Arc
from .graph import Graph
from .levels import Level
from .rounds import EXIT

JOIN = "\0join"
"""Where all branches of a fork came to the exit."""


class Bits(NamedTuple):
    """What is known where a place is reached.

    Args:
        may: what is so on some way that leads there.
        must: what is so on every way.
    """

    may: int = 0
    must: int = 0


Along = Callable[[Arc, Bits], Bits]
"""What is known behind an arc, from what is known when its source begins."""

Spot = tuple[Level, str]


class _Edge(NamedTuple):
    """From one spot to another.

    Args:
        target: the other.
        arc: what is passed; None where nothing happens.
        beside: what siblings may have done, whose branches are left with it.
    """

    target: Spot
    arc: Arc | None = None
    beside: int = 0


class Spread:
    """Bits at each place.

    Args:
        graph: the flow's graph.
        along: what an arc does to them; it only ever adds more to more.
        start: what is known at the start.
    """

    def __init__(self, graph: Graph, along: Along, start: Bits = Bits()) -> None:  # noqa: B008  # a frozen tuple
        self.levels, self.along = graph.levels, along
        self._carried: dict[Level, int] = {}
        self.edges: dict[Spot, tuple[_Edge, ...]] = {}
        self.found: dict[Spot, Bits] = {}
        self._solve(self._ordered((self.levels.main, START.name)), start)

    def at(self, name: str) -> Bits | None:
        """What is known when a place is reached, in whatever level; None where no run reaches it.

        Args:
            name: the place.
        """
        found = [bits for level in self.levels.all() if (bits := self.found.get((level, name))) is not None]
        if not found:
            return None
        may, must = 0, found[0].must
        for bits in found:
            may, must = may | bits.may, must & bits.must
        return Bits(may, must)

    def moves(self, spot: Spot) -> Iterator[tuple[Arc, Spot]]:
        """The arcs that can be taken at a spot, each with where it leads.

        Args:
            spot: the spot.
        """
        for edge in self.edges.get(spot, ()):
            if edge.arc is None:
                yield from self.moves(edge.target)
            else:
                for there in self._settled(edge.target):
                    yield edge.arc, there

    def _settled(self, spot: Spot) -> Iterator[Spot]:
        """Where a run goes on that came to a spot: behind the join, where it is one."""
        if spot[1] in (EXIT, JOIN):
            for edge in self.edges.get(spot, ()):
                yield from self._settled(edge.target)
        else:
            yield spot

    # the spots as one graph

    def _onward(self, spot: Spot) -> Iterator[_Edge]:
        level, place = spot
        if place == EXIT:
            yield _Edge((self.levels.branches[level.start][0], JOIN))
        elif place == JOIN:
            there = "" if level.region is None else level.region.exit or ""
            for holder in self.levels.holders[level.start]:
                joins = holder.region is not None and holder.region.exit == there
                yield _Edge((holder, EXIT if joins else there))
        else:
            branches = self.levels.fork_at(level, place)
            inside = 0
            for branch in branches:
                inside |= self._may(branch)
                yield _Edge((branch, place))
            for arc in level.out.get(place, ()):
                yield from self._led(level, arc, arc, inside)

    def _led(self, level: Level, taken: Arc, arc: Arc, beside: int) -> Iterator[_Edge]:
        """Where an arc leads: out of one branch, or of more than one."""
        if level.leaves(taken):
            for branch in self.levels.branches[level.start]:
                beside |= self._may(branch) if branch is not level else 0
            for holder in self.levels.holders[level.start]:
                yield from self._led(holder, taken, arc, beside)
        else:
            yield _Edge((level, EXIT if level.joins(taken) else taken.target), arc, beside)

    def _may(self, level: Level) -> int:
        """What the steps of a branch may do, and of the branches inside of it."""
        if level not in self._carried:
            found = 0
            for place, arcs in level.out.items():
                for arc in arcs:
                    found |= self.along(arc, Bits()).may
                for branch in self.levels.fork_at(level, place):
                    found |= self._may(branch)
            self._carried[level] = found
        return self._carried[level]

    def _ordered(self, start: Spot) -> list[Spot]:
        """The spots that are reached, those that lead to others first as far as there are no cycles."""
        done: list[Spot] = []
        self.edges[start] = tuple(self._onward(start))
        todo = [(start, iter(self.edges[start]))]
        while todo:
            spot, left = todo[-1]
            edge = next(left, None)
            if edge is None:
                done.append(spot)
                todo.pop()
            elif edge.target not in self.edges:
                self.edges[edge.target] = tuple(self._onward(edge.target))
                todo.append((edge.target, iter(self.edges[edge.target])))
        return done[::-1]

    # the fixpoint

    def _solve(self, order: list[Spot], start: Bits) -> None:
        number = {spot: place for place, spot in enumerate(order)}
        self.found[order[0]] = start
        todo, waiting = [0], {0}
        later: set[int] = set()
        while todo:
            place = heapq.heappop(todo)
            waiting.discard(place)
            here = order[place]
            bits = self._joined(here) if here[1] == JOIN else self.found[here]
            for edge in () if bits is None else self.edges[here]:
                passed = bits if bits is None or edge.arc is None else self.along(edge.arc, bits)
                if passed is not None and self._meets(edge.target, passed.may | edge.beside, passed.must):
                    there = number[edge.target]
                    if there <= place:
                        later.add(there)  # what a cycle leads back to has its turn when all before it had theirs
                    elif there not in waiting:
                        waiting.add(there)
                        heapq.heappush(todo, there)
            if not todo:
                todo, waiting, later = sorted(later), later, set[int]()

    def _joined(self, spot: Spot) -> Bits | None:
        """What is known where all branches came to the exit; None where one of them never does."""
        may = must = 0
        for branch in self.levels.branches[spot[0].start]:
            came = self.found.get((branch, EXIT))
            if came is None:
                return None
            may, must = may | came.may, must | came.must
        return Bits(may, must)

    def _meets(self, spot: Spot, may: int, must: int) -> bool:
        """Whether what comes to a spot on one more way changes what is known there."""
        before = self.found.get(spot)
        after = Bits(may, must) if before is None else Bits(before.may | may, before.must & must)
        self.found[spot] = after
        return after != before or spot[1] == JOIN
