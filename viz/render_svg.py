"""A diagram as SVG: Graphviz's, with names that a screen reader and a pointer tell, and no more than is needed."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from .graphviz import layout
from .looks import FRAMES, look
from .model import Cluster, Diagram, Node
from .render_dot import FONT, places, render_dot
from .words import NAME, shown

FONTS = f"Arimo,{FONT},Liberation Sans,Helvetica,sans-serif"
"""Fonts that are as wide as the one measured, best first."""

_PROLOG = re.compile(r"^.*?(?=<svg\b)", re.S)
_COMMENT = re.compile(r"<!--.*?-->\n?", re.S)
_TITLE = re.compile(r"<title>(.*?)</title>\n?", re.S)
_FAMILY = re.compile(r'font-family="[^"]*"')
_NEW = re.compile(r"<svg\b")


def render_svg(diagram: Diagram) -> str:
    """The diagram as an SVG document.

    Args:
        diagram: the diagram.

    Raises:
        FlowError: Graphviz failed.
        ToolMissing: there is no Graphviz.
    """
    drawn = layout(render_dot(diagram), "svg").decode()
    drawn = _COMMENT.sub("", _PROLOG.sub("", drawn, count=1))
    told = {"flow": shown(diagram.title, NAME)} | dict(_told(diagram))
    drawn = _TITLE.sub(lambda found: _title(told.get(_plain(found[1]), "")), drawn)
    drawn = _FAMILY.sub(f'font-family="{FONTS}"', drawn)
    name = quoteattr(shown(diagram.title, NAME))
    return _NEW.sub(lambda _: f'<svg role="graphics-document" aria-label={name}', drawn, count=1)


def _told(diagram: Diagram) -> list[tuple[str, str]]:
    """What is told of each node and edge, by the name that the renderer gave it."""
    said = {f"cluster_{name}": _told_of(diagram.called[key]) for key, name in diagram.frames.items()}
    said |= {name: _told_of(diagram.called[key]) for key, name in diagram.names.items()}
    for edge in diagram.edges:
        key = "->".join(places(diagram, edge))
        words = shown("; ".join(edge.words))
        ends = " to ".join(shown(_name(diagram.called[end]), NAME) for end in (edge.source, edge.target))
        said[key] = f"{said[key]} / {words}" if key in said else f"{ends}: {words}" if words else ends
    return list(said.items())


def _name(item: Node | Cluster) -> str:
    return item.title if isinstance(item, Cluster) else item.name


def _told_of(item: Node | Cluster) -> str:
    word = FRAMES[item.kind].word if isinstance(item, Cluster) else look(item).word
    name = shown(_name(item), NAME)
    return name if word == name else f"{word} {name}".strip()


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""


def _plain(title: str) -> str:
    return title.replace("&#45;", "-").replace("&gt;", ">")
