"""Other processes for the store's tests: each runs a piece of code on the same file and talks by lines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from textwrap import dedent
from typing import IO

from tests.house import ROOT
from tests.runs.nursery import nursery

_BEFORE = """
import os, signal, sys, time
from guideway.errors import *
from guideway.runs.store import *

def tell(*words):
    print(*words, flush=True)

def hear():
    return sys.stdin.readline().strip()

path, *words = sys.argv[1:]
"""


class Process:
    """A process that has started its code.

    Args:
        code: finds ``path`` and ``words``, and may ``tell`` and ``hear``.
        path: the store's file.
        words: whatever else the code wants.
        within: the command that runs a Python of its own, with its options; by default a warm one forks.
    """

    def __init__(self, code: str, path: object, *words: object, within: tuple[str, ...] = ()) -> None:
        whole, given = _BEFORE + dedent(code), [str(path), *map(str, words)]
        stdin, self._stdin = _pipe()
        self._stdout, stdout = _pipe()
        self._own: subprocess.Popen[bytes] | None = None
        if within:
            started = [*within, sys.executable, "-c", whole, *given]
            self._own = subprocess.Popen(started, stdin=stdin, stdout=stdout, cwd=ROOT)
            self.pid = self._own.pid
        else:
            self.pid = nursery().born(whole, given, stdin.fileno(), stdout.fileno())
        stdin.close()
        stdout.close()

    def hear(self) -> str:
        """The next line that the process tells; empty when it has ended."""
        return self._stdout.readline().strip()

    def tell(self, line: str = "go") -> None:
        """A line for the process."""
        self._stdin.write(line + "\n")
        self._stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, and leave it as that leaves it."""
        os.kill(self.pid, number)

    def end(self) -> int:
        """Wait for its end, and say its exit status."""
        with suppress(BrokenPipeError):  # it may have ended without reading all
            self._stdin.close()
        if not self._stdout.closed:
            self._stdout.read()
            self._stdout.close()
        status = self._status(wait=True)
        assert status is not None
        return status

    def _status(self, *, wait: bool) -> int | None:
        if self._own is None:
            return nursery().ended(self.pid, wait=wait)
        return self._own.wait() if wait else self._own.poll()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._status(wait=False) is None:
            with suppress(ProcessLookupError):  # it may just have ended
                os.kill(self.pid, signal.SIGKILL)
        self.end()


def _pipe() -> tuple[IO[str], IO[str]]:
    """The two ends of a pipe, to read and to write."""
    reads, writes = os.pipe()
    return os.fdopen(reads), os.fdopen(writes, "w")
