"""F603, retry against effect: a way back to a ``once`` call with the arguments that it had, and nobody asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import networkx as nx

from ...nodes.tool import Tool
from ..each import Each
from ..semantics import EXHAUSTED
from .arcs import Arc
from .effects import proves_nothing_done
from .graph import Graph, names_of, path_in, search, told
from .replay import seen
from .report import Finding

BEGIN = "\0begin"
"""Where a way begins: the node, before it is come back to."""


def repeated(graph: Graph) -> Iterator[Finding]:
    """F603: a ``once`` tool without a key that a run can come back to, nothing that it reads having been written.

    Each execution of a step is a call of its own: only ``key=`` makes the second one find the first.

    Args:
        graph: the flow's graph.
    """
    if graph.flow.state.__pydantic_decorators__.model_validators:
        return  # such a validator may change any field at each write
    unchanged: dict[frozenset[str], _Unchanged] = {}
    for name in graph.nodes:
        node = graph.flow.nodes[name]
        if isinstance(node, Tool) and node.effect == "once" and node.key is None:
            reads = frozenset(node.reads(graph.flow.state))
            if reads not in unchanged:
                unchanged[reads] = _Unchanged(graph, reads)
            cycle = unchanged[reads].back(node)
            if cycle:
                yield _finding(graph, node, cycle)


class _Unchanged:
    """The arcs on which some fields are not written, and what goes round by them.

    Args:
        graph: the flow's graph.
        reads: the fields.
    """

    def __init__(self, graph: Graph, reads: frozenset[str]) -> None:
        self.graph, self.reads = graph, reads
        parts = nx.strongly_connected_components(graph.digraph(self._kept))
        self.part = {name: number for number, part in enumerate(parts) for name in part}

    def _kept(self, arc: Arc) -> bool:
        """Whether an arc leads on without a write of one of the fields; the budget's way is taken but once."""
        if arc.target == EXHAUSTED:
            return False
        if arc.on == "head":
            branches = self.graph.levels.branches.get(arc.source, ())
            return not any(self._writes(name) for branch in branches for name in branch.out)
        held = isinstance(self.graph.flow.nodes.get(arc.source), Each)
        wrote = arc.on in ("ok", "refused") or held or bool(arc.ends)
        return not (wrote and self._writes(arc.source))

    def _writes(self, name: str) -> bool:
        node = self.graph.flow.nodes.get(name)
        return node is not None and not self.reads.isdisjoint(node.written(self.graph.flow.state))

    def back(self, node: Tool[..., Any]) -> tuple[Arc, ...]:
        """A shortest way from a node that may have acted back to it, by nobody's decision; empty where there is none.

        Args:
            node: the node.
        """
        part = self.part.get(node.name)

        def onward(place: str) -> Iterator[tuple[Arc, str]]:
            for arc in self.graph.out.get(node.name if place == BEGIN else place, ()) if place != node.name else ():
                asked = arc.target == node.name and arc.asked
                nothing = place == BEGIN and proves_nothing_done(node, arc)
                if self.part.get(arc.target) == part and not asked and not nothing and self._kept(arc):
                    yield arc, arc.target

        into = (arc for arc in self.graph.into.get(node.name, ()) if not arc.asked)
        if part is None or not any(self.part.get(arc.source) == part and self._kept(arc) for arc in into):
            return ()
        return path_in(search(BEGIN, onward), node.name)


def _finding(graph: Graph, node: Tool[..., Any], cycle: tuple[Arc, ...]) -> Finding:
    path = (*graph.path(node.name), *cycle)
    how = "is done" if cycle[0].on == "ok" else "may have been done"
    return Finding(
        "F603", "warning",
        f"{node.name!r} has effect='once', and when it {how} a run can come back to it: {told(cycle)}. Nothing on the "
        "way writes what it reads, and nobody is asked: it may do the same twice. Give it key=<what must happen only "
        "once>, lead the way past it, or put an approval on the edge back",
        cycle[-1].where or node.line, names_of(path), seen(graph, path),
    )  # fmt: skip
