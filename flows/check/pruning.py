"""What was learnt of paths that no run can go: conditions that are impossible together, which the search leaves out.

A condition that passed, or did not, is known until a field that it reads is written. What is impossible together is so
only for what the same nodes wrote, since a node's return type may be what makes it so; a limit is counted. In branches
nothing new is learnt of the fields: a branch sees nothing of its siblings, and what they write comes in at the join.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...guards.expressions import And, Formula, conjunction
from ...guards.limits import Limit
from ...guards.rules import reads_of
from ..each import Each
from ..rows import Route
from ..subflow import Subflow
from .arcs import HUBS, NO_CASE, Arc
from .endings import covers
from .feasible import Clue, functions
from .graph import Graph

Writer = tuple[str, str]
"""Who wrote a field last, and by which outcome; ``GIVEN`` at the beginning."""

GIVEN: Writer = ("", "given")

Literal = tuple[Formula, bool]
"""A condition that passes, or that does not."""


class Known(NamedTuple):
    """What is known in a state of the product, of what was learnt to matter.

    Args:
        held: the conditions that are known to pass, or not to.
        writers: for each field that matters, who wrote it last.
        counts: for each limit that matters, how often its edges were taken, up to its number.
    """

    held: frozenset[Literal] = frozenset()
    writers: tuple[Writer, ...] = ()
    counts: tuple[int, ...] = ()


class _Core(NamedTuple):
    """What is impossible together, where these wrote the fields that it reads."""

    literals: frozenset[Literal]
    writers: frozenset[tuple[str, Writer]]


class Pruning:
    """What was learnt so far.

    Args:
        graph: the flow's graph.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph, self.flow = graph, graph.flow
        self.cores: set[_Core] = set()
        self.literals: set[Literal] = set()
        self.fields: list[str] = []
        self.limits: list[Limit] = []

    @property
    def start(self) -> Known:
        """What is known where a run begins."""
        return Known(frozenset(), (GIVEN,) * len(self.fields), (0,) * len(self.limits))

    # learning

    def learn(self, path: Sequence[Arc], core: Sequence[Clue]) -> bool:
        """Takes why a path is not possible.

        Args:
            path: the path.
            core: what is impossible together on it.

        Returns:
            Whether that says anything new that the search can use.
        """
        limits = [item for _, item, passes in core if isinstance(item, Limit) and (passes or not self.flow.forks)]
        new = [limit for limit in dict.fromkeys(limits) if limit not in self.limits]
        self.limits += new
        literals = [(at, item, passes) for at, item, passes in core if not isinstance(item, Limit)]
        found = self._core(path, literals) if literals else None
        if found is None or found in self.cores:
            return bool(new)
        self.cores.add(found)
        self.literals |= found.literals
        read = {name for tree, _ in found.literals for name in reads_of(tree, self.flow.state)}
        self.fields += sorted(read - set(self.fields))
        return True

    def _core(self, path: Sequence[Arc], literals: Sequence[tuple[int, Formula, bool]]) -> _Core | None:
        """What is impossible in one state; None where fields were written in between, of which it says nothing."""
        wrote: dict[str, set[tuple[int, Writer]]] = {}
        for at, tree, _ in literals:
            for name in reads_of(tree, self.flow.state):
                wrote.setdefault(name, set()).add(self._written(path, at, name))
        if any(len(versions) > 1 for versions in wrote.values()):
            return None
        if any(path[at].on == "head" or (self.flow.forks and self._in_branch(path, at)) for at, _, _ in literals):
            return None
        writers = frozenset((name, writer) for name, versions in wrote.items() for _, writer in versions)
        return _Core(frozenset((tree, passes) for _, tree, passes in literals), writers)

    def _written(self, path: Sequence[Arc], at: int, name: str) -> tuple[int, Writer]:
        """Who wrote a field last before the conditions of an arc, and at which arc."""
        for place in range(min(at, len(path) - 1), -1, -1):
            for region, writer in self._behind_forks(path[place]):
                if name in region and place < at:
                    return place, writer
            if name in self._writes(path[place]):
                return place, (path[place].source, path[place].on)
        return -1, GIVEN

    def _in_branch(self, path: Sequence[Arc], at: int) -> bool:
        """Whether an arc of a path is in a branch: what is known there is not known of the run."""
        return any(path[at].source in region.inside for region in self.flow.regions.values())

    # following

    def after(self, known: Known, arcs: Sequence[Arc], claims: Sequence[Literal], *, branches: bool) -> Known | None:
        """What is known behind arcs; None where no run can take them.

        Args:
            known: what was known before.
            arcs: the arcs.
            claims: what the automaton takes to be so when the last of them is taken.
            branches: whether they are in branches.
        """
        if not self.fields and not self.limits:
            return known
        for place, arc in enumerate(arcs):
            known = self._overwritten(known, arc)
            follows = place == 0 and arc.on != "head"  # what is passed over may go another way
            now = set(self._said(arc)) if follows else set[Literal]()
            if place == len(arcs) - 1:
                now |= {one for claim in claims for one in _single(*claim)}
            if not self._possible(known, now) or (follows and self._used_up(arc, known)):
                return None
            if not branches and follows:
                kept = {one for one in now if one in self.literals and not any(functions(one[0]))}
                known = known._replace(held=known.held | kept)
            known = self._counted(known, arc) if follows else known
            for names, writer in self._behind_forks(arc):
                known = self._wrote(known, names, writer)
        return known

    def _possible(self, known: Known, now: set[Literal]) -> bool:
        """Whether what is known and what is said on an arc can be together."""
        if not now:
            return True
        held = known.held | now
        writers = dict(zip(self.fields, known.writers, strict=True))
        return not any(
            core.literals <= held and core.literals & now and all(writers[name] == by for name, by in core.writers)
            for core in self.cores
        )

    def _said(self, arc: Arc) -> Iterator[Literal]:
        """The conditions that pass on an arc, and those of the edges before it that do not."""
        routes = self.flow.rows.get(arc.source, ())
        for route in routes:
            if arc.row is not None and route.id == arc.row.id:
                break
            if arc.row is None and arc.on != "ok":
                break
            if _tried(route, arc):
                conditions = [item for item in route.conditions if not isinstance(item, Limit)]
                if conditions and (len(conditions) == len(route.conditions) or arc.target == NO_CASE):
                    yield conjunction(conditions), False
        if arc.row is not None:
            for item in arc.row.conditions:
                if not isinstance(item, Limit):
                    yield from _single(item, True)

    def _used_up(self, arc: Arc, known: Known) -> bool:
        """Whether a limit on an arc is used up, or one of an edge before it, which has nothing else, is not."""
        counts = dict(zip(self.limits, known.counts, strict=True))
        if any(limit in counts and counts[limit] >= limit.n for limit in arc.limits):
            return True
        if self.flow.forks or arc.row is None:
            return False
        for route in self.flow.rows.get(arc.source, ()):
            if route.id == arc.row.id:
                return False
            if _tried(route, arc) and route.conditions and all(
                isinstance(item, Limit) and item in counts and counts[item] < item.n for item in route.conditions
            ):  # fmt: skip
                return True
        return False

    def _counted(self, known: Known, arc: Arc) -> Known:
        counts = tuple(
            min(limit.n, count + arc.limits.count(limit))
            for limit, count in zip(self.limits, known.counts, strict=True)
        )
        return known._replace(counts=counts)

    # writes

    def _overwritten(self, known: Known, arc: Arc) -> Known:
        """The facts that read a field are dropped when it is written."""
        return self._wrote(known, self._writes(arc), (arc.source, arc.on))

    def _wrote(self, known: Known, names: frozenset[str], writer: Writer) -> Known:
        if names.isdisjoint(self.fields):
            return known
        model = self.flow.state
        held = frozenset(one for one in known.held if names.isdisjoint(reads_of(one[0], model)))
        writers = tuple(writer if name in names else by for name, by in zip(self.fields, known.writers, strict=True))
        return Known(held, writers, known.counts)

    def _writes(self, arc: Arc) -> frozenset[str]:
        """The fields that the source of an arc may have written."""
        node = self.flow.nodes.get(arc.source)
        if node is None or arc.source in HUBS or arc.on == "head":
            return frozenset()
        if arc.on == "failed" and arc.source not in self.graph.raising and not isinstance(node, Each | Subflow):
            return frozenset()
        return self._of_node(arc.source)

    def _of_node(self, name: str) -> frozenset[str]:
        node = self.flow.nodes.get(name)
        written = () if node is None else node.written(self.flow.state)
        return frozenset(self.flow.state.model_fields) if written and self.graph.values.whole else frozenset(written)

    def _behind_forks(self, arc: Arc) -> Iterator[tuple[frozenset[str], Writer]]:
        """Where an arc leads to a fork: all that its branches may write, which anybody sees only where they join."""
        region = self.flow.regions.get(arc.target)
        if region is not None:
            names = frozenset[str]().union(*(self._of_node(inner) for inner in region.inside))
            yield names, (arc.target, "branches")


def _single(tree: Formula, passes: bool) -> Iterator[Literal]:
    """A condition as single ones: all of an "and" that passes do."""
    if passes and isinstance(tree, And):
        for item in tree.items:
            yield from _single(item, passes)
    else:
        yield tree, passes


def _tried(route: Route, arc: Arc) -> bool:
    """Whether an edge was surely tried before another of its row."""
    if arc.on == "failed":
        return arc.row is not None and covers(route, arc.row)
    return route.match is None and not arc.ends
