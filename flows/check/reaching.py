"""What else is asked of the product: whether a row's end can be reached, and whether a no is passed by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ...guards.expressions import Formula
from ..monitors import Happening, Mark
from .arcs import Arc
from .graph import Graph
from .product import Feasible, Proved, Refuted, Undecided, Way, reach


class Indifferent:
    """An automaton to which nothing is wrong."""

    def __init__(self) -> None:
        self.names: frozenset[tuple[Happening, str]] = frozenset()
        self.conditions: Mapping[str, Formula] = {}

    def minds(self, mark: Mark) -> bool:  # it looks at nothing
        """See ``Automaton.minds``."""
        return False

    def run(self, state: int, marks: Iterable[Mark]) -> tuple[int, bool]:  # as above
        """See ``Automaton.run``."""
        return state, False


class NoStands:
    """An automaton for which a node may not start behind a no about it, before a gate that decides about it says yes.

    Args:
        graph: the flow's graph.
        node: the node.
    """

    def __init__(self, graph: Graph, node: str) -> None:
        self.node = node
        self.conditions: Mapping[str, Formula] = {}
        kinds: tuple[Happening, ...] = ("yes", "no")
        said: set[tuple[Happening, str]] = {(kind, gate) for gate in graph.flow.gates for kind in kinds}
        said.add(("start", node))
        self.names: frozenset[tuple[Happening, str]] = frozenset(said)

    def minds(self, mark: Mark) -> bool:
        """See ``Automaton.minds``."""
        return (mark.kind, mark.name) in self.names

    def run(self, state: int, marks: Iterable[Mark]) -> tuple[int, bool]:
        """See ``Automaton.run``; in state 1 there was a no, and no yes since."""
        bad = False
        for mark in marks:
            if mark.kind in ("yes", "no") and mark.verdict == self.node:
                state = int(mark.kind == "no")
            elif mark.kind == "start" and mark.name == self.node:
                bad = bad or bool(state)
        return state, bad


Said = Callable[[Way], Feasible]
"""What is said of a way: ``feasible`` with the graph and its symbols bound, and carried out by whoever asks."""


def gap(
    graph: Graph, no_way: Arc, feasible: Said | None = None, *, failing: bool = True
) -> Proved | Refuted | Undecided:
    """Whether a run can come to a row and take none of its edges.

    Args:
        graph: the flow's graph.
        no_way: the arc of such a run, as ``feasible.no_way(source)`` gives it; its source may be in a branch.
        feasible: what is said of a way that ends with that arc: ``feasible(graph, symbols, way.path)`` asks that no
            edge passes there, besides all that must hold on the way.
        failing: whether ways are looked at on which something fails.

    Returns:
        Proved: no run can; Refuted: a shortest path, with what ``feasible`` said of it; Undecided: nobody could tell.
    """
    if any(route.match is None and not route.conditions for route in graph.flow.rows.get(no_way.source, ())):
        return Proved(0)
    return reach(graph, Indifferent(), feasible=feasible, failing=failing, sought=no_way)


def after_no(
    graph: Graph, node: str, feasible: Said | None = None, *, failing: bool = True
) -> Proved | Refuted | Undecided:
    """Whether a node can start after a gate said no about it, before any gate that decides about it says yes.

    A gate decides about the target of its edge, and so does one that its noes lead to; what the same gate says on an
    edge to another node is about that one. A policy's no counts as a person's, and so does a time that ran out.

    Args:
        graph: the flow's graph.
        node: the node.
        feasible: what is said of a way to it.
        failing: whether ways are looked at on which something fails.

    Returns:
        Proved: no run can; Refuted: a shortest path, with what ``feasible`` said of it; Undecided: nobody could tell.
    """
    return reach(graph, NoStands(graph, node), feasible=feasible, failing=failing)
