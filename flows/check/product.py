"""The product of a flow with an automaton: every way that a run can go, and what the automaton says to it.

One engine for what is asked of paths: properties (F7), gaps that can be reached, an action behind a no. It searches
breadth first, without recursion but into nested forks, and so finds a shortest path. At first it takes every arc for
possible; a path that is found is shown to ``feasible``, and where that says why it is not, the search begins again and
does not take that for possible any more. ``stepping`` says how fan-outs are explored: exactly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from ...guards.expressions import Formula
from ..monitors import BEGIN, Automaton, Mark
from .arcs import Arc
from .feasible import Clue
from .graph import Graph
from .pruning import Known, Pruning
from .stepping import Config, Forked, Product

Claim = tuple[int, Formula, bool]
"""Which arc of a way, a condition, and whether it is known to be true where that arc leads."""


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
    claims: tuple[Claim, ...] = ()


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
    begin: State = (product.start, BEGIN, pruning.start)
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
                path = (*way_back(came, here), *step.arcs)
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


def _claims(product: Product, came: _Came, state: State) -> tuple[Claim, ...]:
    """What the automaton took to be so on the way to a state."""
    if not product.monitor.conditions:
        return ()
    steps: list[tuple[int, tuple[Mark, ...]]] = []
    step = came[state]
    while step is not None:
        steps.append((len(step[1]), step[2]))
        step = came[step[0]]
    found: list[Claim] = []
    place = 0
    for count, marks in reversed(steps):
        place += count
        found += [(place - 1, *one) for one in product.claims(marks)]
    return tuple(found)


def way_back(came: Mapping[Any, tuple[Any, ...] | None], state: Any) -> tuple[Arc, ...]:
    """The arcs that led to a state.

    Args:
        came: for each state the one that it was come to from, and by which arcs; None where the search began.
        state: the state.
    """
    found: list[tuple[Arc, ...]] = []
    step = came[state]
    while step is not None:
        found.append(step[1])
        step = came[step[0]]
    return tuple(arc for arcs in reversed(found) for arc in arcs)
