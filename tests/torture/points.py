"""The places of a drive at which a child stops itself, and what is known about them.

A commit has three: ``begin``, before its transaction takes the file's lock; ``before``, inside of it; ``after``. A call
has four: ``unchecked`` and ``checked``, on both sides of the look at the lease's deadline; ``effect before`` and
``effect after``, inside of the tool, on both sides of what it does to the world.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

LEFT = 0.03
"""Seconds that the leases of a process last once it is stopped: the rest of their time is taken to be over already."""

IN_A_CALL = ("checked", "effect")
"""Points behind the last look at the lease: nobody can fence what a process does there once it wakes."""


def in_a_call(label: str) -> bool:
    """Whether a process that stops there has passed the last look at its lease."""
    return label.startswith(IN_A_CALL)


def locks_the_file(label: str) -> bool:
    """Whether a process that stops there may hold the file's lock, so that nobody else can write."""
    return label.startswith("before")


class Points:
    """Counts the points that a child passes, and stops it at one of them.

    Args:
        folder: where the child says at which point it stopped.
        at: the number of the point, from 1; 0 for none.
    """

    def __init__(self, folder: Path, at: int) -> None:
        self.passed: list[str] = []
        self.woke = 0
        self._folder = folder
        self._at = at
        self._store: Any = None

    def __call__(self, label: str) -> None:
        """One point."""
        self.passed.append(label)
        if len(self.passed) == self._at:
            self._stop(label)

    def _stop(self, label: str) -> None:
        if not locks_the_file(label):
            cut(self._store)
        (self._folder / "stop").write_text(label)
        os.kill(os.getpid(), signal.SIGSTOP)
        self.woke = len(self.passed)

    def watch(self, store: Any) -> None:
        """Have the points of a store counted, and those of the calls of this process."""
        from guideway.runs.recording import Recording
        from guideway.runs.store.database import Database

        self._store = store
        _replace(Database, "writing", partial(_writing, self, Database.writing))
        _replace(Database, "single", partial(_single, self, Database.single))
        _replace(Recording, "_dispatch", partial(_dispatch, self, Recording._dispatch))
        store.hook = self._hook

    def _hook(self, when: str, kinds: str) -> None:
        self(f"{when} {kinds}")


def cut(store: Any) -> None:
    """Let the leases that a store holds be about to run out, as if their time had passed; nobody renews them."""
    leases = list(store._heartbeat._leases)
    now, wall = time.monotonic(), time.time()
    connection = sqlite3.connect(store.path, timeout=10)
    with connection:
        for lease in leases:
            lease.deadline = now + LEFT * 0.9
            connection.execute(
                "update runs set until = ?, ticks = ? where rid = ? and fence = ?",
                (wall + LEFT, now + LEFT, lease.rid, lease.fence),
            )
    connection.close()


def _replace(holder: Any, name: str, how: Callable[..., Any]) -> None:
    def replaced(self: Any, *args: Any, **options: Any) -> Any:
        return how(self, *args, **options)

    assert hasattr(holder, name)
    setattr(holder, name, replaced)


@contextmanager
def _writing(points: Points, real: Any, database: Any, kinds: str, **options: Any) -> Generator[Any]:
    if database.hook is not None:
        points(f"begin {kinds}")
    with real(database, kinds, **options) as transaction:
        yield transaction


def _single(points: Points, real: Any, database: Any, sql: str, values: Any, kinds: str, **options: Any) -> Any:
    if database.hook is not None:
        points(f"begin {kinds}")
    return real(database, sql, values, kinds, **options)


def _dispatch(points: Points, real: Any, recording: Any) -> None:
    points(f"unchecked {recording.node}")
    real(recording)
    points(f"checked {recording.node}")
