"""LangGraph: the same loops, routed by Command, which is its cheapest way, with SqliteSaver or AsyncSqliteSaver."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from operator import add
from pathlib import Path
from typing import Annotated, Any, TypedDict
from uuid import uuid4

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, interrupt

from bench.lanes import DIED, Round
from bench.pace import Marks, Stopwatch, timed_runs
from bench.payload import kilobyte
from bench.stored import at_least, count, size

CHECKPOINTS = "select count(*) from checkpoints where thread_id = ?"
LEVELS = {"normal": 1, "full": 2}


class Counted(TypedDict):
    """Where a loop is, and where it ends."""

    n: int
    last: int


def step(state: Counted) -> Command[Any]:
    """The whole work of a step."""
    n = state["n"] + 1
    return Command(update={"n": n}, goto="step" if n < state["last"] else END)


async def slow_step(state: Counted) -> Command[Any]:
    """Ten milliseconds, as a fast call takes them."""
    await asyncio.sleep(0.010)
    return step(state)


def loop(saver: Any, node: Any = step, state: Any = Counted) -> Any:
    """A loop of one node.

    Args:
        saver: a checkpointer, or None.
        node: the node.
        state: the schema.
    """
    graph = StateGraph(state)
    graph.add_node("step", node)
    graph.add_edge(START, "step")
    return graph.compile(checkpointer=saver)


def saved(store: Path, synchronous: str = "normal") -> SqliteSaver:
    """A saver; it sets the write-ahead log by itself.

    Args:
        store: the file.
        synchronous: SQLite's setting; what this build of SQLite has by default is full.
    """
    connection = sqlite3.connect(store, check_same_thread=False)
    saver = SqliteSaver(connection)
    saver.setup()
    connection.execute(f"pragma synchronous={synchronous}")
    return saver


def set_as(connection: sqlite3.Connection, synchronous: str) -> None:
    """Makes sure that the setting held, once the work is done."""
    mode, level = (connection.execute(f"pragma {name}").fetchone()[0] for name in ("journal_mode", "synchronous"))
    assert (mode, level) == ("wal", LEVELS[synchronous])


def config(thread: str, steps: int) -> Any:
    """The config of one run."""
    return {"configurable": {"thread_id": thread}, "recursion_limit": steps + 10}


def steps(home: Path, *, steps: int, synchronous: str | None) -> Round:
    """A loop of no-op steps; without ``synchronous`` nothing is kept."""
    store = home / "runs.db"
    saver = None if synchronous is None else saved(store, synchronous)
    graph = loop(saver)
    threads = [""]

    def run() -> None:
        threads[0] = uuid4().hex
        options = {} if saver is None else {"durability": "sync"}
        result = graph.invoke({"n": 0, "last": steps}, config(threads[0], steps), **options)
        assert result["n"] == steps

    runs = timed_runs(run, steps, None if synchronous is None else store)

    def a_round() -> dict[str, float]:
        taken = runs()
        if saver is not None and synchronous is not None:
            at_least(count(store, CHECKPOINTS, threads[0]), steps, "checkpoints in the store")
            set_as(saver.conn, synchronous)
        return taken

    return a_round


def concurrent(home: Path, *, runs: int, steps: int, saver: bool = True) -> Round:
    """Many runs at once on one loop, each step waiting ten milliseconds."""
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    store = home / "runs.db"

    async def all_of_them(many: int) -> tuple[float, float]:
        async def timed(graph: Any, **options: Any) -> tuple[float, float]:
            watch = Stopwatch()
            given = (graph.ainvoke({"n": 0, "last": steps}, config(uuid4().hex, steps), **options) for _ in range(many))
            done = await asyncio.gather(*given)
            assert all(state["n"] == steps for state in done)
            return watch.stopped()

        if not saver:
            return await timed(loop(None, slow_step))
        async with AsyncSqliteSaver.from_conn_string(str(store)) as opened:
            await opened.setup()
            await opened.conn.execute("pragma synchronous=normal")
            return await timed(loop(opened, slow_step), durability="sync")

    asyncio.run(all_of_them(max(1, runs // 10)))

    def a_round() -> dict[str, float]:
        before = count(store, "select count(*) from checkpoints") if saver else 0
        wall, cpu = asyncio.run(all_of_them(runs))
        if saver:
            found = count(store, "select count(*) from checkpoints") - before
            at_least(found, runs * steps, "checkpoints in the store")
        return {"cpu": cpu * 1e3 / runs, "wall": wall}

    return a_round


# A run that grows: each step appends a kilobyte, as a text or as a message.

marks = Marks()
crash_at = 0  # the step in which the process ends itself; 0 for never


class Notes(TypedDict):
    """A list of texts that grows."""

    n: int
    last: int
    notes: Annotated[list[str], add]


class Talk(TypedDict):
    """Messages that grow."""

    n: int
    last: int
    messages: Annotated[list[Any], add_messages]


def _begin(n: int) -> None:
    marks.mark()
    if crash_at and n + 1 >= crash_at:
        os._exit(DIED)


def note(state: Notes) -> Command[Any]:
    """Appends a text."""
    n = state["n"]
    _begin(n)
    return Command(update={"n": n + 1, "notes": [kilobyte(n)]}, goto="step" if n + 1 < state["last"] else END)


def speak(state: Talk) -> Command[Any]:
    """Appends a message."""
    from langchain_core.messages import AIMessage

    n = state["n"]
    _begin(n)
    said = AIMessage(kilobyte(n), id=f"m{n}")
    return Command(update={"n": n + 1, "messages": [said]}, goto="step" if n + 1 < state["last"] else END)


def growing(saver: Any, kind: str) -> Any:
    """A loop that appends a kilobyte a step.

    Args:
        saver: the checkpointer.
        kind: "text" or "messages".
    """
    return loop(saver, note, Notes) if kind == "text" else loop(saver, speak, Talk)


def _empty(kind: str, last: int) -> dict[str, Any]:
    return {"n": 0, "last": last, "notes" if kind == "text" else "messages": []}


def _length(state: dict[str, Any], kind: str) -> int:
    return len(state["notes" if kind == "text" else "messages"])


def growth(home: Path, *, steps: int, kind: str) -> Round:
    """A run that grows, on a file that had commits before: the bytes are those that it added."""
    store = home / "runs.db"
    saver = saved(store)
    loop(saver).invoke({"n": 0, "last": 500}, config("warm", 500), durability="sync")
    graph = growing(saver, kind)

    def a_round() -> dict[str, float]:
        before = size(store)
        marks.times.clear()
        thread = uuid4().hex
        result = graph.invoke(_empty(kind, steps), config(thread, steps), durability="sync")
        assert _length(result, kind) == steps
        stored = size(store) - before
        at_least(count(store, CHECKPOINTS, thread), steps, "checkpoints in the store")
        saver.delete_thread(thread)
        saver.conn.execute("vacuum")  # so that the next round's file is no larger than this one's was
        return {"mb": stored / 1e6, **marks.figures(steps)}

    return a_round


def crash(home: Path, *, steps: int, kind: str) -> Round:
    """A run that grows, in a process that dies in the step after so many."""
    graph = growing(saved(home / "runs.db"), kind)

    def a_round() -> dict[str, float]:
        global crash_at  # noqa: PLW0603  # as in the adapter of guideway
        crash_at = steps + 1
        graph.invoke(_empty(kind, steps + 1), config("first", steps), durability="sync")
        return {}

    return a_round


def resume(home: Path, *, steps: int, kind: str) -> Round:
    """Opening that store, and taking the one step that is left."""

    def a_round() -> dict[str, float]:
        watch = Stopwatch()
        graph = growing(saved(home / "runs.db"), kind)
        result = graph.invoke(None, config("first", steps), durability="sync")
        told = watch.told("resume")
        assert _length(result, kind) == steps + 1
        return told

    return a_round


def history(home: Path, *, steps: int, kind: str) -> Round:
    """Opening that store, and reading every step of the run: its state and what wrote it."""

    def a_round() -> dict[str, float]:
        watch = Stopwatch()
        graph = growing(saved(home / "runs.db"), kind)
        found = list(graph.get_state_history(config("first", steps)))
        told = watch.told("history")
        at_least(len(found), steps, "steps in the history")
        return told

    return a_round


# Waits at a gate, with a kilobyte before each.


def _note(state: Notes) -> Command[Any]:
    n = state["n"]
    return Command(update={"n": n + 1, "notes": [kilobyte(n)]}, goto="gate" if n + 1 <= state["last"] else END)


def _gate(state: Notes) -> Command[Any]:
    said = interrupt({"question": "Go on?", "n": state["n"]})
    return Command(goto="step" if said == "yes" else END)


def gates(home: Path, *, waits: int) -> Round:
    """A run that waits so often at an interrupt, and is resumed with a yes."""
    store = home / "runs.db"
    saver = saved(store)
    graph = StateGraph(Notes)
    graph.add_node("step", _note)
    graph.add_node("gate", _gate)
    graph.add_edge(START, "step")
    app = graph.compile(checkpointer=saver)

    def a_round() -> dict[str, float]:
        before, watch = size(store), Stopwatch()
        thread, passed = config(uuid4().hex, waits), 0
        result = app.invoke(_empty("text", waits), thread, durability="sync")
        while "__interrupt__" in result:
            result = app.invoke(Command(resume="yes"), thread, durability="sync")
            passed += 1
        wall, cpu = watch.stopped()
        assert (passed, len(result["notes"])) == (waits, waits + 1)
        stored = size(store) - before
        at_least(stored, waits * 1024, "bytes in the store")
        return {"mb": stored / 1e6, "wait": wall * 1e3 / waits, "cpu": cpu * 1e3 / waits}

    return a_round
