"""Levels: the flow outside of all regions, and each branch of a region, every one a graph of its own.

A run is at one place of a level at a time. At a fork it begins every branch of its region; where all of them
came to the exit, it goes on there. A branch that leaves its region by a failure takes the run with it. A fork
whose region is broken (F105) is a place like any other: its branches are ways to choose from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ...guards.outcomes import Failed
from ..regions import Region
from ..rows import START
from .arcs import HUBS, Arc

if TYPE_CHECKING:
    from ..flow import Flow


class Level:
    """The flow outside of all regions, or one branch of a region.

    Args:
        number: which one, in the order found.
        start: where it begins: START, or its fork.
        head: for a branch, which of its fork's.
        region: for a branch, its fork's region; None for the flow outside of all.

    Attributes:
        out: the arcs from each place that a run can reach in it; from its own fork those of its head alone.
    """

    def __init__(self, number: int, start: str, head: int, region: Region | None) -> None:
        self.number = number
        self.start = start
        self.head = head
        self.region = region
        self.out: dict[str, tuple[Arc, ...]] = {}

    def leaves(self, arc: Arc) -> bool:
        """Whether an arc leads out of the branch because something failed: what forked then takes it.

        Args:
            arc: one from a place in the level.
        """
        if self.region is None:
            return False
        if arc.target in HUBS:
            return True
        row = arc.row
        if row is None or not isinstance(row.match, Failed):
            return False
        return row.target.name != self.region.exit and row.target.name not in self.region.inside

    def joins(self, arc: Arc) -> bool:
        """Whether an arc leads to the exit, where the branch waits for its siblings.

        Args:
            arc: one from a place in the level.
        """
        return self.region is not None and arc.target == self.region.exit and not self.leaves(arc)


class Landing(NamedTuple):
    """Where an arc leads in the end, by joins and by leaving regions.

    Args:
        level: the level.
        place: the place.
        through: the levels that were left on the way, innermost first, each with the place that it was left from.
    """

    level: Level
    place: str
    through: tuple[tuple[Level, str], ...] = ()


class Levels:
    """All levels of a flow that a run can reach.

    Args:
        flow: the flow.
        out: its arcs, by source.

    Attributes:
        main: the flow outside of all regions.
        branches: the branches of each fork whose region is whole, in the order of its heads.
        holders: the levels in which each of these forks is.
    """

    def __init__(self, flow: Flow[Any], out: Mapping[str, list[Arc]]) -> None:
        self.main = Level(0, START.name, 0, None)
        self.branches: dict[str, tuple[Level, ...]] = {}
        self.holders: dict[str, list[Level]] = {}
        self._flow, self._arcs, self._count = flow, out, 0
        self._explore()

    def all(self) -> Iterator[Level]:
        """The levels, the main one first."""
        yield self.main
        for levels in self.branches.values():
            yield from levels

    def fork_at(self, level: Level, place: str) -> tuple[Level, ...]:
        """The branches that begin at a place; none where it is no fork, or is where the level itself begins.

        Args:
            level: the level.
            place: a place in it.
        """
        return () if place == level.start else self.branches.get(place, ())

    def lands(self, level: Level, arc: Arc) -> Iterator[Landing]:
        """Where an arc leads: more than one place where its fork is in more than one level.

        Args:
            level: the level.
            arc: one from a place in it.
        """
        if level.leaves(arc):
            for holder in self.holders[level.start]:
                for found in self.lands(holder, arc._replace(source=level.start)):
                    yield found._replace(through=((level, arc.source), *found.through))
        elif level.joins(arc):
            yield from self._arrives(level, arc.source, arc.target)
        else:
            yield Landing(level, arc.target)

    def _arrives(self, level: Level, source: str, exit: str) -> Iterator[Landing]:
        for holder in self.holders[level.start]:
            left = ((level, source),)
            if holder.region is None or holder.region.exit != exit:
                yield Landing(holder, exit, left)
                continue
            for found in self._arrives(holder, level.start, exit):
                yield found._replace(through=(*left, *found.through))

    def only_joins(self, arc: Arc) -> bool:
        """Whether an arc is never taken to its target alone: it is where a branch waits for its siblings.

        Args:
            arc: any.
        """
        found = [level for level in self.all() if arc in level.out.get(arc.source, ())]
        return bool(found) and all(level.joins(arc) for level in found)

    def _explore(self) -> None:
        """Follows the arcs; once more where a fork turned out to be in one more level, to which its branches join."""
        while True:
            known = sum(map(len, self.holders.values()))
            for level in self.all():
                level.out.clear()
            self._follow()
            if sum(map(len, self.holders.values())) == known:
                return

    def _follow(self) -> None:
        todo = [(self.main, START.name)]
        while todo:
            level, place = todo.pop()
            if place in level.out:
                continue
            branches = self._begun(level, place)
            todo += [(branch, branch.start) for branch in branches]
            if branches and level not in self.holders[place]:
                self.holders[place].append(level)
            level.out[place] = tuple(self._onward(level, place, bool(branches)))
            for arc in level.out[place]:
                todo += [(there, name) for there, name, _ in self.lands(level, arc)]

    def _begun(self, level: Level, place: str) -> tuple[Level, ...]:
        if place == level.start:
            return ()
        region = self._flow.regions.get(place)
        if place not in self.branches and region is not None and whole(self._flow, region):
            heads = range(len(self._flow.rows[place]))
            self.branches[place] = tuple(Level(self._count + 1 + head, place, head, region) for head in heads)
            self._count += len(heads)
            self.holders[place] = []
        return self.branches.get(place, ())

    def _onward(self, level: Level, place: str, forks: bool) -> Iterator[Arc]:
        for arc in self._arcs.get(place, ()):
            if forks:
                mine = arc.on != "head"
            elif place == level.start and level.region is not None:
                mine = arc.on == "head" and arc.head == level.head
            else:
                mine = True
            if mine:
                yield arc


def whole(flow: Flow[Any], region: Region) -> bool:
    """Whether a region has one exit, which is none of its heads.

    Args:
        flow: the flow.
        region: one of its.
    """
    heads = {head.target.name for head in flow.forks[region.fork].heads}
    return region.exit is not None and not region.leaks and region.exit not in heads
