"""F2, routing: the edges of each row cover every case that can be reached, and each of them can be taken.

Each row is looked at by itself first: by the types of the fields, and of what its source has just written. A case
without an edge is told only where a run can come to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...guards.endings import Ended
from ...guards.expressions import Formula
from ...guards.limits import Limit
from ...guards.outcomes import Failed
from ...guards.symbolic import Symbols
from ...nodes.sealing import shown
from ...nodes.signature import MISSING
from ..rows import START, Route
from ..subflow import Subflow
from .endings import Ending, covers, is_for
from .falling import Fallen, fallen
from .feasible import functions, surely
from .graph import Graph, names_of, told
from .oracles import Oracle, Oracles
from .partition import Values
from .report import TRUST, Finding, Proof


@dataclass(frozen=True)
class Row:
    """The edges that are tried for one outcome of a source, as far as it does well.

    Args:
        source: a node, or START.
        routes: the edges, in the order tried.
        oracle: says which of them can pass together.
        ends: for a subflow, the end to which it came.
        trusted: whether its conditions read what a function returned that nothing looks at when it runs.
    """

    source: str
    routes: tuple[Route, ...]
    oracle: Oracle
    ends: tuple[Ending, ...] = ()
    trusted: bool = False

    @cached_property
    def limited(self) -> tuple[int, ...]:
        """The edges that bear a limit, by place."""
        return tuple(place for place, route in enumerate(self.routes) if route.limits)

    @cached_property
    def open(self) -> bool | None:
        """Whether there is a state in which no edge passes though no limit is used up; None where that is open."""
        if any(not _conditions(route) for route in self.routes):
            return False
        return self.oracle.can((), range(len(self.routes)))

    def look(self) -> None:
        """Asks all that is asked of the row by itself: one after the other its questions are cheap."""
        _ = self.open
        for place in range(len(self.routes)):
            _is_hidden(self, place)
            _is_dead(self, place)
        _ = self.both

    @cached_property
    def both(self) -> tuple[Route, Route, Values] | None:
        """Two edges that lead to different places and can both pass, and a state in which they do."""
        return _both(self)

    def before(self, place: int) -> list[int]:
        """The edges before one that surely keep a run from it where they pass: those without a limit."""
        return [other for other in range(place) if other not in self.limited]


def cases(graph: Graph, symbols: Symbols) -> tuple[list[Finding], list[Proof]]:
    """All of F2.

    Args:
        graph: the flow's graph.
        symbols: of its state.
    """
    rows = list(rows_of(graph, symbols))
    for row in rows:
        row.look()
    bare = [name for name, _, routes in _outcomes(graph) if not routes]
    gaps = [(row, fallen(graph, symbols, row.source, row.ends)) for row in rows if row.open is not False]
    sound = [row for row in rows if all(gap.done is None for other, gap in gaps if other is row)]
    found = [
        *gaps_reached(gaps), *gaps_by_limits(graph, symbols, sound), *untakable(graph, rows), *shadowed(graph, rows),
        *order_matters(graph, rows), *gaps_undecided(graph, gaps),
    ]  # fmt: skip
    used_up = [item.path for item in found if item.code == "F202"]
    # a case that no run comes to may be one that only what a function declares to return rules out
    computes = any(node.kind == "compute" for node in graph.flow.nodes.values())
    trusted = any(row.trusted for row in rows) or (bool(gaps) and computes)
    return found, [_covered(gaps, [*(names_of(graph.path(name)) for name in bare), *used_up], trusted=trusted)]


def rows_of(graph: Graph, symbols: Symbols) -> Iterator[Row]:
    """The rows of a flow that a run can come to, one for each end of a subflow.

    Args:
        graph: the flow's graph.
        symbols: of its state.
    """
    oracles = Oracles(symbols)
    for name, end, mine in _outcomes(graph):
        node = graph.flow.nodes.get(name)
        types: dict[str, Any] = {}
        if node is not None and not graph.values.whole:
            types = {
                field: kind for field, kind in surely(node).items()
                if kind is not MISSING and field in graph.values.types and graph.values.stores(field)
            }  # fmt: skip
        if mine:
            reads = {field for route in mine for tree in _conditions(route) for field in tree.reads}
            trusted = node is not None and node.kind == "compute" and not reads.isdisjoint(types)
            oracle = oracles.of([_conditions(route) for route in mine], types)
            yield Row(name, mine, oracle, (end,) if end else (), trusted)


def _outcomes(graph: Graph) -> Iterator[tuple[str, Ending | None, tuple[Route, ...]]]:
    """What a source can come to that is no failure, and the edges for it: one for each end of a subflow."""
    for name in (START.name, *graph.nodes):
        routes, node = graph.flow.rows.get(name, ()), graph.flow.nodes.get(name)
        if not isinstance(node, Subflow):
            yield name, None, tuple(route for route in routes if not isinstance(route.match, Failed | Ended))
            continue
        for end in graph.ends.get(name, ()):
            if end[1] != "failed":
                yield name, end, tuple(route for route in routes if is_for(route, end))


def _conditions(route: Route) -> tuple[Formula, ...]:
    return tuple(item for item in route.conditions if not isinstance(item, Limit))


def gaps_reached(gaps: Sequence[tuple[Row, Fallen]]) -> Iterator[Finding]:
    """F201: a case without an edge, to which a path was carried out."""
    for row, gap in gaps:
        if gap.done is not None:
            state = {name: getattr(gap.done.state, name) for name in _reads(row)}
            by = told(gap.path[:-1]) or START.name
            yield Finding(
                "F201", "error",
                f"no edge of {row.source!r} is for {_state(state)}: a run that comes there ({by}) is stuck and "
                f"ends failed. {_WAY_OUT}",
                row.routes[0].line, names_of(gap.path[:-1]) or (START.name,),
                gap.done.example | {"state": shown(state)},
            )  # fmt: skip


def gaps_undecided(graph: Graph, gaps: Sequence[tuple[Row, Fallen]]) -> Iterator[Finding]:
    """F206: a case without an edge, to which no path was carried out, and of which none is known not to lead there."""
    for row, gap in gaps:
        if gap.done is None and gap.possible is not False:
            case = row.oracle.case((), range(len(row.routes)))
            state = f", such as {_state(case)}" if case else ""
            names = sorted({name for route in row.routes for tree in _conditions(route) for name in functions(tree)})
            said = f" where {_listed(names)} {'says' if len(names) == 1 else 'say'} no" if names else ""
            yield Finding(
                "F206", "warning",
                f"no edge of {row.source!r} may be for some states{state}{said}; whether a run comes to one was not "
                f"found out. {_WAY_OUT}",
                row.routes[0].line, names_of(gap.path[:-1]) or names_of(graph.path(row.source)),
            )  # fmt: skip


def gaps_by_limits(graph: Graph, symbols: Symbols, rows: Sequence[Row]) -> Iterator[Finding]:
    """F202: where limits are used up, a case is left without an edge."""
    for row in rows:
        rest = [place for place in range(len(row.routes)) if place not in row.limited]
        if not row.limited or any(not _conditions(row.routes[place]) for place in rest):
            continue
        state = row.oracle.case((), rest)
        gap = (
            Fallen(False)
            if row.oracle.can((), rest) is False
            else fallen(graph, symbols, row.source, row.ends, used_up=True)
        )
        if gap.possible is False:
            continue
        limits = {item.name or f"at_most({item.n})" for at in row.limited for item in row.routes[at].limits}
        path = names_of(gap.path[:-1]) or names_of(graph.path(row.source))
        case = f" for {_state(state)}" if state else ""
        yield Finding(
            "F202", "warning",
            f"once {_listed(sorted(limits), quoted=False)} is used up, no edge of {row.source!r} is left{case}: a run "
            f"that comes there then is stuck and ends failed. {_WAY_OUT}",
            row.routes[row.limited[-1]].line, path, None if gap.done is None else gap.done.example,
        )  # fmt: skip


def untakable(graph: Graph, rows: Sequence[Row]) -> Iterator[Finding]:
    """F203: an edge whose conditions are never true, by logic and by the types of what they read."""
    for row, place in _everywhere(rows, _is_dead):
        route, reads = row.routes[place], _listed(_reads(row, place))
        yield Finding(
            "F203", "warning",
            f"the edge '{route.id}' is never taken: no value of {reads} makes its conditions true "
            f"behind {row.source!r}. Change them, or take the edge out",
            route.line, names_of(graph.path(row.source)),
        )  # fmt: skip


def _everywhere(rows: Sequence[Row], holds: Callable[[Row, int], bool]) -> Iterator[tuple[Row, int]]:
    """The edges of which something holds in each row in which they are, of those of a subflow's ends."""
    found: dict[int, list[tuple[Row, int, bool]]] = {}
    for row in rows:
        for place, route in enumerate(row.routes):
            found.setdefault(id(route), []).append((row, place, holds(row, place)))
    for places in found.values():
        if all(so for _, _, so in places):
            yield places[0][:2]


def _is_dead(row: Row, place: int) -> bool:
    if not _conditions(row.routes[place]) or row.oracle.can((place,), row.before(place)):
        return False
    return row.oracle.can((place,), ()) is False


def _is_hidden(row: Row, place: int) -> bool:
    earlier = row.before(place)
    if not _conditions(row.routes[place]) or not earlier or row.oracle.can((place,), earlier) is not False:
        return False
    return not _is_dead(row, place)


def shadowed(graph: Graph, rows: Sequence[Row]) -> Iterator[Finding]:
    """F204: an edge whose cases are all taken by those before it; a bare target that is one is a careful author's."""
    for row, place in _everywhere(rows, _is_hidden):
        yield _shadowed(graph, row.routes[place], [row.routes[at] for at in row.before(place)])
    for source in (START.name, *graph.nodes):
        failing = [route for route in graph.flow.rows.get(source, ()) if isinstance(route.match, Failed)]
        for place, route in enumerate(failing):
            above = [other for other in failing[:place] if not other.conditions and covers(other, route)]
            if above:
                yield _shadowed(graph, route, above[:1])


def _shadowed(graph: Graph, route: Route, earlier: Sequence[Route]) -> Finding:
    told_of = _listed([f"'{other.id}'" for other in earlier], quoted=False)
    return Finding(
        "F204", "warning",
        f"the edge '{route.id}' is never tried: all that it is for is taken by {told_of} before it. "
        "Move it up, or take it out",
        route.line, names_of(graph.path(route.source)),
    )  # fmt: skip


def order_matters(graph: Graph, rows: Sequence[Row]) -> Iterator[Finding]:
    """F205: two edges that lead to different places can both pass, so that their order decides; one pair a row."""
    told_of: set[str] = set()
    for row in rows:
        found = row.both
        if found is not None and row.source not in told_of:
            told_of.add(row.source)
            first, second, state = found
            yield Finding(
                "F205", "fact",
                f"the order of the edges of {row.source!r} decides where {_state(state)} goes: '{first.id}' and "
                f"'{second.id}' both pass, and the first is taken",
                first.line, names_of(graph.path(row.source)),
            )  # fmt: skip


def _both(row: Row) -> tuple[Route, Route, Values] | None:
    for second, route in enumerate(row.routes):
        for first in range(second):
            other = row.routes[first]
            same = other.target is route.target and other.gates == route.gates
            mine, its = _conditions(route), _conditions(other)
            if same or not mine or not its or any(any(functions(tree)) for tree in (*mine, *its)):
                continue  # what a named function says is not known
            if row.oracle.can((second,), row.before(second)) is False:
                continue  # F204 tells it
            state = row.oracle.case((first, second), range(first))
            if state:
                return other, route, state
    return None


def _covered(gaps: Sequence[tuple[Row, Fallen]], others: Sequence[tuple[str, ...]], *, trusted: bool) -> Proof:
    """Whether every case of an ok outcome that a run can come to has an edge; other findings tell of other places."""
    text = "the edges of every row cover every case of an ok outcome that a run can come to"
    for row, gap in gaps:
        if gap.done is not None:
            return Proof(f"{text} (not so: {row.source!r}); {_WAY_OUT}", False, names_of(gap.path[:-1]))
    open_at = [names_of(gap.path[:-1]) for _, gap in gaps if gap.possible is not False] + list(others)
    if not open_at:
        return Proof(f"{text}, {TRUST}" if trusted else text, True)
    return Proof(f"{text} (open: {(open_at[0] or (START.name,))[-1]!r}); {_WAY_OUT}", None, open_at[0])


_WAY_OUT = "Add an edge for it, or end the row with a bare target"


def _reads(row: Row, place: int | None = None) -> list[str]:
    routes = row.routes if place is None else (row.routes[place],)
    return sorted({name for route in routes for tree in _conditions(route) for name in tree.reads})


def _state(values: Values) -> str:
    return ", ".join(f"{name} = {shown(value)!r}" for name, value in sorted(values.items()))


def _listed(names: Sequence[str], *, quoted: bool = True) -> str:
    words = [repr(name) if quoted else name for name in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "its fields"
