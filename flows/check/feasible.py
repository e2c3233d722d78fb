"""Whether a run can go along a path: what must hold on it, with a version of a field for each time it is written.

The first versions are the input's, and free. An ok step gives its fields new versions, of which its return type is
known; a failed one leaves the state as it was. On each edge its own conditions have passed and those of the edges
before it have not; a limit counts how often the path takes its edges. What gates and policies say is free. What a
flow inside, the items of an each, the calls of an act and the siblings of a branch do is not followed: what they may
write is new and of any value, so that a path that is called impossible is impossible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ...guards.evaluation import holds
from ...guards.expressions import And, Expr, Formula, Opaque, conjunction, walk
from ...guards.limits import Limit
from ...guards.outcomes import Failed
from ...guards.rules import reads_of
from ...guards.symbolic import Logic, Sat, Symbols, Unsat
from ...nodes.annotations import spread
from ...nodes.node import Node
from ...nodes.signature import MISSING
from ...nodes.think import Think
from ..each import Each
from ..rows import Route
from ..subflow import Subflow
from .arcs import HUBS, NO_CASE, Arc
from .endings import covers, is_for
from .graph import Graph
from .values import always_has

Clue = tuple[int, "Formula | Limit", bool]
"""What is so on a path: which arc of it, a condition or a limit, and whether that passes or does not."""

Update = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Feasible:
    """Whether a run can go along a path.

    Args:
        state: ``no`` is proved; ``yes`` is what the solver believes, to be carried out; ``unknown`` what it did not
            find out, or found only for a path on which something is not followed.
        input: values of the input; a field of which nothing is asked is not among them.
        values: for each arc what its source writes, by field.
        core: for ``no``: what cannot be together, each a single condition.
    """

    state: Literal["yes", "no", "unknown"]
    input: Update = field(default_factory=dict[str, Any])
    values: tuple[Update, ...] = ()
    core: tuple[Clue, ...] = ()


def feasible(
    graph: Graph,
    symbols: Symbols,
    path: Sequence[Arc],
    goal: Formula | None = None,
    claims: Sequence[tuple[int, Formula, bool]] = (),
) -> Feasible:
    """Whether a run can go along a path, and what is to be written on it so that it does.

    Args:
        graph: the flow's graph.
        symbols: of the flow's state.
        path: arcs from START, each from where the one before it leads.
        goal: what shall be known to be true at its end.
        claims: conditions that shall be known to be true, or not, where an arc leads: which arc, and whether.
    """
    walk = _Walk(graph, symbols)
    for place, arc in enumerate(path):
        walk.take(place, arc)
        for at, tree, passes in claims:
            if at == place:
                walk.ask(place, tree, passes=passes)
    if walk.used_up is not None:
        return Feasible("no", core=walk.used_up)
    if goal is not None:
        walk.ask(len(path), goal, passes=True)
    return walk.answer(len(path))


class _Walk:
    """What is known along a path."""

    def __init__(self, graph: Graph, symbols: Symbols) -> None:
        self.graph, self.flow, self.symbols = graph, graph.flow, symbols
        self.kept = graph.values
        self.versions: dict[str, int] = {}
        self.written: list[dict[str, int]] = []
        self.wanted: dict[Any, Logic] = {}
        self.asked: list[tuple[Formula, dict[str, int], bool]] = []
        self.counts: dict[Limit, list[int]] = {}
        self.followed = True
        self.used_up: tuple[Clue, ...] | None = None
        self.forked = False

    def take(self, place: int, arc: Arc) -> None:
        """Goes along an arc."""
        before = dict(self.versions)
        self._write(place, arc)
        self.written.append({name: at for name, at in self.versions.items() if before.get(name, 0) != at})
        routes = self.flow.rows.get(arc.source, ())
        if arc.on == "ok" and arc.row is None:  # no edge passes
            for route in routes:
                if _tried(route, arc):
                    self._not_passed(place, route, limits=arc.target != NO_CASE)
        elif arc.row is not None and arc.on != "head":
            self._passed(place, arc, routes)
            for gate, _ in (
                arc.noes if arc.on in ("ok", "failed") else ()
            ):  # a gate that is exempt there says no to nothing
                unless = getattr(self.flow.gates.get(gate), "unless", None)
                if unless is not None:
                    self.ask(place, unless, passes=False)
        self.forked = self.forked or arc.on == "head"
        for limit in arc.limits:
            self.counts.setdefault(limit, []).append(place)
        self._leave_region(place, arc)

    # what is written

    def _write(self, place: int, arc: Arc) -> None:
        """Gives the fields that the source of an arc may have written new versions."""
        node = self.flow.nodes.get(arc.source)
        if node is None or arc.source in HUBS or arc.on == "head":
            return
        names = self._writes(node)
        if arc.on == "ok" and not isinstance(node, Each | Subflow):
            types = surely(node)
            for name in names:
                self._new(place, name, types.get(name, MISSING))
                known = types.get(name, MISSING) is not MISSING and self.kept.stores(name) and not self.kept.whole
                self.followed = self.followed and known
        elif arc.on == "failed" and arc.source not in self.graph.raising and not isinstance(node, Each | Subflow):
            return  # the state is as it was
        elif arc.on != "refused" or node.kind == "act":
            self._unfollowed(place, names)

    def _writes(self, node: Node[..., Any]) -> tuple[str, ...]:
        fields = self.flow.state.model_fields
        written = tuple(name for name in node.written(self.flow.state) if name in fields)
        return tuple(fields) if written and self.kept.whole else written

    def _new(self, place: int, name: str, annotation: Any = MISSING) -> None:
        self.versions[name] = 1 + place  # one for each arc, so that the same path is asked about in the same words
        if annotation is not MISSING and self.kept.stores(name) and not self.kept.whole:
            self.wanted["type", place, name] = self.symbols.typed(name, self.versions[name], annotation)

    def _unfollowed(self, place: int, names: Sequence[str]) -> None:
        self.followed = self.followed and not names
        for name in names:
            self._new(place, name)

    def _leave_region(self, place: int, arc: Arc) -> None:
        """Where an arc leads out of a region, what any of its branches may have written is there."""
        for region in self.flow.regions.values():
            if arc.source in region.inside and arc.target not in region.inside:
                names = [name for inner in sorted(region.inside) if inner in self.flow.nodes
                         for name in self._writes(self.flow.nodes[inner])]  # fmt: skip
                self._unfollowed(place, list(dict.fromkeys(names)))
                self.followed = False

    # what has passed

    def _passed(self, place: int, arc: Arc, routes: Sequence[Route]) -> None:
        """The conditions of an edge have passed, and those of the edges before it that were tried have not."""
        assert arc.row is not None
        for route in routes:
            if route.id == arc.row.id:
                break
            if _tried(route, arc):
                self._not_passed(place, route)
        for item in arc.row.conditions:
            if isinstance(item, Limit):
                taken = self.counts.get(item, [])
                if len(taken) >= item.n and not self.forked:
                    self.used_up = self.used_up or tuple((at, item, True) for at in (*taken, place))
            else:
                self.ask(place, item, passes=True)

    def _not_passed(self, place: int, route: Route, *, limits: bool = True) -> None:
        """An edge was tried and did not pass: a limit on it is used up, or a condition is not known to be true."""
        counted = [item for item in route.conditions if isinstance(item, Limit)]
        if limits and (any(len(self.counts.get(item, ())) >= item.n for item in counted) or (counted and self.forked)):
            return
        conditions = [item for item in route.conditions if not isinstance(item, Limit)]
        if conditions:
            self.ask(place, conjunction(conditions), passes=False)
        else:
            self.used_up = self.used_up or tuple((place, item, False) for item in counted)

    def ask(self, place: int, tree: Formula, *, passes: bool) -> None:
        """A condition passes at an arc, or does not."""
        if passes and isinstance(tree, And):
            for item in tree.items:
                self.ask(place, item, passes=True)
            return
        versions = self._versions(tree)
        true = self.symbols.truth(tree, versions | {f"{name}()": place for name in functions(tree)}).true
        self.wanted[place, tree, passes] = true if passes else ~true
        self.asked.append((tree, versions, passes))

    def _versions(self, tree: Formula) -> dict[str, int]:
        return {name: self.versions.get(name, 0) for name in sorted(reads_of(tree, self.flow.state))}

    # what comes of it

    def answer(self, length: int) -> Feasible:
        """What the solver says."""
        found = self.symbols.solve(self.wanted)
        if isinstance(found, Unsat):
            keys: Any = found.core
            clues: list[Clue] = [key for key in keys if key[0] != "type"]
            return Feasible("no", core=tuple(sorted(clues, key=lambda clue: (clue[0], str(clue[1]), clue[2]))))
        if not isinstance(found, Sat):
            return Feasible("unknown")
        read = {(name, at): {name: at} for _, versions, _ in self.asked for name, at in versions.items()}
        best: Feasible | None = None
        for values in found.every(read):
            made = {spot: value[spot[0]] for spot, value in values.items() if spot[0] in value}
            followed = self.followed and all(self._confirmed(*item, made) for item in self.asked)
            updates = tuple(
                {name: made[name, at] for name, at in self.written[place].items() if (name, at) in made}
                for place in range(length)
            )
            first = {name: value for (name, at), value in made.items() if at == 0}
            best = best or Feasible("unknown", first, updates)
            if followed:
                return Feasible("yes", first, updates)
        return best or Feasible("unknown")

    def _confirmed(self, tree: Formula, versions: Mapping[str, int], passes: bool, made: Mapping[Any, Any]) -> bool:
        """Whether evaluation says of a condition what the solver does; what a named function says is not known."""
        if any(functions(tree)) or any((name, at) not in made for name, at in versions.items()):
            return False
        state = self.flow.state.model_construct(**{name: made[name, at] for name, at in versions.items()})
        return (holds(tree, state, self.flow.tools) is True) == passes


def functions(tree: Expr) -> Iterator[str]:
    """The names of an author's functions that a condition calls.

    Args:
        tree: the condition.
    """
    return (leaf.name for leaf in walk(tree) if isinstance(leaf, Opaque))


def _tried(route: Route, arc: Arc) -> bool:
    """Whether an edge was surely tried before another of its row, for the outcome of that one."""
    if arc.ends:
        surely = not isinstance(route.match, Failed) or not (route.match.types or route.match.categories)
        return surely and all(is_for(route, end) for end in arc.ends)
    if arc.on == "failed":
        return arc.row is not None and covers(route, arc.row)
    return route.match is None


def surely(node: Node[..., Any]) -> dict[str, Any]:
    """What a node writes whenever it does well, with the types of what it returns.

    Args:
        node: the node.
    """
    if node.kind == "act" or (isinstance(node, Think) and node.tools):
        return {}
    if node.writes is not None:
        return {node.writes: node.returns}
    found = {} if node.returns is MISSING else spread(node.returns) or {}
    return {name: annotation for name, annotation in found.items() if always_has(node.returns, name)}
