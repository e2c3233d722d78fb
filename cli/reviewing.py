"""check and draw: a flow before it runs. Both import the flow's module, so its code runs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ..errors import FlowError, caller
from .failing import DONE, FAILED, Usage
from .options import Json, Target
from .screen import Screen, visible

if TYPE_CHECKING:
    from ..flows.flow import Flow

Strict = Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")]
Path = Annotated[
    str | None, typer.Argument(metavar="[PATH]", help="Where to; the suffix says the format. - is the output.")
]
Format = Annotated[str | None, typer.Option("--format", help="svg, png, pdf, dot, mmd or txt.")]


def check(target: Target, strict: Strict = False, json: Json = False) -> int:
    """Check a flow without running it; its module is imported."""
    from .targets import flow_of

    screen = Screen(json=json)
    flow = flow_of(target)
    report = flow.check(strict=strict)
    if json:
        screen.data(report.to_json())
    for line in str(report).split("\n"):
        screen.line(line)
    return DONE if report.ok else FAILED


def draw(target: Target, path: Path = None, format: Format = None, json: Json = False) -> int:
    """Draw a flow for review; its module is imported."""
    from .targets import flow_of

    screen = Screen(json=json)
    flow = flow_of(target)
    if path == "-":
        if json:
            raise Usage("draw to - writes the picture itself: leave out --json, or name a file")
        return _to_output(_drawn(flow, None, format or "svg"))
    where = path or f"{_file_name(flow.name)}.{format or 'svg'}"
    picture = _drawn(flow, where, format)
    size = len(picture if isinstance(picture, bytes) else picture.encode())
    if json:
        screen.data({"flow": flow.name, "path": os.path.abspath(where), "bytes": size})
    screen.line(f"{flow.name} is drawn in {where} ({size} bytes)")
    return DONE


def _drawn(flow: Flow[Any], where: str | None, format: str | None) -> str | bytes:
    try:
        return flow.draw(where, format=format)
    except FlowError as error:
        if error.where != caller():
            raise
        raise FlowError(
            error.message, **error.data
        ) from error  # the caller is this command line, and no place of the author's


def _to_output(picture: str | bytes) -> int:
    if isinstance(picture, str):
        sys.stdout.write(visible(picture, keep="\n\t") if sys.stdout.isatty() else picture)
    elif sys.stdout.isatty():
        raise Usage("a picture of bytes is nothing for a terminal: name a file")
    else:
        cast(Any, sys.stdout).buffer.write(picture)
    return DONE


def _file_name(name: str) -> str:
    return "".join(char if char.isalnum() or char in "-_." else "-" for char in name).strip(".") or "flow"
