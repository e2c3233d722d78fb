"""The neutral diagram: what is drawn, whatever it was made from and whatever renders it.

Text in here may be anyone's: renderers make it visible and cut it (``words.py``) and escape it for their format.
Nodes and edges are known by keys; renderers give them names of their own, so that no text can become one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal["start", "compute", "think", "tool", "act", "ask", "approval", "policy", "end", "anywhere"]
"""What a node is; ``anywhere`` is the box of what holds at every step: the budget and the flow's own ways."""

EdgeKind = Literal["step", "failed", "yes", "no", "anywhere"]
"""What an edge is: taken after an outcome ok, after a failed one, a gate's yes, a gate's no, or from any step."""

Tone = Literal["plain", "quiet", "quote", "alert"]
"""How a line is said: as it is, in the background, as someone's words, or so that it is not missed."""

MarkKind = Literal["none", "idempotent", "once", "high", "exempt"]
"""What a mark marks: the three effects, high stakes, an exemption."""


@dataclass(frozen=True)
class Line:
    """A line of text in a node."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Mark:
    """A short mark that stands out.

    Args:
        kind: what it marks.
        text: its words.
    """

    kind: MarkKind
    text: str


@dataclass(frozen=True)
class Part:
    """A part of a node with marks and lines of its own: a tool of ``act``, or a gate of its tools.

    Args:
        name: its name.
        kind: what it is.
        marks: what must not be missed.
        lines: what is told about it.
    """

    name: str
    kind: Kind = "tool"
    marks: tuple[Mark, ...] = ()
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Node:
    """A box.

    Args:
        key: what it is known by, unique in the diagram.
        kind: what it is.
        name: its name, drawn large.
        lines: what is told about it, drawn small.
        marks: what must not be missed.
        parts: its parts, listed in it.
        verdict: of an end.
        cluster: the key of the cluster that it stands in.
    """

    key: str
    kind: Kind
    name: str
    lines: tuple[Line, ...] = ()
    marks: tuple[Mark, ...] = ()
    parts: tuple[Part, ...] = ()
    verdict: str | None = None
    cluster: str | None = None


@dataclass(frozen=True)
class Edge:
    """An arrow.

    Args:
        source: the key of the node that it leaves.
        target: the key of the node that it enters.
        kind: what it is.
        order: its place in the order tried, where the source has more than one edge.
        words: its guards, a line each.
    """

    source: str
    target: str
    kind: EdgeKind = "step"
    order: int | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cluster:
    """A frame around nodes.

    Args:
        key: what it is known by.
        title: its title.
        parent: the key of the cluster that it stands in.
    """

    key: str
    title: str
    parent: str | None = None


@dataclass(frozen=True)
class Diagram:
    """A picture, before it is rendered.

    Args:
        title: what it shows.
        facts: what is told beneath the title.
        nodes: the boxes, in the order in which a reader meets them.
        edges: the arrows, in the order tried.
        clusters: the frames, outer ones first.
    """

    title: str
    facts: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    clusters: tuple[Cluster, ...] = ()

    @cached_property
    def names(self) -> dict[str, str]:
        """The name that renderers give each node, by its key: ``n0``, ``n1``, ..."""
        return {node.key: f"n{place}" for place, node in enumerate(self.nodes)}
