"""What happens on an arc, as marks: how its source ended, what each gate on it said, in every manner that there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product as every
from typing import Literal, NamedTuple

from ...guards.gates import Gate
from ...guards.outcomes import Failed
from ...guards.path import Edge
from ..ends import End
from ..monitors import Automaton, Mark
from ..rows import Route
from .arcs import HUBS, Arc
from .graph import Graph

Noes = tuple[tuple[str, str], ...]


class Passing(NamedTuple):
    """One manner in which an arc is taken.

    Args:
        marks: what happens on it, before its target starts.
        noes: the gates that say no on it, each with its no.
    """

    marks: tuple[Mark, ...]
    noes: Noes


class _Trace(NamedTuple):
    """One manner in which an edge's gates are asked: where it leads, and the noes by which an arc is known."""

    marks: tuple[Mark, ...]
    noes: Noes
    target: str
    known_by: Noes


class Passings:
    """The manners in which arcs are taken, as far as an automaton looks at them.

    Args:
        graph: the flow's graph.
        monitor: the automaton.
    """

    def __init__(self, graph: Graph, monitor: Automaton) -> None:
        self.graph, self.flow, self.monitor = graph, graph.flow, monitor
        self._gates = {name for kind, name in monitor.names if kind in ("yes", "no")}
        self._traces: dict[str, list[_Trace]] = {}
        self._known: dict[int, tuple[Passing, ...]] = {}

    def of(self, arc: Arc) -> tuple[Passing, ...]:
        """The manners in which an arc is taken; those that the automaton cannot tell apart are one.

        Args:
            arc: one of the graph's own.
        """
        found = self._known.get(id(arc))
        if found is None:
            found = self._known[id(arc)] = tuple(dict.fromkeys(self._of(arc)))
        return found

    def arrives(self, target: str) -> tuple[Mark, ...]:
        """What happens where a target is come to: it starts, or the run ends, in every manner that there is.

        Args:
            target: a node, an end, a fork, or a flow's way.
        """
        if target in self.flow.nodes:
            mark = Mark("start", target)
            return tuple(self._held(mark)) if self.monitor.minds(mark) else ()
        end = self.flow.ends.get(target)
        if end is None:
            return ()
        return tuple(held for verdict in _verdicts(end) for held in self._held(Mark("end", target, verdict)))

    def _held(self, mark: Mark) -> Iterator[Mark]:
        """The same, with each of the conditions known to be true or not."""
        names = list(self.monitor.conditions)
        for truth in every((False, True), repeat=len(names)):
            yield mark._replace(holds=tuple(name for name, holds in zip(names, truth, strict=True) if holds))

    def _of(self, arc: Arc) -> Iterator[Passing]:
        source = arc.source
        routes = self.flow.rows.get(source, ()) if source not in HUBS else ()
        begins = {self._ended(source) if arc.on == "ok" else ()}
        if arc.on == "spent" or (arc.on == "failed" and source in self.graph.raising):
            # it may have ended well: what came behind it did not fit the budget, or a function on an edge raised
            well = self._ended(source)
            begins.add(well)
            for trace in (
                trace for route in routes if not isinstance(route.match, Failed) for trace in self._along(route)
            ):
                begins |= {(*well, *trace.marks[:count]) for count in range(1, len(trace.marks) + 1)}
        route = self._route(arc)
        for begin in sorted(begins):
            if route is None or not self._gates:
                yield Passing(begin, arc.noes)
                continue
            for trace in self._along(route):
                if trace.target == arc.target and arc.noes[len(arc.noes) - len(trace.known_by) :] == trace.known_by:
                    own = arc.noes[: len(arc.noes) - len(trace.known_by)]
                    yield Passing((*begin, *trace.marks), (*own, *trace.noes))

    def _ended(self, source: str) -> tuple[Mark, ...]:
        mark = Mark("ok", source)
        return (mark,) if source in self.flow.nodes and self.monitor.minds(mark) else ()

    def _route(self, arc: Arc) -> Route | None:
        """The edge whose gates are asked on an arc."""
        if arc.row is not None:
            return arc.row
        if arc.on == "refused":
            return self.flow.route_of[arc.way] if isinstance(arc.way, Edge) else None
        if arc.source in HUBS and arc.target not in HUBS:
            rows = self.flow.rows
            return next(iter(rows.get(arc.source) or rows.get(HUBS[0], ())), None)
        return None

    # gates

    def _along(self, route: Route) -> Sequence[_Trace]:
        found = self._traces.get(route.id)
        if found is None:
            found = self._traces[route.id] = list(dict.fromkeys(self._traced(route)))
        return found

    def _traced(self, route: Route) -> Iterator[_Trace]:
        """Every manner in which the gates of an edge are asked."""
        target = route.target.name
        passes = [list(self._pass(gate, target)) for gate in route.gates]
        for place, gate in enumerate(route.gates):
            for before in every(*passes[:place]):
                marks, noes = _joined(before)
                for trace in self._refuse(gate, target):
                    yield _Trace((*marks, *trace.marks), (*noes, *trace.noes), trace.target, trace.known_by)
        for all_of_them in every(*passes):
            marks, noes = _joined(all_of_them)
            yield _Trace(marks, noes, target, ())

    def _pass(self, gate: Gate, target: str) -> Iterator[Passing]:
        """The manners in which a gate, or one that its noes lead to, lets a run pass."""
        yield Passing(self._said(gate, "yes", target), ())
        for no, way in gate.ways().items():
            if isinstance(way, Gate):
                for further in self._pass(way, target):
                    yield Passing((*self._said(gate, "no", target), *further.marks), ((gate.name, no), *further.noes))

    def _refuse(self, gate: Gate, target: str) -> Iterator[_Trace]:
        """The manners in which a gate says no, and where that leads."""
        for no, way in gate.ways().items():
            marks, noes = self._said(gate, "no", target), ((gate.name, no),)
            if isinstance(way, Gate):
                further: Iterator[_Trace] | list[_Trace] = self._refuse(way, target)
            elif isinstance(way, Edge):
                further = list(self._along(self.flow.route_of[way]))
            else:
                further = [] if way is None else [_Trace((), (), way.name, ())]
            for trace in further:
                yield _Trace((*marks, *trace.marks), (*noes, *trace.noes), trace.target, (*noes, *trace.known_by))

    def _said(self, gate: Gate, what: Literal["yes", "no"], target: str) -> tuple[Mark, ...]:
        return (Mark(what, gate.name, target),) if gate.name in self._gates else ()


def _joined(passings: Sequence[Passing]) -> tuple[tuple[Mark, ...], Noes]:
    return tuple(mark for one in passings for mark in one.marks), tuple(no for one in passings for no in one.noes)


def _verdicts(end: End) -> tuple[str, ...]:
    return (end.verdict,) if end.succeeds_if is None else ("success", "failed")
