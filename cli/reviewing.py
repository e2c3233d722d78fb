"""check and draw: a flow before it runs. Both import the flow's module, so its code runs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ..errors import FlowError, caller
from .failing import DONE, FAILED, Usage
from .options import Json, Target
from .screen import Screen, as_line, visible

if TYPE_CHECKING:
    from ..flows.check import Finding, Report
    from ..flows.flow import Flow

Strict = Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")]
NoSolver = Annotated[
    bool, typer.Option("--no-solver", help="Do without z3, even where it is installed: what needs it is not proved.")
]
Printed = Annotated[
    str | None,
    typer.Option(
        "--format", help="text, json, sarif (2.1.0), or github (annotations of a workflow).", show_default="text"
    ),
]
Sarif = Annotated[
    str | None, typer.Option("--sarif", metavar="FILE", help="Write the report as SARIF 2.1.0 too.", show_default=False)
]
Path = Annotated[
    str | None, typer.Argument(metavar="[PATH]", help="Where to; the suffix says the format. - is the output.")
]
Out = Annotated[
    str | None, typer.Option("--output", "-o", metavar="PATH", help="The same as PATH.", show_default=False)
]
Format = Annotated[str | None, typer.Option("--format", help="svg, png, pdf, dot, mmd or txt.")]
Which = Annotated[
    str | None,
    typer.Option(
        "--finding",
        metavar="CODE",
        help="Draw the path of a finding in red, such as F401; F401:2 is the second of its code.",
        show_default=False,
    ),
]
_FORMATS = ("text", "json", "sarif", "github")
_TONES = {"error": "red", "warning": "yellow", "quiet": "dim", "": ""}


def check(
    target: Target,
    strict: Strict = False,
    no_solver: NoSolver = False,
    format: Printed = None,
    sarif: Sarif = None,
    json: Json = False,
) -> int:
    """Check a flow without running it; its module is imported.

    Exit status: 0 nothing stands in the way, 1 there are errors (with --strict: or warnings), 2 wrong usage.
    """
    from ..flows.check import check as checked
    from .targets import flow_of

    wanted = _wanted(format, json=json)
    flow = flow_of(target)
    report = checked(flow, strict=strict, solver=not no_solver)
    if sarif is not None:
        _written(sarif, as_line(_sarif(report, target)))
    if wanted == "json":
        Screen(json=True).data(report.to_json())
    elif wanted == "sarif":
        Screen(json=True).data(_sarif(report, target))
    elif wanted == "github":
        _annotated(report, target)
    else:
        _told(Screen(), report)
    return DONE if report.ok else FAILED


def _wanted(format: str | None, *, json: bool) -> str:
    if format is not None and format not in _FORMATS:
        raise Usage(f"there is no format {format!r} of a report: it is one of {', '.join(_FORMATS)}")
    if json and format not in (None, "json"):
        raise Usage(f"--json and --format {format} are two forms of one report: leave one out")
    return "json" if json else format or "text"


def _told(screen: Screen, report: Report) -> None:
    """The report for people, wrapped to the terminal."""
    from ..flows.check.telling import head, sections

    screen.say(head(report), style="bold green" if report.ok else "bold red")
    for section in sections(report):
        screen.say()
        if section.title:
            screen.say(section.title, style="bold")
        for number, said in enumerate(section.said):
            if number and said.more:
                screen.say()
            screen.say(said.text, style=_TONES[said.tone], indent=4, first="  ")
            for label, text in said.more:
                screen.say(f"{label}: {text}", indent=8, first="      ")


def _sarif(report: Report, target: str) -> dict[str, Any]:
    from ..flows.check.sarif import sarif
    from .authors import file_finder

    return sarif([report], version=_version(), file=file_finder(target))


def _annotated(report: Report, target: str) -> None:
    from ..flows.check.sarif import workflow_commands
    from .authors import file_finder

    for line in workflow_commands([report], file=file_finder(target)):
        sys.stdout.write(visible(line) + "\n")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("guideway")
    except PackageNotFoundError:  # a checkout that nobody installed
        return ""


def _written(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise Usage(f"{path} cannot be written: {error.strerror}") from error


def draw(
    target: Target,
    path: Path = None,
    output: Out = None,
    format: Format = None,
    finding: Which = None,
    json: Json = False,
) -> int:
    """Draw a flow for review; its module is imported."""
    from .targets import flow_of

    if path is not None and output is not None:
        raise Usage(f"draw writes one picture: name {path} or -o {output}, not both")
    path = path if path is not None else output
    screen = Screen(json=json)
    flow = flow_of(target)
    found = None if finding is None else _found(flow, finding)
    if path == "-":
        if json:
            raise Usage("draw to - writes the picture itself: leave out --json, or name a file")
        return _to_output(_drawn(flow, None, format or "svg", found))
    name = _file_name(flow.name if found is None else f"{flow.name}-{found.code}")
    where = path or f"{name}.{format or 'svg'}"
    picture = _drawn(flow, where, format, found)
    size = len(picture if isinstance(picture, bytes) else picture.encode())
    if json:
        screen.data({"flow": flow.name, "path": os.path.abspath(where), "bytes": size})
    shown = "" if found is None else f", with the path of {found.code}"
    screen.line(f"{flow.name} is drawn in {where}{shown} ({size} bytes)")
    return DONE


def _found(flow: Flow[Any], wanted: str) -> Finding:
    """The finding that is to be drawn.

    Raises:
        Usage: the check found no such thing, or it has no path.
    """
    from ..flows.check import CODES

    code, _, number = wanted.partition(":")
    if code not in CODES:
        raise Usage(
            f"there is no code {code!r}: a finding is named by its code, such as F401, and F401:2 is the second"
        )
    if number and not (number.isdecimal() and int(number) > 0):
        raise Usage(f"--finding {wanted}: behind the colon stands which one of its code, 1 or more")
    report = flow.check()
    alike = [item for item in report.findings if item.code == code]
    if not alike:
        there = ", ".join(dict.fromkeys(item.code for item in report.findings)) or "nothing"
        raise Usage(f"the check of flow {flow.name!r} finds no {code}: it finds {there}")
    if int(number or 1) > len(alike):
        times = {1: "once", 2: "twice"}.get(len(alike), f"{len(alike)} times")
        raise Usage(f"the check of flow {flow.name!r} finds {code} {times}: there is no {wanted}")
    item = alike[int(number or 1) - 1]
    if not item.path:
        raise Usage(f"{code} has no path to draw: it is about {item.where or 'the flow as a whole'}. check tells it")
    return item


def _drawn(flow: Flow[Any], where: str | None, format: str | None, finding: Finding | None) -> str | bytes:
    try:
        return flow.draw(where, format=format, finding=finding)
    except FlowError as error:
        if error.where != caller():
            raise
        raise Usage(error.message) from error  # the caller is this command line: a format or a path that cannot be


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
