"""The product of a flow with an automaton: every way that a run can go, and what the automaton says to it.

One engine for what is asked of paths: properties (F7), gaps that can be reached, an action behind a no. It searches
breadth first, without recursion but into nested forks, and so finds a shortest path. At first it takes every arc for
possible; a path that is found is shown to ``feasible``, and where that says why it is not, the search begins again and
does not take that for possible any more.

Fan-outs are explored exactly, as all interleavings of their branches, with one shortening that loses nothing: a branch
on which nothing happens that the automaton looks at is passed over, for it only joins, or leaves the region.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from ...guards.expressions import Formula
from ..monitors import Automaton, Mark
from ..rows import START
from .arcs import Arc
from .feasible import Clue
from .graph import Graph, path_in, search
from .laying import Laying
from .levels import Level
from .passing import Passings
from .pruning import Known, Pruning
from .pruning import Literal as Said


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


class Feasible(Protocol):
    """What is said of a way: whether a run can go it, and if not, why."""

    @property
    def state(self) -> Literal["yes", "no", "unknown"]:
        """Whether it can."""
        ...

    @property
    def core(self) -> Sequence[Clue]:
        """Where it cannot: what is impossible together."""
        ...


class Way(NamedTuple):
    """A way by which an automaton is violated.

    Args:
        path: its arcs.
        claims: what the automaton takes to be so on it: which arc, a condition, and whether it is known to be true.
    """

    path: tuple[Arc, ...]
    claims: tuple[tuple[int, Formula, bool], ...] = ()


class Proved(NamedTuple):
    """No run can go so."""

    states: int


class Refuted(NamedTuple):
    """A run can go so: a shortest path, and what ``feasible`` said of it."""

    path: tuple[Arc, ...]
    values: Any


class Undecided(NamedTuple):
    """Nobody can tell: a path on which it may be so, or none where the search was given up; and why."""

    path: tuple[Arc, ...]
    why: str


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

    def claims(self, marks: Sequence[Mark]) -> tuple[Said, ...]:
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


State = tuple[Config, int, Known]
"""A state of the product: where the run stands, where the automaton stands, what is known of the fields."""

_Came = dict[State, "tuple[State, tuple[Arc, ...], tuple[Mark, ...]] | None"]


def reach(
    graph: Graph,
    monitor: Automaton,
    *,
    feasible: Callable[[Way], Feasible] | None = None,
    failing: bool = True,
    sought: Arc | None = None,
    states: int = 2000,
    rounds: int = 20,
    tries: int = 8,
) -> Proved | Refuted | Undecided:
    """Whether a run can violate an automaton.

    Args:
        graph: the flow's graph.
        monitor: the automaton.
        feasible: what is said of a path; without it every path that is found is undecided.
        failing: whether failures and a used-up budget are explored too.
        sought: an arc that the flow does not have: whether a run can come to take it is asked as well.
        states: how many states there may be, besides four for each place of the flow.
        rounds: how often a path that is not possible may be learnt from.
        tries: how many other paths are shown to ``feasible`` where it cannot tell.
    """
    product = Product(graph, monitor, failing=failing, sought=sought)
    limit = states + 4 * len(graph.came)
    pruning = Pruning(graph)
    first: tuple[Arc, ...] = ()
    for _ in range(rounds):
        learnt, seen, first = False, 0, ()
        for number, found in enumerate(_search(product, pruning, limit)):
            if isinstance(found, int):
                seen = found
                break
            first = first or found.path
            said = None if feasible is None else feasible(found)
            if said is not None and said.state == "yes":
                return Refuted(found.path, said)
            if said is not None and said.state == "no" and pruning.learn(found.path, said.core):
                learnt = True
                break
            if number >= tries:
                return Undecided(first, "nobody could tell whether a run can go the paths that were found")
        if learnt:
            continue
        if seen > limit:
            return Undecided(first, f"there are more than {limit} states")
        if first:
            return Undecided(first, "nobody could tell whether a run can go the paths that were found")
        return Proved(seen)
    return Undecided(first, f"{rounds} rounds were not enough")


def _search(product: Product, pruning: Pruning, limit: int) -> Iterator[Way | int]:
    """The paths by which the automaton is violated, shortest first; at last how many states there are."""
    begin: State = (product.start, product.monitor.start, pruning.start)
    came: _Came = {begin: None}
    todo = deque([begin])
    while todo:
        here = todo.popleft()
        config, state, known = here
        for step in product.onward(config):
            said = product.claims(step.marks)
            inside = isinstance(config, Forked)
            then = pruning.after(known, step.arcs, said, branches=inside)
            if then is None:
                continue
            into, bad = product.monitor.run(state, step.marks)
            if bad or (product.sought is not None and product.sought in step.arcs):
                path = (*_back(came, here), *step.arcs)
                yield Way(path, _claims(product, came, here) + tuple((len(path) - 1, *one) for one in said))
            if step.config is None:
                continue
            there: State = (step.config, into, then)
            if there not in came:
                came[there] = (here, step.arcs, step.marks)
                if len(came) > limit:
                    yield len(came)
                    return
                todo.append(there)
    yield len(came)


def _claims(product: Product, came: _Came, state: State) -> tuple[Clue, ...]:
    """What the automaton took to be so on the way to a state."""
    if not product.monitor.conditions:
        return ()
    steps: list[tuple[int, tuple[Mark, ...]]] = []
    step = came[state]
    while step is not None:
        steps.append((len(step[1]), step[2]))
        step = came[step[0]]
    found: list[Clue] = []
    place = 0
    for count, marks in reversed(steps):
        place += count
        found += [(place - 1, *one) for one in product.claims(marks)]
    return tuple(found)


def _back(came: _Came, state: State) -> tuple[Arc, ...]:
    found: list[tuple[Arc, ...]] = []
    step = came[state]
    while step is not None:
        found.append(step[1])
        step = came[step[0]]
    return tuple(arc for arcs in reversed(found) for arc in arcs)
