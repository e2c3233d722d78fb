"""Apache Burr: the same loops, with its SQLitePersister and AsyncSQLitePersister.

Both come with SQLite's rollback journal; here their files have the write-ahead log and the row's setting of
synchronous, as guideway's and LangGraph's have, which is the faster way for Burr too.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path
from typing import Any
from uuid import uuid4

from burr.core import ApplicationBuilder, State, action, expr
from burr.core.persistence import SQLitePersister

from bench.lanes import DIED, Round
from bench.pace import Marks, Stopwatch, timed_runs
from bench.payload import kilobyte
from bench.stored import at_least, count, size

ROWS = "select count(*) from burr_state where app_id = ?"
LEVELS = {"normal": 1, "full": 2}


@action(reads=["n"], writes=["n"])
def add_one(state: State) -> State:
    """The whole work of a step."""
    return state.update(n=state["n"] + 1)


@action(reads=["n"], writes=["n"])
async def wait_and_add(state: State) -> State:
    """Ten milliseconds, as a fast call takes them."""
    await asyncio.sleep(0.010)
    return state.update(n=state["n"] + 1)


@action(reads=["n"], writes=[])
def finish(state: State) -> State:
    """Where a run halts: it is not run."""
    return state


def built(node: Any, persister: Any, state: dict[str, Any], run: str) -> Any:
    """The builder of one run, which is how Burr starts one.

    Args:
        node: the action of the loop.
        persister: what keeps the states, or None.
        state: the first state; it names where the loop ends.
        run: the run's id.
    """
    builder = (
        ApplicationBuilder()
        .with_actions(step=node, finish=finish)
        .with_transitions(("step", "step", expr("n < last")), ("step", "finish"))
        .with_identifiers(app_id=run)
        .with_entrypoint("step")
        .with_state(**state)
    )
    return builder if persister is None else builder.with_state_persister(persister)


def saved(store: Path, synchronous: str = "normal") -> SQLitePersister:
    """A persister.

    Args:
        store: the file.
        synchronous: SQLite's setting.
    """
    persister = SQLitePersister.from_values(str(store))
    persister.connection.execute("pragma journal_mode=wal")
    persister.connection.execute(f"pragma synchronous={synchronous}")
    persister.initialize()
    return persister


def set_as(connection: sqlite3.Connection, synchronous: str) -> None:
    """Makes sure that the setting held, once the work is done."""
    mode, level = (connection.execute(f"pragma {name}").fetchone()[0] for name in ("journal_mode", "synchronous"))
    assert (mode, level) == ("wal", LEVELS[synchronous])


def steps(home: Path, *, steps: int, synchronous: str | None) -> Round:
    """A loop of no-op steps; without ``synchronous`` nothing is kept."""
    store = home / "runs.db"
    persister = None if synchronous is None else saved(store, synchronous)
    last = [""]

    def run() -> None:
        last[0] = uuid4().hex
        _, _, state = built(add_one, persister, {"n": 0, "last": steps}, last[0]).build().run(halt_before=["finish"])
        assert state["n"] == steps

    runs = timed_runs(run, steps, None if synchronous is None else store)

    def a_round() -> dict[str, float]:
        taken = runs()
        if persister is not None and synchronous is not None:
            at_least(count(store, ROWS, last[0]), steps, "rows in the store")
            set_as(persister.connection, synchronous)
        return taken

    return a_round


def concurrent(home: Path, *, runs: int, steps: int) -> Round:
    """Many runs at once on one loop, each step waiting ten milliseconds; they share a connection."""
    from burr.integrations.persisters.b_aiosqlite import AsyncSQLitePersister

    store = home / "runs.db"

    async def one(persister: Any) -> None:
        built_one = await built(wait_and_add, persister, {"n": 0, "last": steps}, uuid4().hex).abuild()
        _, _, state = await built_one.arun(halt_before=["finish"])
        assert state["n"] == steps

    async def all_of_them(many: int) -> tuple[float, float]:
        async with AsyncSQLitePersister.from_values(str(store)) as persister:
            await persister.connection.execute("pragma journal_mode=wal")
            await persister.connection.execute("pragma synchronous=normal")
            await persister.initialize()
            watch = Stopwatch()
            await asyncio.gather(*(one(persister) for _ in range(many)))
            return watch.stopped()

    asyncio.run(all_of_them(max(1, runs // 10)))

    def a_round() -> dict[str, float]:
        before = count(store, "select count(*) from burr_state")
        wall, cpu = asyncio.run(all_of_them(runs))
        at_least(count(store, "select count(*) from burr_state") - before, runs * steps, "rows in the store")
        return {"cpu": cpu * 1e3 / runs, "wall": wall}

    return a_round


# A run that grows: each step appends a kilobyte.

marks = Marks()
crash_at = 0  # the step in which the process ends itself; 0 for never


@action(reads=["n", "notes"], writes=["n", "notes"])
def note(state: State) -> State:
    """Appends a text."""
    n = state["n"]
    marks.mark()
    if crash_at and n + 1 >= crash_at:
        os._exit(DIED)
    return state.append(notes=kilobyte(n)).update(n=n + 1)


def growth(home: Path, *, steps: int) -> Round:
    """A run that grows, on a file that had commits before: the bytes are those that it added."""
    store = home / "runs.db"
    persister = saved(store)
    built(add_one, persister, {"n": 0, "last": 1000}, "warm").build().run(halt_before=["finish"])

    def a_round() -> dict[str, float]:
        before = size(store)
        marks.times.clear()
        run = uuid4().hex
        first = {"n": 0, "last": steps, "notes": []}
        _, _, state = built(note, persister, first, run).build().run(halt_before=["finish"])
        assert len(state["notes"]) == steps
        stored = size(store) - before
        at_least(count(store, ROWS, run), steps, "rows in the store")
        persister.connection.execute("delete from burr_state where app_id = ?", (run,))
        persister.connection.commit()
        persister.connection.execute("vacuum")  # so that the next round's file is no larger than this one's was
        return {"mb": stored / 1e6, **marks.figures(steps)}

    return a_round


def crash(home: Path, *, steps: int) -> Round:
    """A run that grows, in a process that dies in the step after so many."""
    persister = saved(home / "runs.db")

    def a_round() -> dict[str, float]:
        global crash_at  # noqa: PLW0603  # as in the adapter of guideway
        crash_at = steps + 1
        first = {"n": 0, "last": steps + 1, "notes": []}
        built(note, persister, first, "first").build().run(halt_before=["finish"])
        return {}

    return a_round


def resume(home: Path, *, steps: int) -> Round:
    """Opening that store, and taking the one step that is left."""

    def a_round() -> dict[str, float]:
        watch = Stopwatch()
        persister = saved(home / "runs.db")
        builder = (
            ApplicationBuilder()
            .with_actions(step=note, finish=finish)
            .with_transitions(("step", "step", expr("n < last")), ("step", "finish"))
            .with_identifiers(app_id="first")
            .initialize_from(persister, resume_at_next_action=True, default_state={}, default_entrypoint="step")
            .with_state_persister(persister)
        )
        _, _, state = builder.build().run(halt_before=["finish"])
        told = watch.told("resume")
        assert len(state["notes"]) == steps + 1
        return told

    return a_round


def history(home: Path, *, steps: int) -> Round:
    """Opening that store, and loading the state of every step of the run."""

    def a_round() -> dict[str, float]:
        watch = Stopwatch()
        persister = saved(home / "runs.db")
        found = [persister.load("", "first", number) for number in range(steps)]
        told = watch.told("history")
        assert all(found)
        return told

    return a_round
