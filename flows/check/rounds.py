"""The edges of a level with its forks crossed: what one walk in it can pass without taking a limited edge.

A region is crossed only where each of its branches comes to the exit, so a limit on every way through one of
them limits the region: it is crossed at most as often as that limit lets it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
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
        self._shapes: dict[Level, _Shape] = {}

    def steps(self, level: Level) -> tuple[Step, ...]:
        """The edges of a level, from each place that a run can reach in it.

        Args:
            level: the level.
        """
        if level not in self._steps:
            self._left[level] = []
            self._steps[level] = tuple(self._all(level))
        return self._steps[level]

    def shape(self, level: Level) -> _Shape:
        """A level in parts, in each of which a run can go round.

        Args:
            level: the level.
        """
        if level not in self._shapes:
            self._shapes[level] = _shape(level, self.steps(level))
        return self._shapes[level]

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
            for part in self.shape(level).parts:
                if part.order is None:
                    for round_ in _components(part.free):
                        if len(round_) > 1 or any(name in part.free[name] for name in round_ & part.free.keys()):
                            yield level, round_

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


class _Part(NamedTuple):
    """A part of a level in which a run can go round, or one place of it.

    Args:
        order: its places, each behind those to which its free edges lead; None where these go round.
        free: for each place those to which its free edges lead within the part.
        entries: the places at which it is entered; all of them where nothing enters it.
        restarts: its limited edges: what limits it, how often it can be taken, and where it leads.
        onward: the parts to which its edges lead, by number.
    """

    order: tuple[str, ...] | None
    free: dict[str, list[str]]
    entries: set[str]
    restarts: list[tuple[Hashable, int, str]]
    onward: set[int]


class _Shape(NamedTuple):
    """A level in parts.

    Args:
        parts: each behind those to which it leads.
        place: for each place the number of its part.
    """

    parts: list[_Part]
    place: dict[str, int]


def _components(onward: Mapping[str, Iterable[str]]) -> list[set[str]]:
    """The parts of a graph in each of which every place leads to every other; each behind those that it leads to."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(onward)
    graph.add_edges_from((name, other) for name, others in onward.items() for other in others)
    return list(nx.strongly_connected_components(graph))  # one is found once all that it leads to was found


def _shape(level: Level, steps: tuple[Step, ...]) -> _Shape:
    whole: dict[str, list[str]] = {name: [] for name in level.out}
    for step in steps:
        whole[step.source].append(step.target)
    members = _components(whole)
    place = {name: number for number, part in enumerate(members) for name in part}
    free: dict[str, list[str]] = {}
    entries: list[set[str]] = [set() for _ in members]
    onward: list[set[int]] = [set() for _ in members]
    restarts: list[list[tuple[Hashable, int, str]]] = [[] for _ in members]
    for step in steps:
        here, there = place[step.source], place[step.target]
        if here != there:
            onward[here].add(there)
            entries[there].add(step.target)
        elif step.limits:
            key, n = min(step.limits, key=lambda limit: limit[1])
            restarts[here].append((key, n, step.target))
        else:
            free.setdefault(step.source, []).append(step.target)
    parts: list[_Part] = []
    for number, part in enumerate(members):
        inner = {name: free[name] for name in part if name in free} if free else {}
        parts.append(_Part(_ordered(part, inner), inner, entries[number] or part, restarts[number], onward[number]))
    return _Shape(parts, place)


def _ordered(part: set[str], free: Mapping[str, Iterable[str]]) -> tuple[str, ...] | None:
    """The places of a part, each behind those to which its free edges lead; None where these go round."""
    if not free:
        return tuple(part)
    try:
        order = tuple(TopologicalSorter(free).static_order())
    except CycleError:
        return None
    return (*part.difference(order), *order)


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
    shape = rounds.shape(level)
    total: list[float] = []
    for part in shape.parts:
        onward = max((total[number] for number in part.onward), default=0)
        total.append(_within(part, own) + onward)
    return {name: total[number] for name, number in shape.place.items()}


def _within(part: _Part, weights: dict[str, float]) -> float:
    """The most that the pieces of a walk within one part can come to: one, and one more for each limited edge."""
    assert part.order is not None
    longest: dict[str, float] = {}
    for name in part.order:
        behind = max((longest[other] for other in part.free.get(name, ())), default=0)
        longest[name] = weights.get(name, 0) + behind
    most: dict[Hashable, tuple[int, float]] = {}
    for key, n, target in part.restarts:
        most[key] = (n, max(most.get(key, (n, 0))[1], longest[target]))
    return max(longest[name] for name in part.entries) + sum(n * each for n, each in most.values())
