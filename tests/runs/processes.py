"""Other processes for the store's tests: each runs a piece of code on the same file and talks by lines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from textwrap import dedent

from tests.house import ROOT

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
        within: the command that runs Python, with its options; none by default.
    """

    def __init__(self, code: str, path: object, *words: object, within: tuple[str, ...] = ()) -> None:
        given = [*within, sys.executable, "-c", _BEFORE + dedent(code), str(path), *map(str, words)]
        self._process = subprocess.Popen(given, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self.pid = self._process.pid

    def hear(self) -> str:
        """The next line that the process tells; empty when it has ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def tell(self, line: str = "go") -> None:
        """A line for the process."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, and leave it as that leaves it."""
        os.kill(self.pid, number)

    def end(self) -> int:
        """Wait for its end, and say its exit status."""
        self._process.communicate()
        return self._process.returncode

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
