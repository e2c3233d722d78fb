"""F507, the ends table: for each end, which effects have surely, possibly, or never happened when a run comes there.

An effect is a tool that is ``once`` or where stakes are high. An ok outcome has done it; a failed one may have,
unless the edge that it takes is for failures which prove that nothing was done.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from ...guards.outcomes import Failed, dotted
from ...nodes.act import Act
from ...nodes.context import NotSent, ToolError
from ...nodes.node import Node
from ...nodes.tool import Tool
from ..each import Each
from ..subflow import Subflow
from .arcs import Arc
from .graph import Graph
from .report import Happened
from .spread import Bits, Spread

_PROVE = frozenset({"declined", "timeout", "rate_limited", "unavailable", "invalid_input"})
"""Categories in which a call of a ``once`` tool only ends where it is proved that nothing was done; what is not
proved is ``unknown_effect``, and what failed behind the call, ``invalid_output`` or ``bug``."""


class Effects:
    """What has happened at each place of a flow.

    Args:
        graph: the flow's graph.

    Attributes:
        names: the effects, in the order found; those of a flow or an act by ``node/tool``.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names: list[str] = []
        self._inner: dict[str, Effects] = {}
        self._bits: dict[str, int] = {}
        for name in graph.nodes:
            self._bits[name] = self._named(name, graph.flow.nodes[name])

    @cached_property
    def spread(self) -> Spread:
        """What has happened, and may have, at each place."""
        return Spread(self.graph, self._along)

    def _named(self, name: str, node: Node[..., Any]) -> int:
        """Gives the effects of a node their bits."""
        found: list[str] = []
        inner = self.graph.nested(node)
        if inner is not None:
            self._inner[name] = effects(inner)
            found = [f"{name}/{item}" for item in self._inner[name].names]
        elif isinstance(node, Act):
            found = [f"{name}/{tool.name}" for tool in node.tools if acts(tool)]
        elif isinstance(node, Each) and node.inner is not None and acts(node.inner):
            found = [f"{name}/{node.inner.name}"]
        elif acts(node):
            found = [name]
        first = len(self.names)
        self.names += found
        return ((1 << len(found)) - 1) << first

    def _along(self, arc: Arc, at: Bits) -> Bits:
        may, must = self._done(arc)
        return Bits(at.may | may, at.must | must)

    def _done(self, arc: Arc) -> Bits:
        """What the source of an arc has done when it takes it."""
        own = self._bits.get(arc.source, 0)
        if not own:
            return Bits()
        node = self.graph.flow.nodes[arc.source]
        if isinstance(node, Subflow):
            return self._inside(arc, own)
        if isinstance(node, Tool) and arc.on == "ok":
            return Bits(own, own)
        if isinstance(node, Tool) and arc.source not in self.graph.raising and proves_nothing_done(node, arc):
            return Bits()
        return Bits(own)

    def _inside(self, arc: Arc, own: int) -> Bits:
        """What a subflow has done that came to one of an arc's ends."""
        inner, first = self._inner[arc.source], (own & -own).bit_length() - 1
        came = [found for end, _ in arc.ends if (found := inner.spread.at(end)) is not None]
        if not came:
            return Bits(own)
        may, must = 0, own >> first
        for found in came:
            may, must = may | found.may, must & found.must
        return Bits(may << first, must << first)

    def table(self) -> dict[str, dict[str, Happened]]:
        """For each end that a run can reach, what has become of each effect."""
        if not self.names:
            return {}
        found: dict[str, dict[str, Happened]] = {}
        for end in self.graph.flow.ends:
            bits = self.spread.at(end)
            if bits is not None:
                found[end] = {name: _word(bits, 1 << place) for place, name in enumerate(self.names)}
        return found


def _word(bits: Bits, bit: int) -> Happened:
    return "surely" if bits.must & bit else "possibly" if bits.may & bit else "never"


def effects(graph: Graph) -> Effects:
    """What has happened at each place of a flow, looked for once.

    Args:
        graph: the flow's graph.
    """
    if graph.happened is None:
        graph.happened = Effects(graph)
    return graph.happened


def acts(node: Node[..., Any]) -> bool:
    """Whether a node does something to the world that is not to be done twice, or where stakes are high.

    Args:
        node: the node.
    """
    return isinstance(node, Tool) and (node.effect == "once" or node.stakes == "high")


def proves_nothing_done(tool: Tool[..., Any], arc: Arc) -> bool:
    """Whether a failed call that takes an edge has surely done nothing, as far as this run goes.

    A call under a business key may find another run's under way, or of unknown end: it proves nothing.

    Args:
        tool: the source.
        arc: one of its.
    """
    match = None if arc.row is None else arc.row.match
    if arc.on != "failed" or not isinstance(match, Failed) or tool.effect != "once" or tool.key is not None:
        return False
    proofs = {dotted(cls) for cls in (*tool.not_done, ToolError, NotSent)}
    named = [*match.types, *match.categories]
    return bool(named) and all(item in proofs or item in _PROVE for item in named)


def tools_of(node: Node[..., Any]) -> Iterator[Tool[..., Any]]:
    """The tools that a node calls itself: it is one, an act of some, or an each of one.

    Args:
        node: the node.
    """
    if isinstance(node, Act):
        yield from node.tools
    elif isinstance(node, Tool):
        yield node
    elif isinstance(node, Each) and isinstance(node.inner, Tool):
        yield node.inner
