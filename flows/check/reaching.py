"""Whether a run can come to a case that no edge of a row is for: by paths, the shortest first, and carried out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ...guards.symbolic import Symbols
from ..properties import Property, Subject
from ..rows import START
from ..watching import Monitor
from .arcs import Arc, no_way
from .endings import Ending
from .feasible import Feasible, feasible
from .graph import Graph
from .product import Proved, reach
from .replay import Replay, replay_stuck

TRIES = 24
"""How many paths are looked at one by one."""

MOST = 2000
"""How many beginnings of paths are looked at for them."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What is known of a case without an edge.

    Args:
        possible: False: no run comes to it; None: nobody can tell.
        path: the path to it, the last arc one of ``no_way``; one that may lead there where none is known to.
        done: that path, carried out.
    """

    possible: bool | None
    path: tuple[Arc, ...] = ()
    done: Replay | None = None


def reached(graph: Graph, symbols: Symbols, source: str, ends: tuple[Ending, ...] = ()) -> Reached:
    """Whether a run can come to a case of a row without an edge.

    Args:
        graph: the flow's graph.
        symbols: of its state.
        source: whose row it is.
        ends: for a subflow, the end to which it came.
    """
    tried = _Tried(graph, symbols, no_way(source, ends=ends))
    every = False
    for count, path in enumerate(_paths(graph, source)):
        if path is None or count == TRIES or tried.look(path).state == "yes":
            break
    else:
        every = not _goes_round(graph, source)
    if tried.done is not None or every:
        return tried.result(every=every)
    comes = Monitor(Property("unless", (Subject("node", source),)), (Subject("node", source),))
    return tried.result(every=isinstance(reach(graph, comes, feasible=tried.look), Proved))


class _Tried:
    """The paths that were tried so far."""

    def __init__(self, graph: Graph, symbols: Symbols, last: Arc) -> None:
        self.graph, self.symbols, self.last = graph, symbols, last
        self.may_be: tuple[Arc, ...] = ()
        self.done: tuple[tuple[Arc, ...], Replay] | None = None

    def look(self, before: Sequence[Arc]) -> Feasible:
        """Whether a run can go along a path, and then has no edge; ``yes`` where that was carried out."""
        path = (*before, self.last)
        found = feasible(self.graph, self.symbols, path)
        if found.state == "no":
            return found
        done = replay_stuck(self.graph, path, found.input, found.values) if found.values else None
        if done is None:
            self.may_be = self.may_be or path
            return replace(found, state="unknown")
        self.done = path, done
        return replace(found, state="yes")

    def result(self, *, every: bool) -> Reached:
        """What is known when no more paths are tried.

        Args:
            every: whether all paths were.
        """
        if self.done is not None:
            return Reached(True, *self.done)
        if every and not self.may_be:
            return Reached(False)
        return Reached(None, self.may_be or (*self.graph.path(self.last.source), self.last))


def _paths(graph: Graph, source: str) -> Iterator[tuple[Arc, ...] | None]:
    """The paths to a place that come to no place twice, the shortest first; None where there are too many."""
    leads = _ancestors(graph, source)
    todo: list[tuple[Arc, ...]] = [()]
    for path in todo:  # grows as it is gone through
        here = path[-1].target if path else START.name
        if here == source:
            yield path
            continue
        if len(todo) > MOST:
            yield None
        been = {START.name, *(arc.target for arc in path)}
        todo += [(*path, arc) for arc in graph.out.get(here, ()) if arc.target in leads and arc.target not in been]


def _ancestors(graph: Graph, place: str) -> set[str]:
    """The places from which a place is reached, itself among them."""
    found, todo = {place}, [place]
    while todo:
        for arc in graph.into.get(todo.pop(), ()):
            if arc.source not in found and arc.source in graph.came:
                found.add(arc.source)
                todo.append(arc.source)
    return found


def _goes_round(graph: Graph, source: str) -> bool:
    """Whether a run can come to a place by going round, so that its paths are without number."""
    leads = _ancestors(graph, source)
    seen: set[str] = set()
    open_places = {name: sum(arc.source in leads for arc in graph.into.get(name, ())) for name in leads}
    todo = [name for name, count in open_places.items() if not count]
    while todo:
        here = todo.pop()
        seen.add(here)
        for arc in graph.out.get(here, ()):
            if arc.target in leads:
                open_places[arc.target] -= 1
                if not open_places[arc.target]:
                    todo.append(arc.target)
    return len(seen) < len(leads)
