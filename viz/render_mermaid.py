"""A diagram in Mermaid, in its plainest syntax: classic shapes, quoted labels, links, classes.

Text stands in quotes with all but letters, digits and a few harmless marks as ``#NN;`` codes, so that nothing in it
can end a label, open a tag, or be a directive. Links and nodes go by names that no text can be.
"""

from __future__ import annotations

from .looks import EDGES, INK, look
from .model import Diagram, Edge, Node
from .words import NAME, shown, wrapped

_HARMLESS = frozenset(" .,()=+-/_!?")
_BLANK = "#160;"  # Mermaid takes no empty label
_WIDTH = 40


def render_mermaid(diagram: Diagram) -> str:
    """The diagram as a Mermaid flowchart.

    Args:
        diagram: the diagram.
    """
    title = _text(" · ".join([shown(diagram.title, NAME), *(shown(fact, NAME) for fact in diagram.facts)]))
    lines = ["flowchart TB", f'subgraph body["{title}"]', "direction TB"]
    lines += _inside(diagram, None)
    lines.append("end")
    lines += [_link(diagram, edge) for edge in diagram.edges]
    lines += _classes(diagram)
    for place, edge in enumerate(diagram.edges):
        lines.append(f"linkStyle {place} stroke:{EDGES[edge.kind].color},color:{INK}")
    return "\n".join(lines) + "\n"


def _inside(diagram: Diagram, parent: str | None) -> list[str]:
    """The nodes of a cluster, and its clusters."""
    lines = [_node(diagram.names[node.key], node) for node in diagram.nodes if node.cluster == parent]
    for place, item in enumerate(diagram.clusters):
        if item.parent == parent:
            lines += [f'subgraph c{place}["{_text(shown(item.title, NAME))}"]', *_inside(diagram, item.key), "end"]
    return lines


def _node(name: str, node: Node) -> str:
    looks = look(node)
    first = shown(node.name, NAME) if node.kind == "start" else f"{looks.word}: {shown(node.name, NAME)}"
    said = [first, *(mark.text for mark in node.marks), *(line.text for line in node.lines)]
    for part in node.parts:
        called = part.name if part.kind == "tool" else f"{part.kind} {part.name}"
        said.append(" / ".join([called, *(mark.text for mark in part.marks)]))
        said += [line.text for line in part.lines]
    before, after = looks.mermaid
    return f'{name}{before}"{_lines(said)}"{after}'


def _link(diagram: Diagram, edge: Edge) -> str:
    source, target = diagram.names[edge.source], diagram.names[edge.target]
    order = [] if edge.order is None else [f"{edge.order}."]
    words = [*order, *edge.words]
    said = f'|"{_lines([" ".join(words)])}"|' if words else ""
    return f"{source} {EDGES[edge.kind].mermaid}{said} {target}"


def _classes(diagram: Diagram) -> list[str]:
    """A class a look, given to its nodes."""
    members: dict[str, list[str]] = {}
    styles: dict[str, str] = {}
    for node in diagram.nodes:
        looks = look(node)
        high = any(mark.kind == "high" for mark in node.marks)
        called = f"{node.verdict or node.kind}{'High' if high else ''}Look"
        dashed = ",stroke-dasharray:4 3" if "dashed" in looks.style else ""
        ink = "#ffffff" if node.kind == "start" else INK
        width = 4 if high or looks.lines > 1 else looks.width
        styles[called] = f"fill:{looks.fill},stroke:{looks.line},color:{ink},stroke-width:{width:g}px{dashed}"
        members.setdefault(called, []).append(diagram.names[node.key])
    return [
        line
        for called, style in styles.items()
        for line in (f"classDef {called} {style}", f"class {','.join(members[called])} {called}")
    ]


def _lines(texts: list[str]) -> str:
    return "<br/>".join(_text(part) for text in texts for part in wrapped(text, _WIDTH))


def _text(text: str) -> str:
    safe = "".join(char if char.isalnum() or char in _HARMLESS else f"#{ord(char)};" for char in text)
    return safe if safe.strip() else _BLANK
