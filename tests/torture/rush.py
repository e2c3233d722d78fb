"""A rush: many processes of ours that use one file at once, as fast as they can."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

SCENARIO = "escalation"


def rush(folder: Path, seconds: float, durability: str, processes: int) -> dict[str, Any]:
    """Fork the processes, and wait for them.

    Args:
        folder: holds the store and the ledger.
        seconds: how long they use the store.
        durability: the store's.
        processes: how many.

    Returns:
        What was done, how often; the greatest size of the write-ahead log; and what failed.
    """
    start = time.monotonic() + 0.3
    children = [os.fork() or _child(folder, start, seconds, durability, name) for name in range(processes)]
    for child in children:
        os.waitpid(child, 0)
    done: Counter[str] = Counter()
    told = [json.loads((folder / f"done-{name}").read_text()) for name in range(processes)]
    for one in told:
        done.update(one["done"])
    return {
        "done": dict(done),
        "wal": max(one["wal"] for one in told),
        "failed": [one["failed"] for one in told if one["failed"]],
    }


def _child(folder: Path, start: float, seconds: float, durability: str, name: int) -> int:
    """One process: never returns."""
    user = _User(folder, durability, str(name))
    failed = None
    try:
        time.sleep(max(0.0, start - time.monotonic()))
        user.use(time.monotonic() + seconds)
    except BaseException:  # noqa: BLE001  # the test is told, whatever it was
        failed = traceback.format_exc()
    (folder / f"done-{name}").write_text(json.dumps({"done": user.done, "wal": user.wal, "failed": failed}))
    os._exit(0)


class _User:
    """What one process does with the store: each thing at random, again and again.

    Args:
        folder: holds the store and the ledger.
        durability: the store's.
        name: the process's.
    """

    def __init__(self, folder: Path, durability: str, name: str) -> None:
        from guideway import Anyone
        from guideway.testing.models import ScriptedModel
        from tests.torture.scenarios import SCENARIOS
        from tests.torture.world import World

        self.path = str(folder / "runs.db")
        self.name = name
        self.scenario = SCENARIOS[SCENARIO]
        self.draw = random.Random(name)
        self.done: Counter[str] = Counter()
        self.wal = 0
        self.app: Any = self.scenario.flow().compile(
            store=self.path,
            models={"default": ScriptedModel(self.scenario.model)},
            deps=World(folder),
            roles=Anyone(),
            durability=durability,
        )

    def use(self, end: float) -> None:
        """Use the store until a moment of the monotonic clock."""
        from guideway.errors import DecisionRefused, LeaseLost, RunBusy, RunNotReady

        works: list[Callable[[], None]] = [
            *[self.starts] * 3, *[self.decides] * 4, *[self.resumes] * 3, self.looks, self.checkpoints, self.reopens,
            self.sweeps,
        ]  # fmt: skip
        while time.monotonic() < end:
            work = self.draw.choice(works)
            try:
                work()
            except (RunBusy, DecisionRefused, RunNotReady, LeaseLost):
                self.done["faster"] += 1  # another process was
            self.done[work.__name__] += 1
            self.wal = max(self.wal, os.path.getsize(f"{self.path}-wal"))
        self.app.close()

    def starts(self) -> None:
        self.app.start(self.scenario.given, run_id=f"{self.name}-{self.done['starts']}", by="starter")

    def decides(self) -> None:
        waiting = self.app.inbox(limit=20)
        if waiting:
            self.app.approve(self.draw.choice(waiting), by="ann")
            self.done["decided"] += 1

    def resumes(self) -> None:
        runs = self.app.runs(status="running", limit=20) + self.app.runs(status="ready", limit=20)
        if runs:
            self.app.resume(self.draw.choice(runs).id)

    def looks(self) -> None:
        runs = self.app.runs(limit=20)
        if runs:
            assert self.app.get(self.draw.choice(runs).id).steps is not None

    def sweeps(self) -> None:
        self.app._engine.sweep()

    def checkpoints(self) -> None:
        connection = sqlite3.connect(self.path, timeout=0.0)
        connection.execute("pragma wal_checkpoint(passive)").fetchall()
        connection.close()

    def reopens(self) -> None:
        from guideway.runs.store import SqliteStore

        SqliteStore(self.path).close()
