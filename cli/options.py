"""What the commands take: arguments and options that several of them share, and who is asking."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Any

import typer

from .failing import Usage

Target = Annotated[str, typer.Argument(help="module:name or path/file.py:name.", show_default=False)]
AppName = Annotated[
    str,
    typer.Argument(
        metavar="APP",
        help="An App, or a function that makes one: module:name or path/file.py:name.",
        show_default=False,
    ),
]
MaybeApp = Annotated[
    str | None,
    typer.Argument(
        metavar="[APP]", help="An App, whose store is read; without it the store is enough.", show_default=False
    ),
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.", show_default=False)]
RunOfApp = Annotated[
    list[str],
    typer.Argument(metavar="[APP] RUN", help="The run's id; an App in front where its store is to be read."),
]
MaybeRunOfApp = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[[APP] RUN]",
        help="The run's id, all runs without it; an App in front where its store is to be read.",
        show_default=False,
    ),
]
RequestId = Annotated[str, typer.Argument(metavar="REQUEST", help="The request's id.", show_default=False)]
Store = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="PATH", help="The store; else GUIDEWAY_STORE, else guideway.db.", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One line of JSON, for machines.")]
Note = Annotated[str | None, typer.Option("--note", help="Why; it is recorded.", show_default=False)]


def user() -> str:
    """The operating system's user, by the process's own id: what the environment says is not believed."""
    try:
        import pwd
    except ImportError:  # Windows has no such table, and getpass asks its environment
        import getpass

        return getpass.getuser()
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def split(names: list[str]) -> tuple[str | None, str]:
    """An App and a run's id, where the App may be left out.

    Args:
        names: the arguments.

    Raises:
        Usage: there are more than two.
    """
    if len(names) > 2:
        raise Usage(f"{len(names)} names were given: write the run's id, or an App and the run's id")
    return (names[0], names[1]) if len(names) == 2 else (None, names[0])


def text_of(given: str) -> str:
    """What an argument holds: itself, a file's text for ``@file``, or what comes in for ``-``.

    Args:
        given: the argument.

    Raises:
        Usage: the file cannot be read.
    """
    try:
        if given == "-":
            return sys.stdin.read()
        if given.startswith("@"):
            with open(given[1:], encoding="utf-8") as file:
                return file.read()
    except OSError as error:
        raise Usage(f"{given[1:]} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Usage(f"{given} is not text in UTF-8: {error.reason} at byte {error.start}") from error
    return given


def json_of(given: str, what: str) -> Any:
    """The JSON that an argument, a file or the input holds.

    Args:
        given: the argument.
        what: names it in the error.

    Raises:
        Usage: it is not JSON.
    """
    return parsed(text_of(given), what)


def parsed(text: str, what: str) -> Any:
    """The JSON that a text is.

    Args:
        text: the text.
        what: names it in the error.

    Raises:
        Usage: it is not JSON.
    """
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        shown = text if len(text) <= 60 else text[:59] + "…"
        raise Usage(
            f"{what} is not JSON ({error}): {shown}. Give JSON, @file.json, or - to read it from the input"
        ) from error
    except RecursionError as error:
        raise Usage(f"{what} is nested too deep") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
