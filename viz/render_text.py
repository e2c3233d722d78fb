"""A diagram as plain text, for terminals: each node with what is told about it, and its edges in the order tried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from .looks import EDGES, look
from .model import Diagram, Edge, Node
from .words import NAME, shown

_GATES = ("approval", "policy")


def render_text(diagram: Diagram) -> str:
    """The diagram as text.

    Args:
        diagram: the diagram.
    """
    outline = _Outline(diagram)
    lines = [shown(diagram.title, NAME), " · ".join(shown(fact, NAME) for fact in diagram.facts)]
    for node in diagram.nodes:
        if node.kind not in _GATES:
            lines += ["", *outline.node(node)]
    return "".join(f"{line.rstrip()}\n" for line in lines)


class _Outline:
    def __init__(self, diagram: Diagram) -> None:
        self.nodes = {node.key: node for node in diagram.nodes}
        self.edges: dict[str, list[Edge]] = defaultdict(list)
        for edge in diagram.edges:
            self.edges[edge.source].append(edge)

    def node(self, node: Node) -> Iterator[str]:
        """A node, what is told about it, and its edges."""
        yield _head(node)
        yield from _said(node, "    ")
        for edge in self.edges[node.key]:
            yield from self.edge(edge, "  ", ())

    def edge(self, edge: Edge, indent: str, above: tuple[str, ...]) -> Iterator[str]:
        """An edge; the gate that it leads to stands beneath it, once on each way down."""
        order = "" if edge.order is None else f"{edge.order}. "
        words = shown(" ".join(edge.words))
        target = self.nodes[edge.target]
        yield f"{indent}{order}{words}{' ' if words else ''}{EDGES[edge.kind].text} {_name(target)}"
        if target.kind in _GATES and target.key not in above:
            yield from _said(target, f"{indent}      ")
            for further in self.edges[target.key]:
                yield from self.edge(further, f"{indent}    ", (*above, target.key))


def _name(node: Node) -> str:
    word = look(node).word
    name = shown(node.name, NAME)
    return f"[{word} {name}]" if node.kind in (*_GATES, "end") else name


def _head(node: Node) -> str:
    name = shown(node.name, NAME)
    if node.kind == "start":
        return name
    marks = "".join(f" [{shown(mark.text)}]" for mark in node.marks)
    return f"{name} ({'end, ' if node.kind == 'end' else ''}{look(node).word}){marks}"


def _said(node: Node, indent: str) -> Iterator[str]:
    if node.kind in _GATES:
        yield from (f"{indent}{shown(mark.text)}" for mark in node.marks)
    yield from (f"{indent}{shown(line.text)}" for line in node.lines)
    for part in node.parts:
        word = "" if part.kind == "tool" else f"{part.kind} "
        yield f"{indent}{word}{shown(part.name, NAME)}{''.join(f' [{shown(mark.text)}]' for mark in part.marks)}"
        yield from (f"{indent}    {shown(line.text)}" for line in part.lines)
