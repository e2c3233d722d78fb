"""A diagram as plain text, for terminals: each node with what is told about it, and its edges in the order tried.

What stands within something is indented: a gate beneath the edge that it stands on, a flow beneath the node that
holds it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from .looks import EDGES, FRAMES, look
from .model import Cluster, Diagram, Edge, Node
from .words import NAME, shown

_ON_EDGES = ("approval", "policy", "fork", "join")
"""What is told on the edges that lead to it."""

_STEP = "    "


def render_text(diagram: Diagram) -> str:
    """The diagram as text.

    Args:
        diagram: the diagram.
    """
    outline = _Outline(diagram)
    told = [shown(line.text, 1200) for line in diagram.told]
    facts = " · ".join(shown(fact, NAME) for fact in diagram.facts)
    lines = [shown(diagram.title, NAME), facts, *told, *outline.within(None)]
    return "".join(f"{line.rstrip()}\n" for line in lines)


class _Outline:
    def __init__(self, diagram: Diagram) -> None:
        self.called = diagram.called
        self.frames = {item.key: item for item in diagram.clusters}
        self.edges: dict[str, list[Edge]] = defaultdict(list)
        for edge in diagram.edges:
            self.edges[self.teller(edge)].append(edge)
        self.held: dict[str | None, dict[str, Node | Cluster]] = defaultdict(dict)
        for node in diagram.nodes:
            self.hold(node)

    def teller(self, edge: Edge) -> str:
        """What an edge is told at: its source; for one that leaves an end of a flow, the frame of that flow."""
        source = self.called[edge.source]
        if isinstance(source, Node) and edge.kind == "ended" and source.kind == "end":
            return source.cluster or source.key
        return source.key

    def hold(self, node: Node) -> None:
        """Notes in what frames a node is told; regions are told on edges."""
        item: Node | Cluster = node
        above = node.cluster
        while above is not None:
            frame = self.frames[above]
            if frame.kind != "region":
                self.held[above].setdefault(item.key, item)
                item = frame
            above = frame.parent
        self.held[None].setdefault(item.key, item)

    def within(self, frame: str | None) -> Iterator[str]:
        """What stands in a frame, or in none."""
        for item in self.held[frame].values():
            if isinstance(item, Cluster):
                yield from ("", *self.cluster(item))
            elif item.kind not in _ON_EDGES:
                yield from ("", *self.node(item))

    def node(self, node: Node) -> Iterator[str]:
        """A node, what is told about it, and its edges."""
        yield _head(node)
        yield from _said(node, _STEP)
        for edge in self.edges[node.key]:
            yield from self.edge(edge, "  ", ())

    def cluster(self, item: Cluster) -> Iterator[str]:
        """A frame, what is told about it, the edges that leave it as a whole, and what is in it."""
        word = FRAMES[item.kind].word
        yield f"{shown(item.title, NAME)}{f' ({word})' if word else ''}"
        yield from (f"{_STEP}{shown(line.text)}" for line in item.lines)
        for edge in sorted(self.edges[item.key], key=lambda edge: edge.order or 0):
            yield from self.edge(edge, "  ", ())
        yield from (f"{_STEP}{line}" if line else "" for line in self.within(item.key))

    def edge(self, edge: Edge, indent: str, above: tuple[str, ...]) -> Iterator[str]:
        """An edge; the gate or the fork that it leads to stands beneath it, once on each way down."""
        order = "" if edge.order is None else f"{edge.order}. "
        words = shown(" ".join(edge.words))
        target = self.called[edge.target]
        steps = f"[step {', '.join(map(str, edge.steps))}] " if edge.steps else ""
        yield f"{indent}{steps}{order}{words}{' ' if words else ''}{EDGES[edge.kind].text} {self.name(target)}"
        if isinstance(target, Node) and target.kind in _ON_EDGES and target.kind != "join" and target.key not in above:
            yield from _said(target, f"{indent}      ")
            for further in self.edges[target.key]:
                yield from self.edge(further, f"{indent}{_STEP}", (*above, target.key))

    def name(self, item: Node | Cluster, above: tuple[str, ...] = ()) -> str:
        """What a target is called on an edge; behind a join, what comes after it."""
        if isinstance(item, Cluster):
            return shown(item.title, NAME)
        name = shown(item.name, NAME)
        if item.kind == "join" and item.key not in above:
            after = [self.name(self.called[edge.target], (*above, item.key)) for edge in self.edges[item.key]]
            return " -> ".join([f"[{name}]", *after])
        word = look(item).word
        if item.kind not in (*_ON_EDGES, "end"):
            return name
        return f"[{name}]" if item.kind in ("fork", "join") else f"[{word} {name}]"


def _head(node: Node) -> str:
    name = shown(node.name, NAME)
    if node.kind == "start":
        return name
    marks = "".join(f" [{shown(mark.text)}]" for mark in node.marks)
    return f"{name} ({'end, ' if node.kind == 'end' else ''}{look(node).word}){marks}"


def _said(node: Node, indent: str) -> Iterator[str]:
    if node.kind in _ON_EDGES:
        yield from (f"{indent}{shown(mark.text)}" for mark in node.marks)
    yield from (f"{indent}{shown(line.text)}" for line in node.lines)
    for part in node.parts:
        word = "" if node.kind == "act" and part.kind == "tool" else f"{part.kind} "
        yield f"{indent}{word}{shown(part.name, NAME)}{''.join(f' [{shown(mark.text)}]' for mark in part.marks)}"
        yield from (f"{indent}    {shown(line.text)}" for line in part.lines)
