"""A path laid out as what happens one after the other: where it passes a join, the siblings' ways are in it too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .arcs import HUBS, Arc
from .graph import Graph, path_in, search
from .levels import Level

Branch = tuple[int, int]
"""A branch on a path: which fork of the path began it, and which head."""


class Hop(NamedTuple):
    """From one place to the next: an arc, or two by way of the flow's own.

    Args:
        first: the arc that its source takes.
        last: the arc that leads to its target.
        branches: the branches that it is in, outermost first.
    """

    first: Arc
    last: Arc
    branches: tuple[Branch, ...] = ()

    def sees(self, other: Hop) -> bool:
        """Whether what the other did is there: a branch sees nothing of its siblings.

        Args:
            other: one before it.
        """
        mine = dict(self.branches)
        return all(mine.get(fork, head) == head for fork, head in other.branches)


class Laying:
    """Lays out paths of a flow.

    Args:
        graph: the flow's graph.
    """

    def __init__(self, graph: Graph) -> None:
        self.levels, self.every = graph.levels, graph.flow.forks
        self.forks = 0

    def path(self, path: Sequence[Arc]) -> list[Hop] | None:
        """A path from START; None where it leaves a region by a failure, or fans out in one that is broken.

        Args:
            path: arcs, each from where the one before it leads.
        """
        return self._lay(path, self.levels.main, [])

    def beside(self, before: Sequence[Arc], ways: Sequence[Sequence[Arc]]) -> list[Hop] | None:
        """A path to a fork, and a way in each of some of its branches.

        Args:
            before: arcs from START to the fork.
            ways: arcs from the fork.
        """
        hops = self._lay(before, self.levels.main, [])
        fork = self.forks = self.forks + 1
        for way in ways:
            branch = self.levels.branches[way[0].source][way[0].head]
            more = None if hops is None else self._lay(way, branch, [(fork, branch)])
            if hops is None or more is None:
                return None
            hops += more
        return hops

    def _lay(self, path: Sequence[Arc], level: Level, entered: list[tuple[int, Level]]) -> list[Hop] | None:
        hops: list[Hop] = []
        began: list[int] = [0] * len(entered)
        base = len(entered)
        first: Arc | None = None
        for arc in path:
            if arc.on == "head" and not (arc is path[0] and base):
                branches = self.levels.fork_at(level, arc.source)
                if not branches:
                    return None
                self.forks += 1
                level = branches[arc.head]
                entered, began = [*entered, (self.forks, level)], [*began, len(hops)]
            if level.leaves(arc) or (arc.on != "head" and arc.source in self.every):
                return None  # what siblings do while a branch leaves, or before a join is refused, is not led
            if arc.target in HUBS:
                first = first or arc
                continue
            hops.append(Hop(first or arc, arc, tuple((fork, branch.head) for fork, branch in entered)))
            first = None
            while len(entered) > base and level.joins(arc):
                beside = self._siblings(entered)
                if beside is None:
                    return None
                hops[began[-1] : began[-1]] = beside
                entered, began = entered[:-1], began[:-1]
                level = entered[-1][1] if entered else self.levels.main
        return hops

    def _siblings(self, entered: list[tuple[int, Level]]) -> list[Hop] | None:
        """The ways of the siblings of a branch that came to the exit."""
        fork, mine = entered[-1]
        hops: list[Hop] = []
        for branch in self.levels.branches[mine.start]:
            if branch is mine:
                continue
            way = self.across(branch)
            laid = self._lay(way, branch, [*entered[:-1], (fork, branch)]) if way else None
            if laid is None:
                return None
            hops += laid
        return hops

    def across(self, branch: Level) -> tuple[Arc, ...]:
        """A shortest way from a fork through one of its branches to the exit; empty where there is none.

        Args:
            branch: the branch.
        """

        def onward(here: tuple[Level, str]) -> Iterator[tuple[Arc, tuple[Level, str]]]:
            level, place = here
            if level is self.levels.main:
                return
            for inner in (level, *self.levels.fork_at(level, place)):
                for arc in inner.out.get(place, ()):
                    for there, name, through in self.levels.lands(inner, arc):
                        if not any(left is branch for left, _ in through):
                            yield arc, (there, name)
                        elif not inner.leaves(arc):
                            yield arc, (self.levels.main, name)

        start = (branch, branch.start)
        found = search(start, onward)
        return next((path_in(found, spot) for spot in found if spot[0] is self.levels.main), ())
