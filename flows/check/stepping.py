"""The steps of a flow under an automaton: where a run can stand, in all of its branches, and where it goes from there.

Fan-outs are explored exactly, as all interleavings of their branches, with one shortening that loses nothing: a branch
on which nothing happens that the automaton looks at is passed over, for it only joins, or leaves the region.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ...guards.budgets import Budget
from ..monitors import Automaton, Mark
from ..rows import START
from .arcs import Arc
from .graph import Graph, path_in, search
from .laying import Laying
from .levels import Level
from .passing import Passings
from .pruning import Literal


class Spot(NamedTuple):
    """A place in a level."""

    level: int
    place: str


class Forked(NamedTuple):
    """The branches of a fork: where each is; None where it has joined, or is passed over."""

    level: int
    fork: str
    branches: tuple[Config | None, ...]


Config = Spot | Forked
"""Where a run stands, in all of its branches."""


class Step(NamedTuple):
    """One step of the exploration.

    Args:
        arcs: the arcs that are taken; more than one where branches are passed over.
        marks: what happens.
        config: where the run stands then; None where it has ended.
    """

    arcs: tuple[Arc, ...]
    marks: tuple[Mark, ...]
    config: Config | None


class _Left(NamedTuple):
    """A branch leaves its level: by an arc that leads out of the region, or to the exit."""

    arcs: tuple[Arc, ...]
    marks: tuple[Mark, ...]
    joins: bool


class Product:
    """The steps of a flow under an automaton.

    Args:
        graph: the flow's graph.
        monitor: the automaton.
        failing: whether failures and a budget that is used up are explored too.
        sought: an arc that the flow does not have, and that is sought besides.
    """

    def __init__(self, graph: Graph, monitor: Automaton, *, failing: bool = True, sought: Arc | None = None) -> None:
        self.graph, self.monitor, self.failing, self.sought = graph, monitor, failing, sought
        self.passings = Passings(graph, monitor)
        self.levels = {level.number: level for level in graph.levels.all()}
        self._silent: dict[int, bool] = {}

    @property
    def start(self) -> Config:
        """Where every run begins."""
        return Spot(0, START.name)

    def claims(self, marks: Sequence[Mark]) -> tuple[Literal, ...]:
        """What the automaton takes to be so where something happens.

        Args:
            marks: what happens.
        """
        trees = self.monitor.conditions
        if not trees:
            return ()
        at = [mark for mark in marks if mark.kind in ("start", "end")]
        return tuple((tree, name in mark.holds) for mark in at for name, tree in trees.items())

    def onward(self, config: Config) -> Iterator[Step]:
        """The steps from where a run stands.

        Args:
            config: where it stands, in all of its branches.
        """
        for found in self._from(config):
            if isinstance(found, Step):
                yield found

    def _from(self, config: Config) -> Iterator[Step | _Left]:
        level = self.levels[config.level]
        if isinstance(config, Spot):
            for arc in level.out.get(config.place, ()):
                yield from self._take(level, arc)
            if self.sought is not None and self.sought.source == config.place:
                yield Step((self.sought,), (), None)
            return
        for place, branch in enumerate(config.branches):
            if branch is None:
                yield from self._silently_leaves(level, config.fork, place)
                continue
            for found in self._from(branch):
                if isinstance(found, Step):
                    into = (*config.branches[:place], found.config, *config.branches[place + 1 :])
                    yield found._replace(config=config._replace(branches=into))
                elif found.joins:
                    into = (*config.branches[:place], None, *config.branches[place + 1 :])
                    yield from self._joined(level, config._replace(branches=into), found)
                else:
                    yield from self._out(level, config.fork, found)

    def _take(self, level: Level, arc: Arc) -> Iterator[Step | _Left]:
        if not self.failing and arc.on in ("failed", "spent"):
            return
        if arc.on == "spent" and arc.source == START.name and not _spent_at_once(self.graph.flow.budget):
            return
        for passing in self.passings.of(arc):
            said = arc if passing.noes == arc.noes else arc._replace(noes=passing.noes)
            if level.leaves(arc):
                yield _Left((said,), passing.marks, joins=False)
            elif level.joins(arc):
                yield _Left((said,), passing.marks, joins=True)
            else:
                yield from self._arrive(level, arc.target, (said,), passing.marks)

    def _arrive(self, level: Level, place: str, arcs: tuple[Arc, ...], marks: tuple[Mark, ...]) -> Iterator[Step]:
        """Comes to a place: it starts, forks, or ends the run."""
        branches = self.graph.levels.fork_at(level, place)
        if branches:
            begun = tuple(None if self._is_silent(branch) else Spot(branch.number, place) for branch in branches)
            forked = Forked(level.number, place, begun)
            if any(begun):
                yield Step(arcs, marks, forked)
                return
            across = Laying(self.graph).across(branches[0])
            for number in range(len(branches)):
                for found in self._silently_leaves(level, place, number):
                    yield found._replace(arcs=(*arcs, *found.arcs), marks=(*marks, *found.marks))
            for joined in self._joined(level, forked, _Left(across, (), joins=True)) if across else ():
                if isinstance(joined, Step):
                    yield joined._replace(arcs=(*arcs, *joined.arcs), marks=(*marks, *joined.marks))
            return
        config = None if place in self.graph.flow.ends else Spot(level.number, place)
        for mark in self.passings.arrives(place) or (None,):
            yield Step(arcs, marks if mark is None else (*marks, mark), config)

    def _joined(self, level: Level, config: Forked, left: _Left) -> Iterator[Step | _Left]:
        """A branch has come to the exit; with the last of them the run goes on there, or what they wrote is refused."""
        if any(branch is not None for branch in config.branches):
            yield Step(left.arcs, left.marks, config)
            return
        region = self.graph.levels.branches[config.fork][0].region
        behind = "" if region is None else region.exit or ""
        if level.region is not None and level.region.exit == behind:
            yield left
        else:
            yield from self._arrive(level, behind, left.arcs, left.marks)
        for arc in level.out.get(config.fork, ()):
            for found in self._take(level, arc):
                yield found._replace(arcs=(*left.arcs, *found.arcs), marks=(*left.marks, *found.marks))

    def _out(self, level: Level, fork: str, left: _Left) -> Iterator[Step | _Left]:
        """A branch has left its region: its way is taken where the fork was."""
        arc = left.arcs[-1]._replace(source=fork)
        if level.leaves(arc):
            yield left
        elif level.joins(arc):
            yield left._replace(joins=True)
        else:
            yield from self._arrive(level, arc.target, left.arcs, left.marks)

    # branches on which nothing happens

    def _is_silent(self, branch: Level) -> bool:
        found = self._silent.get(branch.number)
        if found is None:
            self._silent[branch.number] = False  # a fork inside of itself is broken, and never passed over
            found = self._silent[branch.number] = (self.sought is None or self.sought.source not in branch.out) and all(
                self._says_nothing(branch, arc) for arcs in branch.out.values() for arc in arcs
            )
        return found

    def _says_nothing(self, branch: Level, arc: Arc) -> bool:
        if branch.leaves(arc):
            return True
        if any(passing.marks for passing in self.passings.of(arc)):
            return False
        inner = self.graph.levels.fork_at(branch, arc.target)
        if not all(self._is_silent(level) for level in inner):
            return False
        return branch.joins(arc) or not self.passings.arrives(arc.target)

    def _silently_leaves(self, level: Level, fork: str, place: int) -> Iterator[Any]:
        """A branch that was passed over leaves the region, by each of the ways that it can."""
        branch = self.graph.levels.branches[fork][place]
        if not self.failing or not self._is_silent(branch):
            return
        came = search(branch.start, lambda here: ((arc, arc.target) for arc in branch.out.get(here, ())))
        for arc in self._leaving(branch):
            for passing in self.passings.of(arc):
                arcs = (*path_in(came, arc.source), arc._replace(noes=passing.noes))
                yield from self._out(level, fork, _Left(arcs, passing.marks, joins=False))

    def _leaving(self, branch: Level) -> Iterator[Arc]:
        """The arcs that lead out of a branch, from branches inside of it too."""
        for place, arcs in branch.out.items():
            yield from (arc for arc in arcs if branch.leaves(arc))
            for inner in self.graph.levels.fork_at(branch, place):
                yield from (arc for arc in self._leaving(inner) if branch.leaves(arc._replace(source=place)))


def _spent_at_once(budget: Budget | None) -> bool:
    """Whether a budget may be used up before anything was done."""
    if budget is None or budget.deadline is not None:
        return budget is not None
    return any(
        bound < 1 if kind in ("steps", "calls") else kind == "seconds" and bound <= 0
        for kind, bound in budget.bounds(on_the_way_out=False)
    )
