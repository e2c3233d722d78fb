"""The edges of a level with its forks crossed: what one walk in it can pass without taking a limited edge.

A region is crossed only where each of its branches comes to the exit, so a limit on every way through one of
them limits the region: it is crossed at most as often as that limit lets it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple

import networkx as nx

from ..semantics import EXHAUSTED
from .arcs import Arc
from .graph import Graph
from .levels import Level

Keep = Callable[[Arc], bool]
"""Which arcs count."""

EXIT, OUT = "\0exit", "\0out"
"""Where a branch joins, and where it is when it has left its region."""

Limits = tuple[tuple[Hashable, int], ...]
"""What can be counted up by taking an edge: each limit, and how often it lets it be taken."""


class Step(NamedTuple):
    """An edge of a level.

    Args:
        source: a place.
        target: a place of the level, ``EXIT`` or ``OUT``.
        limits: what limits it; empty: it can be taken without any limit.
    """

    source: str
    target: str
    limits: Limits = ()


class _Summary(NamedTuple):
    """What a branch can do.

    Args:
        crossed: whether it can come to its exit by free edges.
        left: the arcs by which it leaves its region, each with whether it can do so by free edges.
        limits: all limits on its edges.
        free: the places that it can come to by free edges, in the branches inside of it too.
    """

    crossed: bool
    left: tuple[tuple[Arc, bool], ...]
    limits: Limits
    free: frozenset[str]


class Rounds:
    """The levels of a flow as graphs of free and limited edges.

    Args:
        graph: the flow's graph.
        keep: which arcs count.
        limited: whether limits count; else every edge is free.
    """

    def __init__(self, graph: Graph, keep: Keep, *, limited: bool = True) -> None:
        self.levels, self.keep, self.limited = graph.levels, keep, limited
        self._steps: dict[Level, tuple[Step, ...]] = {}
        self._left: dict[Level, list[tuple[Arc, bool, str]]] = {}
        self._summaries: dict[Level, _Summary] = {}

    def steps(self, level: Level) -> tuple[Step, ...]:
        """The edges of a level, from each place that a run can reach in it.

        Args:
            level: the level.
        """
        if level not in self._steps:
            self._left[level] = []
            self._steps[level] = tuple(self._all(level))
        return self._steps[level]

    def free(self, level: Level) -> nx.DiGraph[str]:
        """The edges of a level that no limit limits.

        Args:
            level: the level.
        """
        found: nx.DiGraph[str] = nx.DiGraph()
        found.add_node(level.start)
        found.add_edges_from((step.source, step.target) for step in self.steps(level) if not step.limits)
        return found

    def reached(self, level: Level) -> set[str]:
        """The places of a level that a run can come to by free edges, from where the level begins.

        Args:
            level: the level.
        """
        free, found, todo = self.free(level), {level.start}, [level.start]
        while todo:
            more = set(free.successors(todo.pop())) - found
            found |= more
            todo.extend(more)
        return found

    def around(self) -> Iterator[tuple[Level, set[str]]]:
        """The places of each part of a level in which a run can go round without a limit."""
        for level in self.levels.all():
            free = self.free(level)
            for part in nx.strongly_connected_components(free):
                if len(part) > 1 or any(free.has_edge(name, name) for name in part):
                    yield level, part

    def inside(self, level: Level, part: set[str]) -> set[str]:
        """The places of a part, and of the branches that begin in it, that are come to by free edges.

        Args:
            level: the level.
            part: some of its places.
        """
        found = set(part)
        for place in part:
            for branch in self.levels.fork_at(level, place):
                found |= self.summary(branch).free
        return found

    def summary(self, level: Level) -> _Summary:
        """What a branch can do.

        Args:
            level: the branch.
        """
        if level not in self._summaries:
            steps, reached = self.steps(level), self.reached(level)
            left = tuple((arc, loose and source in reached) for arc, loose, source in self._left[level])
            limits = dict(limit for step in steps for limit in step.limits)
            inside = self.inside(level, reached - {EXIT, OUT})
            self._summaries[level] = _Summary(EXIT in reached, left, tuple(limits.items()), frozenset(inside))
        return self._summaries[level]

    def _all(self, level: Level) -> Iterator[Step]:
        for place, arcs in level.out.items():
            for arc in arcs:
                if self.keep(arc) and arc.target != EXHAUSTED:
                    limits: Limits = tuple((item, item.n) for item in arc.limits if self.limited)
                    yield self._step(level, place, arc, limits)
            branches = [self.summary(branch) for branch in self.levels.fork_at(level, place)]
            if branches:
                yield from self._crossed(level, place, branches)

    def _step(self, level: Level, place: str, arc: Arc, limits: Limits) -> Step:
        if level.leaves(arc):
            self._left[level].append((arc, not limits, place))
            return Step(place, OUT, limits)
        return Step(place, EXIT if level.joins(arc) else arc.target, limits)

    def _crossed(self, level: Level, fork: str, branches: list[_Summary]) -> Iterator[Step]:
        """The edges behind a fork: to its exit, and where its branches leave to."""
        region = self.levels.branches[fork][0].region
        assert region is not None
        assert region.exit is not None
        stopped = [_together(fork, one.limits) for one in branches if not one.crossed]
        behind = EXIT if level.region is not None and level.region.exit == region.exit else region.exit
        yield Step(fork, behind, min(stopped, key=lambda limits: limits[0][1], default=()))
        for one in branches:
            for arc, free in one.left:
                yield self._step(level, fork, arc, () if free else _together(fork, one.limits))


def _together(fork: str, limits: Limits) -> Limits:
    """Some limits as one: how often any of them lets an edge be taken."""
    return (((fork, tuple(key for key, _ in limits)), sum(n for _, n in limits)),)


def worst(rounds: Rounds, level: Level, weights: dict[str, float], crossed: set[str] | None = None) -> dict[str, float]:
    """For each place of a level the most that a walk from it can come to; a fork costs all of its branches.

    Args:
        rounds: the flow's levels, without a free cycle.
        level: the level.
        weights: what each place costs; what the branches cost is added to their forks'.
        crossed: the forks to which it was added.
    """
    crossed = set() if crossed is None else crossed
    for place in level.out:
        branches = rounds.levels.fork_at(level, place)
        if branches and place not in crossed:
            crossed.add(place)
            inside = sum(worst(rounds, branch, weights, crossed)[branch.start] for branch in branches)
            weights[place] = weights.get(place, 0) + inside
    own = weights | {level.start: 0, EXIT: 0, OUT: 0}
    steps = rounds.steps(level)
    whole: nx.DiGraph[str] = nx.DiGraph()
    whole.add_nodes_from(level.out)
    whole.add_edges_from((step.source, step.target) for step in steps)
    return _walks(nx.condensation(whole), steps, own)


def _walks(parts: nx.DiGraph[int], steps: tuple[Step, ...], weights: dict[str, float]) -> dict[str, float]:
    """For each place the most that a walk from it can come to; parts are worked off from the last to the first."""
    place: dict[str, int] = parts.graph["mapping"]
    inner: dict[int, list[Step]] = {}
    leaving: dict[int, set[int]] = {}
    entries: dict[int, set[str]] = {}
    for step in steps:
        here, there = place[step.source], place[step.target]
        if here == there:
            inner.setdefault(here, []).append(step)
        else:
            leaving.setdefault(here, set()).add(there)
            entries.setdefault(there, set()).add(step.target)
    total: dict[int, float] = {}
    for part in reversed(list(nx.topological_sort(parts))):
        members: set[str] = parts.nodes[part]["members"]
        own = _within(members, entries.get(part, members), inner.get(part, []), weights)
        total[part] = own + max((total[next_part] for next_part in leaving.get(part, ())), default=0)
    return {name: total[part] for name, part in place.items()}


def _within(members: set[str], entries: set[str], steps: list[Step], weights: dict[str, float]) -> float:
    """The most that the pieces of a walk within one part can come to: one, and one more for each limited edge."""
    if not steps:
        return max(weights.get(name, 0) for name in entries)
    free: nx.DiGraph[str] = nx.DiGraph()
    free.add_nodes_from(members)
    free.add_edges_from((step.source, step.target) for step in steps if not step.limits)
    longest: dict[str, float] = {}
    for name in reversed(list(nx.topological_sort(free))):
        longest[name] = weights.get(name, 0) + max((longest[other] for other in free.successors(name)), default=0)
    restarts: dict[Hashable, tuple[int, float]] = {}
    for step in steps:
        if step.limits:
            key, n = min(step.limits, key=lambda limit: limit[1])
            restarts[key] = (n, max(restarts.get(key, (n, 0))[1], longest[step.target]))
    return max(longest[name] for name in entries) + sum(n * most for n, most in restarts.values())
