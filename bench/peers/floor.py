"""The floor: one commit of the bytes of one of our steps, on a warm file, and nothing else."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from bench.lanes import Round
from bench.pace import timed_runs
from bench.peers.ours import step_bytes
from bench.stored import at_least, count

ROWS = "select count(*) from events"


def steps(home: Path, *, steps: int, synchronous: str) -> Round:
    """So many commits of one row each."""
    store = home / "floor.db"
    body = os.urandom(step_bytes(home))
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("pragma journal_mode=wal")
    connection.execute(f"pragma synchronous={synchronous}")
    connection.execute("create table events (key integer primary key, body blob not null)")

    def run() -> None:
        for _ in range(steps):
            connection.execute("insert into events (body) values (?)", (body,))

    runs = timed_runs(run, steps, store)

    def a_round() -> dict[str, float]:
        before = count(store, ROWS)
        taken = runs()
        at_least(count(store, ROWS) - before, steps, "rows in the store")
        return taken

    return a_round
