"""The commands, and how each ends: with an exit status and at most one message."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import typer

from . import comparing, deciding, looking, reviewing, running, showing
from .failing import FAILED, INTERRUPTED, USAGE, Usage, report

_HELP = """Guarded agent flows: check, draw, run, decide, look.

A flow is named module:name or path/file.py:name. What runs is an App, or a function that makes one
(it may take `store`), named the same way.
"""
_EPILOG = (
    "Exit status: 0 done, 1 an error was found or a run failed, 2 wrong usage, 3 the run waits. "
    'With --json a result is one line on the output, an error is {"error": {...}} on the error stream. '
    "--traceback, anywhere, shows all of an error."
)
_FLAG = "--traceback"
_COMMANDS: tuple[Callable[..., int], ...] = (
    reviewing.check, reviewing.draw, comparing.diff,
    running.run, running.resume, running.retry, running.fork, running.work,
    looking.runs, looking.show, looking.log, looking.inbox, looking.verify,
    deciding.approve, deciding.deny, deciding.revoke, deciding.answer, deciding.settle, deciding.cancel,
    showing.demo,
)  # fmt: skip
_ShownError: Any = typer.BadParameter.__mro__[2]  # the root of what typer says of wrong usage; it does not export it


def program() -> typer.Typer:
    """The commands."""
    made = typer.Typer(
        name="guideway",
        help=_HELP,
        epilog=_EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for command in _COMMANDS:
        made.command(command.__name__)(command)
    return made


def run(arguments: Sequence[str]) -> int:
    """Carries out one command line.

    Args:
        arguments: what follows the program's name.

    Returns:
        The exit status.
    """
    asked = list(arguments)
    whole = _FLAG in asked
    asked = [item for item in asked if item != _FLAG]
    json = "--json" in asked
    try:
        status = program()(asked, prog_name="guideway", standalone_mode=False)
    except _ShownError as error:
        return _usage(error, json=json)
    except (KeyboardInterrupt, typer.Abort) as error:
        return int(getattr(error, "status", INTERRUPTED))
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  # the border: whatever it is, a user sees one message
        return report(error, json=json, whole=whole)
    return status if isinstance(status, int) else 0


def _usage(error: Any, *, json: bool) -> int:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" or not error.format_message():
        sys.stderr.write(context.get_help() + "\n" if context is not None else "")
        return USAGE
    path = "guideway" if context is None else context.command_path
    return report(Usage(f"{error.format_message()} See: {path} --help"), json=json, whole=False)


def main() -> None:
    """The entry point: exits with the command's status."""
    _settle_streams()
    _stop_on_term()
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has had enough
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = FAILED
    if status in (INTERRUPTED, Terminated.status):
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(status)  # a tool's thread that goes on is not waited for: the lease is released
    sys.exit(status)


class Terminated(KeyboardInterrupt):
    """The process was told to stop, and stops as for Ctrl-C."""

    status = 143


def _stop_on_term() -> None:
    import signal

    def stop(*_: object) -> None:
        raise Terminated

    with suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGTERM, stop)


def _settle_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
