"""The formats: each by name with its renderer, and the face ``draw_flow`` that picks one and writes the file."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FlowError, caller
from .extract import diagram_of
from .files import write
from .graphviz import layout
from .model import Diagram
from .render_dot import render_dot
from .render_mermaid import render_mermaid
from .render_pdf import render_pdf
from .render_svg import render_svg
from .render_text import render_text
from .tracing import traced

if TYPE_CHECKING:
    from ..flows.check.report import Finding
    from ..flows.flow import Flow

_DPI = 144  # sharp on screens of twice the usual dots


def _render_png(diagram: Diagram) -> bytes:
    return layout(render_dot(diagram), "png", dpi=_DPI)


FORMATS: dict[str, Callable[[Diagram], str | bytes]] = {
    "svg": render_svg,
    "png": _render_png,
    "pdf": render_pdf,
    "dot": render_dot,
    "mmd": render_mermaid,
    "txt": render_text,
}
"""The renderers by the names of their formats."""

SUFFIXES = {"gv": "dot", "mermaid": "mmd", "text": "txt"} | {name: name for name in FORMATS}
"""The formats by the suffixes of files, and by the names that ``format=`` takes."""


def draw_flow(
    flow: Flow[Any],
    path: str | PathLike[str] | None = None,
    *,
    format: str | None = None,
    finding: Finding | None = None,
) -> str | bytes:
    """Draws a flow; ``Flow.draw`` calls it.

    Args:
        flow: the flow.
        path: where to write; the suffix says the format.
        format: the format, where no path tells it, or where it is another.
        finding: one of the flow's report, whose path is traced.

    Returns:
        The picture: text, or bytes for png and pdf.

    Raises:
        FlowError: an unknown format, a path that cannot be written, or a finding without a path.
        ToolMissing: there is no Graphviz.
    """
    diagram = diagram_of(flow)
    return draw(diagram if finding is None else traced(diagram, finding), path, format=format)


def draw(diagram: Diagram, path: str | PathLike[str] | None = None, *, format: str | None = None) -> str | bytes:
    """Draws a diagram.

    Args:
        diagram: the diagram.
        path: where to write; the suffix says the format.
        format: the format, where no path tells it, or where it is another; by default svg.

    Returns:
        The picture: text, or bytes for png and pdf.

    Raises:
        FlowError: an unknown format, or a path that cannot be written.
        ToolMissing: there is no Graphviz.
    """
    given: object = path
    if given is not None and not isinstance(given, str | PathLike):
        raise FlowError(
            f"draw({given!r}): {type(given).__name__} is no file's path; write draw('desk.svg'), or "
            "draw(format='svg') for the picture itself",
            where=caller(),
        )
    picture = FORMATS[_format(path, format)](diagram)
    if path is not None:
        write(Path(path), picture.encode() if isinstance(picture, str) else picture)
    return picture


def _format(path: str | PathLike[str] | None, format: str | None) -> str:
    suffix = "" if path is None else Path(path).suffix.removeprefix(".")
    wanted = format if format is not None else suffix if path is not None else "svg"
    found = SUFFIXES.get(wanted.lower().removeprefix("."))
    if found is not None:
        return found
    there = f"there are: {', '.join(FORMATS)}"
    near = difflib.get_close_matches(wanted.lower(), SUFFIXES, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    if not wanted:
        raise FlowError(f"the path {fspath(path or '')!r} has no suffix to tell the format; {there}", where=caller())
    raise FlowError(f"there is no format {wanted!r} to draw; {there}.{hint}", where=caller())
