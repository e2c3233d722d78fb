"""A diagram in Mermaid, in its plainest syntax: classic shapes, quoted labels, links, classes.

Text stands in quotes with all but letters, digits and a few harmless marks as ``#NN;`` codes, so that nothing in it
can end a label, open a tag, or be a directive. Links and nodes go by names that no text can be.
"""

from __future__ import annotations

from .looks import EDGES, FRAMES, INK, PAPER, PATH, is_high, look
from .model import Cluster, Diagram, Edge, Node
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
    if diagram.told:
        title += "<br/>" + _lines([line.text for line in diagram.told])
    lines = ["flowchart TB", f'subgraph body["{title}"]', "direction TB"]
    lines += _inside(diagram, None)
    lines.append("end")
    lines += [_link(diagram, edge) for edge in diagram.edges]
    lines += _classes(diagram)
    for place, edge in enumerate(diagram.edges):
        color = f"{PATH},stroke-width:4px" if edge.steps else EDGES[edge.kind].color
        lines.append(f"linkStyle {place} stroke:{color},color:{INK}")
    return "\n".join(lines) + "\n"


def _inside(diagram: Diagram, parent: str | None) -> list[str]:
    """The nodes of a cluster, and its clusters."""
    lines = [_node(diagram.names[node.key], node) for node in diagram.nodes if node.cluster == parent]
    for item in diagram.clusters:
        if item.parent == parent:
            title = _lines([" ".join((FRAMES[item.kind].word, shown(item.title, NAME))).strip(), *_told(item)])
            lines += [f'subgraph {diagram.frames[item.key]}["{title}"]', *_inside(diagram, item.key), "end"]
    return lines


def _told(item: Cluster) -> list[str]:
    return [line.text for line in item.lines]


def _node(name: str, node: Node) -> str:
    looks = look(node)
    first = shown(node.name, NAME) if looks.ink == PAPER else f"{looks.word}: {shown(node.name, NAME)}"
    said = [first, *(mark.text for mark in node.marks), *(line.text for line in node.lines)]
    for part in node.parts:
        called = part.name if node.kind == "act" and part.kind == "tool" else f"{part.kind} {part.name}"
        said.append(" / ".join([called, *(mark.text for mark in part.marks)]))
        said += [line.text for line in part.lines]
    before, after = looks.mermaid
    return f'{name}{before}"{_lines(said)}"{after}'


def _link(diagram: Diagram, edge: Edge) -> str:
    source, target = _end(diagram, edge.source), _end(diagram, edge.target, into=True)
    order = [] if edge.order is None else [f"{edge.order}."]
    words = [*_steps(edge), *order, *edge.words]
    said = f'|"{_lines([" ".join(words)])}"|' if words else ""
    return f"{source} {EDGES[edge.kind].mermaid}{said} {target}"


def _steps(edge: Edge) -> list[str]:
    """Which steps of the path that is traced an edge is."""
    return [f"[{', '.join(map(str, edge.steps))}]"] if edge.steps else []


def _end(diagram: Diagram, key: str, *, into: bool = False) -> str:
    """What a link joins: a node, a subgraph that it leaves, or the node that is first in a subgraph."""
    item = diagram.called[key]
    if isinstance(item, Cluster):
        return diagram.names[item.entry or ""] if into else diagram.frames[key]
    return diagram.names[key]


def _classes(diagram: Diagram) -> list[str]:
    """A class a look, given to its nodes."""
    members: dict[str, list[str]] = {}
    styles: dict[str, str] = {}
    for node in diagram.nodes:
        looks = look(node)
        high = is_high(node)
        called = f"{node.verdict or node.kind}{'High' if high else ''}Look"
        dashed = ",stroke-dasharray:4 3" if "dashed" in looks.style else ""
        width = 4 if high or looks.lines > 1 else looks.width
        styles[called] = f"fill:{looks.fill},stroke:{looks.line},color:{looks.ink},stroke-width:{width:g}px{dashed}"
        members.setdefault(called, []).append(diagram.names[node.key])
    for item in diagram.clusters:
        frame = FRAMES[item.kind]
        dashed = ",stroke-dasharray:4 3" if "dashed" in frame.style else ""
        called = f"{item.kind}Frame"
        styles[called] = f"fill:{frame.fill},stroke:{frame.line},color:{INK},stroke-width:{2 * frame.lines}px{dashed}"
        members.setdefault(called, []).append(diagram.frames[item.key])
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
