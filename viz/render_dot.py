r"""A diagram in Graphviz's language.

Labels are HTML-like tables that are made here alone: text reaches them escaped, backslashes doubled (Graphviz would
take ``\N`` for the node's name), and nodes go by names that no text can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any  # graphviz ships no types

import graphviz

from .legend import legend_of
from .looks import ALERT, EDGES, ENDS, FRAMES, INK, MARKS, NODES, PAPER, PATH, QUIET, Stroke, is_high, look
from .model import Cluster, Diagram, Edge, Line, Mark, Node, Part
from .words import NAME, shown, wrapped

FONT = "Arial"  # the wheel measures it with Arimo, which is as wide; render_svg.py names those that may stand in
_WIDTH, _GUARD, _PART, _TOLD = 34, 30, 48, 90
BACKSLASH = "&#92;&#92;"  # twice, since Graphviz takes one and what follows for a name
_INLINE = 3  # marks beside each other
_COLUMNS = 3  # of a node with parts: name, effect, stakes

_GRAPH = {
    "fontname": FONT, "fontcolor": INK, "bgcolor": PAPER, "labelloc": "t", "labeljust": "l", "rankdir": "TB",
    "nodesep": "0.35", "ranksep": "0.45", "pad": "0.25", "splines": "true", "newrank": "true",
    "outputorder": "edgesfirst", "compound": "true",
}  # fmt: skip
_NODE = {"fontname": FONT, "fontsize": "9", "fontcolor": INK, "margin": "0.10,0.05", "height": "0.3", "width": "0.6"}
_EDGE = {"fontname": FONT, "fontsize": "9", "arrowsize": "0.75"}

_ROUND = ("ellipse", "octagon", "hexagon")  # these leave room around a label of their own
_BAR = {"width": "1.5", "height": "0.22", "fixedsize": "true"}
_BARS: dict[str, dict[str, str]] = {"fork": _BAR, "join": _BAR}


def render_dot(diagram: Diagram) -> str:
    """The diagram as DOT source.

    Args:
        diagram: the diagram.
    """
    graph: Any = graphviz.Digraph("flow", graph_attr=_GRAPH, node_attr=_NODE, edge_attr=_EDGE)
    graph.attr(label=_title(diagram))
    with graph.subgraph(name="cluster_body") as body:
        body.attr(label=_legend(diagram), labelloc="b", labeljust="l", pencolor="none", margin="8")
        _clusters(body, diagram, None)
        for place, edge in sorted(enumerate(diagram.edges), key=lambda pair: pair[1].kind != "anywhere"):
            _edge(body, diagram, edge, place)
    return str(graph.source)


def _clusters(graph: Any, diagram: Diagram, parent: str | None) -> None:
    """The nodes of a cluster, and its clusters."""
    # what holds at every step comes first: Graphviz then keeps it, and the ends that it leads to, at the side
    for node in sorted(diagram.nodes, key=lambda node: node.kind != "anywhere"):
        if node.cluster == parent:
            _node(graph, diagram.names[node.key], node, on_path=node.key in diagram.traced)
    for item in diagram.clusters:
        if item.parent == parent:
            _frame(graph, diagram, item)


def _frame(graph: Any, diagram: Diagram, item: Cluster) -> None:
    """A frame with what is in it; where it is of many, a second one around it."""
    looks = FRAMES[item.kind]
    if looks.lines > 1:
        with graph.subgraph(name=border(diagram, item)) as outer:
            outer.attr(label="", style=looks.style, pencolor=looks.line, margin="4")
            _framed(outer, diagram, item)
    else:
        _framed(graph, diagram, item)


def border(diagram: Diagram, item: Cluster) -> str:
    """What Graphviz calls the outermost line of a frame.

    Args:
        diagram: the diagram.
        item: one of its clusters.
    """
    return f"cluster_{diagram.frames[item.key]}{'_many' if FRAMES[item.kind].lines > 1 else ''}"


def _framed(graph: Any, diagram: Diagram, item: Cluster) -> None:
    looks, name = FRAMES[item.kind], diagram.frames[item.key]
    with graph.subgraph(name=f"cluster_{name}") as frame:
        frame.attr(
            label=_html(_caption(item)) if item.title or item.lines else "",
            labelloc="t",
            labeljust="l",
            style=f"{looks.style},filled",
            fillcolor=looks.fill,
            pencolor=looks.line,
            margin="10",
        )
        _clusters(frame, diagram, item.key)
        if item.entry is not None:
            _way_out(frame, diagram, item)


def _way_out(graph: Any, diagram: Diagram, item: Cluster) -> None:
    """A point that nobody sees beneath the ends of a flow: edges that leave its frame leave it there."""
    out = _out(diagram.frames[item.key])
    graph.node(out, shape="point", style="invis", width="0.01", height="0.01", label="")
    for node in diagram.nodes:
        if node.cluster == item.key and node.kind == "end":
            graph.edge(diagram.names[node.key], out, style="invis", minlen="0")
        if node.cluster == item.key and node.kind == "anywhere":
            # not above the start, or the frame would begin higher than what leads to it
            graph.edge(diagram.names[item.entry or ""], diagram.names[node.key], style="invis", minlen="0")


def _out(frame: str) -> str:
    return f"{frame}_out"


def places(diagram: Diagram, edge: Edge) -> tuple[str, str]:
    """What Graphviz joins where an edge is: the nodes, or those that stand for a frame.

    Args:
        diagram: the diagram.
        edge: one of its edges.
    """
    source, target = diagram.called[edge.source], diagram.called[edge.target]
    tail = _out(diagram.frames[source.key]) if isinstance(source, Cluster) else diagram.names[source.key]
    head = diagram.names[(target.entry or "") if isinstance(target, Cluster) else target.key]
    return tail, head


def _caption(item: Cluster) -> str:
    """What stands at the top of a frame: its word, its name, and what is told about it."""
    looks = FRAMES[item.kind]
    word = f"{_font(looks.word, 8, looks.line, 'b')} " if looks.word else ""
    first, *rest = _wrap(item.title, 40, NAME)
    rows = [
        _row(word + _font(first, 12, INK, "b"), "left"),
        *(_row(_font(part, 12, INK, "b"), "left") for part in rest),
    ]
    return _table(rows + [_row(said, "left") for line in item.lines for said in _line(line, _PART)])


# nodes


def _node(graph: Any, name: str, node: Node, *, on_path: bool = False) -> None:
    looks = look(node)
    style = ",".join(part for part in ("filled", looks.style) if part)
    high = is_high(node)
    bare = looks.ink == PAPER
    size = _BARS.get(node.kind, {"margin": "0.01" if looks.shape in _ROUND else _NODE["margin"]})
    graph.node(
        name,
        label=_html(
            _font(_text(node.name, NAME), 9 if node.kind in _BARS else 10, PAPER, "b") if bare else _label(node)
        ),
        shape=looks.shape,
        style=style,
        fillcolor=looks.fill,
        color=PATH if on_path else ALERT if high else looks.line,
        penwidth=str(4.5 if on_path else 3.0 if high else looks.width),
        peripheries=str(looks.lines),
        **size,
    )


def _label(node: Node) -> str:
    looks = look(node)
    head = _head(looks.word, looks.line, node.marks[:_INLINE] if node.kind == "tool" else ())
    rows = [_wide(head) if node.parts else _row(head)]
    row = _wide if node.parts else _row
    rows += [row(_font(part, 12, INK, "b")) for part in _wrap(node.name, 26, NAME)]
    rows += [row(said) for line in node.lines for said in _line(line, _WIDTH)]
    if node.kind != "tool":
        rows += [row(_box(mark)) for mark in node.marks]
    rows += [part for item in node.parts for part in _part(item, bare=node.kind == "act")]
    return _table(rows, 2 if node.parts else 0)


def _head(word: str, color: str, marks: tuple[Mark, ...]) -> str:
    """The kind's word, with the marks beside it."""
    cells = f"<td>{_font(_text(word, NAME), 8, color, 'b')}</td>" + "".join(_chip(mark.text, mark) for mark in marks)
    return f'<table border="0" cellborder="0" cellspacing="3" cellpadding="1"><tr>{cells}</tr></table>'


def _box(mark: Mark) -> str:
    """A mark in a row of its own, which may be long."""
    stamp = MARKS[mark.kind]
    said = "<br/>".join(_font(part, 8, stamp.ink, "b") for part in _wrap(mark.text, _WIDTH))
    cell = f'<td border="1" color="{stamp.line}" bgcolor="{stamp.fill}">{said}</td>'
    return f'<table border="0" cellborder="0" cellspacing="1" cellpadding="2"><tr>{cell}</tr></table>'


def _chip(text: str, mark: Mark) -> str:
    stamp = MARKS[mark.kind]
    return (
        f'<td border="1" color="{stamp.line}" bgcolor="{stamp.fill}">{_font(_text(text, NAME), 8, stamp.ink, "b")}</td>'
    )


def _part(part: Part, *, bare: bool) -> list[str]:
    """A part: a line above it, its name with its marks in columns, and what is told below, to the left.

    Where only tools are to be expected, a tool's word is left out.
    """
    looks = NODES[part.kind]
    word = "" if bare and part.kind == "tool" else f"{_font(looks.word, 8, looks.line, 'b')} "
    name = f'<td align="left">{word}{_font(_text(part.name, NAME), 10, INK, "b")}</td>'
    marks = part.marks if part.kind == "tool" else ()
    chips = "".join(_chip(mark.text, mark) for mark in marks) + "<td></td>" * (_COLUMNS - 1 - len(marks))
    rows = [f"<hr/><tr>{name}{chips}</tr>"]
    rows += [_wide(_box(mark), "left") for mark in part.marks if part.kind != "tool"]
    return rows + [_wide(row, "left") for line in part.lines for row in _line(line, _PART)]


def _line(line: Line, width: int) -> list[str]:
    color = {"quiet": QUIET, "alert": ALERT}.get(line.tone, INK)
    tag = {"quote": "i", "alert": "b"}.get(line.tone, "")
    return [_font(part, 9, color, tag) for part in _wrap(line.text, width)]


# edges


def _edge(graph: Any, diagram: Diagram, edge: Edge, place: int) -> None:
    stroke = EDGES[edge.kind]
    labelled = edge.words or edge.order is not None or edge.steps
    label = {"label": _html(_guards(edge, stroke))} if labelled else {}
    tail, head = places(diagram, edge)
    source, target = diagram.called[edge.source], diagram.called[edge.target]
    cut = {"ltail": border(diagram, source)} if isinstance(source, Cluster) else {}
    cut |= {"lhead": border(diagram, target)} if isinstance(target, Cluster) else {}
    # a way from any step into a loop would make it begin there, and turn the order of its nodes upside down
    cut |= {"constraint": "false"} if edge.kind == "anywhere" and _comes_back(diagram, edge.target) else {}
    graph.edge(
        tail,
        head,
        id=f"e{place}",
        color=PATH if edge.steps else stroke.color,
        style=stroke.style,
        penwidth=str(4.0 if edge.steps else stroke.width),
        arrowhead=stroke.head,
        arrowtail=stroke.tail,
        dir="forward" if stroke.tail == "none" else "both",
        **label,
        **cut,
    )


def _comes_back(diagram: Diagram, key: str) -> bool:
    """Whether a path leads from a node or a frame, through others, back to it; from an end none does in its flow."""
    item = diagram.called[key]
    if isinstance(item, Node) and item.kind == "end":
        return False
    leads: dict[str, list[str]] = {}
    for edge in diagram.edges:
        for source in _around(diagram, edge.source):
            leads.setdefault(source, []).append(edge.target)
    seen: set[str] = set()
    todo = [target for target in leads.get(key, ()) if target != key]
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo += leads.get(here, ())
    return key in seen


def _around(diagram: Diagram, key: str | None) -> Iterator[str]:
    """A node or a frame, and the frames around it."""
    while key is not None:
        yield key
        item = diagram.called[key]
        key = item.parent if isinstance(item, Cluster) else item.cluster


def _guards(edge: Edge, stroke: Stroke) -> str:
    """The order, and the guards beside it."""
    lines = [part for words in edge.words for part in _wrap(words, _GUARD)] or [""]
    order = "" if edge.order is None else f"{_font(f'{edge.order}.', 9, stroke.color, 'b')} "
    if edge.steps:
        order = _step(edge) + order
    first, *rest = (_font(line, 9, stroke.color, "") for line in lines)
    rows = [f'<td align="left">{row}</td>' for row in (order + first, *rest)]
    rows[0] = f'<td width="3" rowspan="{len(rows)}"></td>{rows[0]}'  # stands off from the line that it is about
    cells = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{cells}</table>'


def _step(edge: Edge) -> str:
    """Which steps of the path an edge is."""
    return f"{_font('step ' + ', '.join(map(str, edge.steps)), 9, PATH, 'b')} "


# title and legend


def _title(diagram: Diagram) -> str:
    rows = [_row(_font(part, 16, INK, "b"), "left") for part in _wrap(diagram.title, 60, NAME)]
    facts = " · ".join(shown(fact, NAME) for fact in diagram.facts)
    rows += [_row(_font(_escape(facts), 9, QUIET, ""), "left")] if facts else []
    for line in diagram.told:
        color, tag = (PATH, "b") if line.tone == "alert" else (INK, "")
        rows += [_row(_font(part, 10, color, tag), "left") for part in _wrap(line.text, _TOLD, 1200)]
    return _html(_table(rows))


def _legend(diagram: Diagram) -> str:
    """What the picture uses, a column of a table for each sort of thing."""
    used = legend_of(diagram)
    ends = [_swatch(ENDS[item].fill, ENDS[item].line, f"ends {item}", "") for item in used.verdicts]
    kinds = [_swatch(NODES[item].fill, NODES[item].line, NODES[item].word, NODES[item].meaning) for item in used.kinds]
    kinds += [
        _swatch(FRAMES[item].fill, FRAMES[item].line, FRAMES[item].word, FRAMES[item].meaning) for item in used.frames
    ]
    marks = [_swatch(MARKS[item].fill, MARKS[item].line, MARKS[item].word, MARKS[item].meaning) for item in used.marks]
    edges = [_sample(EDGES[item]) for item in used.edges]
    edges += [_sample(_TRACED)] if diagram.traced else []
    columns = [group for group in (kinds, edges, marks, ends) if group]
    rows = [
        "".join(group[place] if place < len(group) else "<td></td><td></td><td></td>" for group in columns)
        for place in range(max(map(len, columns), default=0))
    ]
    table = f'border="1" sides="T" color="{QUIET}" cellborder="0" cellspacing="3" cellpadding="1"'
    return _html(f"<table {table}>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>") if rows else ""


def _swatch(fill: str, line: str, word: str, meaning: str) -> str:
    box = f'<td border="1" color="{line}" bgcolor="{fill}" width="16" height="9" fixedsize="true"></td>'
    said = f"<b>{_text(word, NAME)}</b>{': ' if meaning else ''}{_text(meaning, NAME)}"
    return f'{box}<td align="left">{_font(said, 8, INK, "")}</td><td width="6"></td>'


def _sample(stroke: Stroke) -> str:
    """A line as an edge has it: the upper side of a cell, since labels draw no lines of their own."""
    style = stroke.style if stroke.style in ("dashed", "dotted") else "solid"
    side = f'border="{round(stroke.width)}" sides="T" color="{stroke.color}" style="{style}"'
    above, below = 'width="24" height="4" fixedsize="true"', f'{side} width="24" height="5" fixedsize="true"'
    rows = f"<tr><td {above}></td></tr><tr><td {below}></td></tr>"
    sample = f'<td><table border="0" cellborder="0" cellspacing="0" cellpadding="0">{rows}</table></td>'
    meaning = _font(_text(stroke.meaning, NAME), 8, stroke.color, "b")
    return f'{sample}<td align="left">{meaning}</td><td width="6"></td>'


_TRACED = Stroke("the path of the finding, step by step", PATH, "solid", "normal", "", "", 4.0)


# the only makers of markup


def _html(content: str) -> str:
    return f"<{content}>"


def _table(rows: list[str], spacing: int = 0) -> str:
    return f'<table border="0" cellborder="0" cellspacing="{spacing}" cellpadding="1">{"".join(rows)}</table>'


def _row(content: str, align: str = "center") -> str:
    return f'<tr><td align="{align}">{content}</td></tr>'


def _wide(content: str, align: str = "center") -> str:
    return f'<tr><td align="{align}" colspan="{_COLUMNS}">{content}</td></tr>'


def _font(content: str, size: int, color: str, tag: str) -> str:
    content = content or " "  # Graphviz has no words for nothing
    inner = f"<{tag}>{content}</{tag}>" if tag else content
    return f'<font point-size="{size}" color="{color}">{inner}</font>'


def _wrap(text: str, width: int, limit: int = 400) -> list[str]:
    return [_escape(part) for part in wrapped(text, width, limit)]


def _text(text: str, limit: int) -> str:
    return _escape(shown(text, limit))


def _escape(text: str) -> str:
    """Text for an HTML-like label; what is no letter, digit or plain mark becomes a number."""
    return "".join(_entity(char) for char in text)


def _entity(char: str) -> str:
    if char == "\\":
        return BACKSLASH
    return f"&#{ord(char)};" if char in "<>&\"'[]{}|" else char
