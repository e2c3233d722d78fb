"""What becomes of an error: one message on the error stream, and the exit status that scripts rely on.

0   done
1   an error was found, or a run failed
2   wrong usage: an unknown command, option, flow or file; input that is not JSON
3   the run waits for somebody
130 interrupted (143: told to stop)
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final

from ..errors import CheckFailed, GuidewayError, is_library
from .screen import Screen, as_line, visible

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
WAITS: Final = 3
INTERRUPTED: Final = 130


class Usage(Exception):
    """The command was used wrongly; exit status 2.

    Args:
        message: what is wrong, what was found, and the way out.
    """


class Broken(Exception):
    """An author's module does not load; exit status 1. The cause holds the whole story.

    Args:
        message: where and what.
    """


class Declined(Exception):
    """Somebody was asked and did not say yes; exit status 1, and nothing was done.

    Args:
        message: what was not done.
    """


def report(error: BaseException, *, json: bool, whole: bool) -> int:
    """Tells an error once, and gives the exit status.

    Args:
        error: what was raised.
        json: as ``{"error": {...}}`` on the error stream.
        whole: with Python's traceback, for who asked for it.
    """
    status = USAGE if isinstance(error, Usage) else FAILED
    message = message_of(error)
    if whole:
        text = "".join(traceback.format_exception(error))
        sys.stderr.write(visible(text, keep="\n\t"))
    if json:
        sys.stderr.write(as_line({"error": described(error, message, status)}) + "\n")
        return status
    screen = Screen(stream=sys.stderr)
    for number, line in enumerate(message.split("\n")):
        screen.line(line if number == 0 else f"  {line}", style="red" if number == 0 else "")
    return status


def described(error: BaseException, message: str, status: int) -> dict[str, Any]:
    """An error for machines.

    Args:
        error: what was raised.
        message: what people are told.
        status: the exit status.
    """
    own = error if isinstance(error, GuidewayError) else None
    return {
        "type": "Usage" if isinstance(error, Usage) else type(error).__name__,
        "message": message if own is None else own.message,
        "where": None if own is None else own.where,
        "data": {} if own is None else {name: value for name, value in own.data.items() if _plain(value)},
        "exit": status,
    }


def message_of(error: BaseException) -> str:
    """What people are told: one line, and a line for each finding of a check that failed.

    Args:
        error: what was raised.
    """
    if isinstance(error, CheckFailed):
        return _with_findings(error)
    if isinstance(error, GuidewayError):
        return str(error) if error.where else f"{type(error).__name__}: {error.message}"
    if isinstance(error, Usage | Broken | Declined):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return f"{place_of(error.__traceback__)}: {one_line(error)}. Add --traceback to see all of it"


def _with_findings(error: CheckFailed) -> str:
    lines = [str(error)]
    for finding in error.data.get("findings", ()):
        line = str(finding)
        if line not in lines[0]:
            lines.append(line)
    return "\n".join(lines)


def one_line(error: BaseException) -> str:
    """An exception as its type and the first line of what it says.

    Args:
        error: the exception.
    """
    said = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def place_of(trace: TracebackType | None) -> str:
    """The innermost place of a traceback outside of libraries, else its last, as ``file.py:line``.

    Args:
        trace: the traceback.
    """
    frames = list(_frames(trace))
    own = [frame for frame in frames if not _is_foreign(frame[0])]
    path, line = (own or frames or [("guideway", 0)])[-1]
    return f"{os.path.basename(path)}:{line}"


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, int]]:
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next


def _is_foreign(path: str) -> bool:
    installed = f"{os.sep}site-packages{os.sep}" in path or path.startswith(os.path.dirname(os.__file__) + os.sep)
    return path.startswith("<") or is_library(os.path.abspath(path)) or installed


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)
