"""DBOS: the same loops as workflows of steps, on SQLite.

It comes with SQLite's rollback journal; here its file has the write-ahead log and the row's setting of
synchronous, as guideway's and LangGraph's have, which is the faster way for DBOS too.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import sqlalchemy
from dbos import DBOS, SetWorkflowID

from bench.lanes import DIED, Round
from bench.pace import Marks, Stopwatch, timed_runs
from bench.payload import kilobyte
from bench.stored import at_least, count, size

ROWS = "select count(*) from operation_outputs"

marks = Marks()
crash_at = 0  # the step in which the process ends itself; 0 for never


@DBOS.step()
def add_one(n: int) -> int:
    """The whole work of a step."""
    return n + 1


@DBOS.workflow()
def loop(last: int) -> int:
    """A loop of one step."""
    n = 0
    while n < last:
        n = add_one(n)
    return n


@DBOS.step()
async def wait_and_add(n: int) -> int:
    """Ten milliseconds, as a fast call takes them."""
    await asyncio.sleep(0.010)
    return n + 1


@DBOS.workflow()
async def slow_loop(last: int) -> int:
    """A loop of one step that waits."""
    n = 0
    while n < last:
        n = await wait_and_add(n)
    return n


@DBOS.step()
def note(n: int) -> str:
    """A kilobyte: the workflow keeps the list."""
    marks.mark()
    if crash_at and n + 1 >= crash_at:
        os._exit(DIED)
    return kilobyte(n)


@DBOS.workflow()
def growing(last: int) -> int:
    """A loop that appends a kilobyte a step."""
    notes: list[str] = []
    while len(notes) < last:
        notes.append(note(len(notes)))
    return len(notes)


def launched(store: Path, synchronous: str = "normal") -> None:
    """DBOS, on a file; its background threads run from here on.

    Args:
        store: the file.
        synchronous: SQLite's setting.
    """

    def settings(connection: Any, _: Any) -> None:
        connection.execute("pragma journal_mode=wal")
        connection.execute(f"pragma synchronous={synchronous}")

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "connect", settings)
    url = f"sqlite:///{store}"
    DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "log_level": "ERROR",
            "application_version": "1",
            "executor_id": "local",
        }
    )
    DBOS.launch()


def steps(home: Path, *, steps: int, synchronous: str) -> Round:
    """A loop of no-op steps."""
    store = home / "runs.db"
    launched(store, synchronous)

    def run() -> None:
        assert loop(steps) == steps

    runs = timed_runs(run, steps, store)

    def a_round() -> dict[str, float]:
        before = count(store, ROWS)
        taken = runs()
        at_least(count(store, ROWS) - before, steps, "steps in the store")
        return taken

    return a_round


def concurrent(home: Path, *, runs: int, steps: int) -> Round:
    """Many runs at once on one loop, each step waiting ten milliseconds."""
    store = home / "runs.db"
    launched(store)

    async def all_of_them(many: int) -> None:
        assert await asyncio.gather(*(slow_loop(steps) for _ in range(many))) == [steps] * many

    runner = asyncio.Runner()
    runner.run(all_of_them(max(1, runs // 10)))

    def a_round() -> dict[str, float]:
        before = count(store, ROWS)
        watch = Stopwatch()
        runner.run(all_of_them(runs))
        wall, cpu = watch.stopped()
        at_least(count(store, ROWS) - before, runs * steps, "steps in the store")
        return {"cpu": cpu * 1e3 / runs, "wall": wall}

    return a_round


def growth(home: Path, *, steps: int) -> Round:
    """A run that grows, on a file that had commits before: the bytes are those that it added."""
    store = home / "runs.db"
    launched(store)
    loop(1000)

    def a_round() -> dict[str, float]:
        rows, before = count(store, ROWS), size(store)
        marks.times.clear()
        assert growing(steps) == steps
        stored = size(store) - before
        at_least(count(store, ROWS) - rows, steps, "steps in the store")
        return {"mb": stored / 1e6, **marks.figures(steps)}

    return a_round


def crash(home: Path, *, steps: int) -> Round:
    """A run that grows, in a process that dies in the step after so many."""
    launched(home / "runs.db")

    def a_round() -> dict[str, float]:
        global crash_at  # noqa: PLW0603  # as in the adapter of guideway
        crash_at = steps + 1
        with SetWorkflowID("first"):
            growing(steps + 1)
        return {}

    return a_round


def resume(home: Path, *, steps: int) -> Round:
    """Opening that store: DBOS goes on with what was under way when it is launched, and the rest is waited for."""

    def a_round() -> dict[str, float]:
        watch = Stopwatch()
        launched(home / "runs.db")
        result = DBOS.retrieve_workflow("first").get_result()
        told = watch.told("resume")
        assert (result, len(marks.times)) == (steps + 1, 1)
        return told

    return a_round


def history(home: Path, *, steps: int) -> Round:
    """Opening that store, and reading what every step of the run gave."""
    from dbos import DBOSClient

    def a_round() -> dict[str, float]:
        watch = Stopwatch()
        client = DBOSClient(system_database_url=f"sqlite:///{home / 'runs.db'}")
        found = client.list_workflow_steps("first")
        told = watch.told("history")
        at_least(len(found), steps, "steps in the history")
        return told

    return a_round
