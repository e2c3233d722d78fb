"""The neutral diagram: what is drawn, whatever it was made from and whatever renders it.

Text in here may be anyone's: renderers make it visible and cut it (``words.py``) and escape it for their format.
Nodes and edges are known by keys; renderers give them names of their own, so that no text can become one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal[
    "start", "compute", "think", "tool", "act", "ask", "each", "subflow", "fork", "join", "approval", "policy", "end",
    "anywhere",
]  # fmt: skip
"""What a node is; ``anywhere`` is the box of what holds at every step: the budget and the flow's own ways.

``fork`` and ``join`` are where an ``all_of`` fans out and comes together; ``subflow`` is a flow drawn closed.
"""

EdgeKind = Literal["step", "failed", "ended", "branch", "yes", "no", "anywhere"]
"""What an edge is: taken after an outcome ok, a failed one, or an end of a subflow; a branch of a fork; a gate's yes,
a gate's no; or from any step."""

ClusterKind = Literal["frame", "region", "subflow", "each"]
"""What a frame is around: anything, the branches of an ``all_of``, a flow as a node, a flow for every item."""

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
        source: the key of the node, or of the cluster, that it leaves.
        target: the key of the node, or of the cluster, that it enters.
        kind: what it is.
        order: its place in the order tried, where the source has more than one edge; of a branch, the place in
            which it is merged.
        words: its guards, a line each.
        steps: at which steps of the path that is traced it is taken, from 1; empty where it is not on it.
    """

    source: str
    target: str
    kind: EdgeKind = "step"
    order: int | None = None
    words: tuple[str, ...] = ()
    steps: tuple[int, ...] = ()


@dataclass(frozen=True)
class Cluster:
    """A frame around nodes.

    Args:
        key: what it is known by.
        title: its title.
        parent: the key of the cluster that it stands in.
        kind: what it is around.
        lines: what is told about it.
        entry: the key of the node in it that an edge into it leads to first; None where no edge leads to it.
    """

    key: str
    title: str
    parent: str | None = None
    kind: ClusterKind = "frame"
    lines: tuple[Line, ...] = ()
    entry: str | None = None


@dataclass(frozen=True)
class Diagram:
    """A picture, before it is rendered.

    Args:
        title: what it shows.
        facts: what is told beneath the title.
        nodes: the boxes, in the order in which a reader meets them.
        edges: the arrows, in the order tried.
        clusters: the frames, outer ones first.
        traced: the keys of the nodes and clusters on the path that is traced, in its order.
        told: what the path shows, a line each; told beside the picture.
    """

    title: str
    facts: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    traced: tuple[str, ...] = ()
    told: tuple[Line, ...] = ()

    @cached_property
    def names(self) -> dict[str, str]:
        """The name that renderers give each node, by its key: ``n0``, ``n1``, ..."""
        return {node.key: f"n{place}" for place, node in enumerate(self.nodes)}

    @cached_property
    def frames(self) -> dict[str, str]:
        """The name that renderers give each cluster, by its key: ``c0``, ``c1``, ..."""
        return {item.key: f"c{place}" for place, item in enumerate(self.clusters)}

    @cached_property
    def called(self) -> dict[str, Node | Cluster]:
        """The nodes and the clusters, by their keys."""
        found: dict[str, Node | Cluster] = {item.key: item for item in self.clusters}
        return found | {item.key: item for item in self.nodes}
