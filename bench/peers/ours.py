"""guideway: the flows that are measured, and what is done with them."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import ExitStack
from operator import add
from pathlib import Path
from typing import Annotated, Any, TypedDict
from uuid import uuid4

from pydantic import BaseModel

import guideway as gw
from bench.lanes import DIED, Round
from bench.pace import Marks, Stopwatch, timed_runs
from bench.payload import kilobyte
from bench.stored import at_least, count, size
from guideway.flows.check import check as flow_check

open_apps = ExitStack()
"""Closed by whoever does rounds in a process that goes on."""

STEPS = "select count(*) from events where kind = 'step'"
BUDGET = gw.Budget(steps=100_000)


class Counted(BaseModel):
    """Where a loop is, and where it ends."""

    n: int = 0
    last: int


@gw.compute(writes="n")
def add_one(n: int) -> int:
    """The whole work of a step."""
    return n + 1


@gw.compute(writes="n")
async def wait_and_add(n: int) -> int:
    """Ten milliseconds, as a fast call takes them."""
    await asyncio.sleep(0.010)
    return n + 1


def loop(node: gw.Node) -> gw.Flow[Counted]:
    """A loop of one node.

    Args:
        node: adds one to ``n``.
    """
    t = gw.fields(Counted)
    edges = [gw.on(gw.START, node), gw.on(node, gw.when(t.n < t.last) >> node, gw.End("done"))]
    return gw.Flow("loop", state=Counted, edges=edges, budget=BUDGET)


def steps(home: Path, *, steps: int, durability: str) -> Round:
    """A loop of no-op steps."""
    store = home / "runs.db"
    app = open_apps.enter_context(loop(add_one).compile(store=store, durability=durability))

    def run() -> None:
        done = app.start({"last": steps})
        assert (done.verdict, done.state.n, done.spent.steps) == ("success", steps, steps), done.error

    runs = timed_runs(run, steps, store)

    def a_round() -> dict[str, float]:
        before = count(store, STEPS)
        taken = runs()
        at_least(count(store, STEPS) - before, steps, "steps in the store")
        return taken

    return a_round


def step_bytes(home: Path) -> int:
    """How many bytes an event of a no-op step holds, for the floor to write as many."""
    store = home / "measure.db"
    with loop(add_one).compile(store=store) as app:
        app.start({"last": 100})
    return count(store, "select avg(length(cast(body as blob)) + length(link)) from events where kind = 'step'")


def concurrent(home: Path, *, runs: int, steps: int) -> Round:
    """Many runs at once on one loop, each step waiting ten milliseconds."""
    store = home / "runs.db"
    app = open_apps.enter_context(loop(wait_and_add).compile(store=store))

    async def all_of_them(many: int) -> None:
        done = await asyncio.gather(*(app.astart({"last": steps}) for _ in range(many)))
        assert all((run.verdict, run.state.n) == ("success", steps) for run in done)

    asyncio.run(all_of_them(max(1, runs // 10)))

    def a_round() -> dict[str, float]:
        before = count(store, STEPS)
        watch = Stopwatch()
        asyncio.run(all_of_them(runs))
        wall, cpu = watch.stopped()
        at_least(count(store, STEPS) - before, runs * steps, "steps in the store")
        return {"cpu": cpu * 1e3 / runs, "wall": wall}

    return a_round


# A run that grows: each step appends a kilobyte, as a text or as a message.

marks = Marks()
crash_at = 0  # the step in which the process ends itself; 0 for never


class Grown(TypedDict):
    """What a step adds to a list of texts."""

    n: int
    notes: list[str]


class Notes(BaseModel):
    """A list of texts that grows."""

    n: int = 0
    last: int
    notes: Annotated[list[str], add] = []


class Spoken(TypedDict):
    """What a step adds to messages."""

    n: int
    messages: list[Any]


class Talk(BaseModel):
    """Messages that grow."""

    n: int = 0
    last: int
    messages: gw.Messages = []


def _begin(n: int) -> None:
    marks.mark()
    if crash_at and n + 1 >= crash_at:
        os._exit(DIED)


@gw.compute
def note(n: int) -> Grown:
    """Appends a text."""
    _begin(n)
    return {"n": n + 1, "notes": [kilobyte(n)]}


@gw.compute
def speak(n: int) -> Spoken:
    """Appends a message."""
    from langchain_core.messages import AIMessage

    _begin(n)
    return {"n": n + 1, "messages": [AIMessage(kilobyte(n), id=f"m{n}")]}


def growing(kind: str) -> gw.Flow[Any]:
    """A loop that appends a kilobyte a step.

    Args:
        kind: "text" or "messages".
    """
    model, node = (Notes, note) if kind == "text" else (Talk, speak)
    t = gw.fields(model)
    edges = [gw.on(gw.START, node), gw.on(node, gw.when(t.n < t.last) >> node, gw.End("done"))]
    return gw.Flow("growing", state=model, edges=edges, budget=BUDGET)


def _length(state: Any) -> int:
    return len(state.notes if isinstance(state, Notes) else state.messages)


def growth(home: Path, *, steps: int, kind: str) -> Round:
    """A run that grows, on a file that had commits before: the bytes are those that it added."""
    store = home / "runs.db"
    with loop(add_one).compile(store=store) as warming:
        warming.start({"last": 1000})
    app = open_apps.enter_context(growing(kind).compile(store=store))

    def a_round() -> dict[str, float]:
        before = size(store)
        marks.times.clear()
        run = app.start({"last": steps})
        assert (run.verdict, _length(run.state)) == ("success", steps), run.error
        stored = size(store) - before
        at_least(stored, steps * 1024, "bytes in the store")
        return {"mb": stored / 1e6, **marks.figures(steps)}

    return a_round


def crash(home: Path, *, steps: int, kind: str) -> Round:
    """A run that grows, in a process that dies in the step after so many."""
    app = growing(kind).compile(store=home / "runs.db")

    def a_round() -> dict[str, float]:
        global crash_at  # noqa: PLW0603  # the node's body must be the same in both processes
        crash_at = steps + 1
        app.start({"last": steps + 1}, run_id="first")
        return {}

    return a_round


def resume(home: Path, *, steps: int, kind: str) -> Round:
    """Opening that store, taking the one step that is left, and closing."""

    def a_round() -> dict[str, float]:
        watch = Stopwatch()
        app = growing(kind).compile(store=home / "runs.db")
        run = app.resume("first")
        told = watch.told("resume")
        assert (run.verdict, _length(run.state), run.spent.steps) == ("success", steps + 1, steps + 1), run.error
        app.close()
        return told

    return a_round


def history(home: Path, *, steps: int, kind: str) -> Round:
    """Opening that store, and reading every step of the run: what it wrote, the edge taken, its guards."""

    def a_round() -> dict[str, float]:
        watch = Stopwatch()
        app = growing(kind).compile(store=home / "runs.db")
        found = app.get("first").steps
        told = watch.told("history")
        at_least(len(found), steps, "steps in the history")
        assert all(len(step.update) == 2 for step in found)
        app.close()
        return told

    return a_round


# Waits at a gate, with a kilobyte before each.


def gated() -> gw.Flow[Notes]:
    """A loop that asks a person before each further step."""
    t = gw.fields(Notes)
    done = gw.End("done")
    lead = gw.approval("lead", denied=done)
    edges = [gw.on(gw.START, note), gw.on(note, gw.when(t.n <= t.last) >> lead >> note, done)]
    return gw.Flow("gated", state=Notes, edges=edges, budget=BUDGET)


def gates(home: Path, *, waits: int) -> Round:
    """A run that waits so often: each wait is approved, and the run resumed."""
    store = home / "runs.db"
    app = open_apps.enter_context(gated().compile(store=store, roles=gw.Anyone()))

    def a_round() -> dict[str, float]:
        before, watch = size(store), Stopwatch()
        run = app.start({"last": waits}, run_id=uuid4().hex, by="web")
        passed = 0
        while run.waiting:
            app.approve(run.waiting[0], by="ann")
            run = app.resume(run.id)
            passed += 1
        wall, cpu = watch.stopped()
        assert (run.verdict, passed, len(run.state.notes)) == ("success", waits, waits + 1), run.error
        stored = size(store) - before
        at_least(stored, waits * 1024, "bytes in the store")
        return {"mb": stored / 1e6, "wait": wall * 1e3 / waits, "cpu": cpu * 1e3 / waits}

    return a_round


# The checks.


def wide(nodes: int) -> gw.Flow[Counted]:
    """A flow of so many nodes: each skips the next on a condition, every tenth may go back, at most three times.

    Args:
        nodes: how many.
    """
    t = gw.fields(Counted)
    all_of_them = [add_one.named(f"node{number}") for number in range(nodes)]
    done = gw.End("done")
    edges: list[Any] = [gw.on(gw.START, all_of_them[0])]
    for number, node in enumerate(all_of_them):
        ways: list[Any] = []
        if number % 10 == 9:
            ways.append(gw.when(t.n < number, gw.at_most(3)) >> all_of_them[number - 9])
        if number + 2 < nodes:
            ways.append(gw.when(t.n > number) >> all_of_them[number + 2])
        edges.append(gw.on(node, *ways, all_of_them[number + 1] if number + 1 < nodes else done))
    return gw.Flow("wide", state=Counted, edges=edges, budget=gw.Budget(steps=10 * nodes + 10))


class Told(BaseModel):
    """What conditions ask of that only the solver decides: lengths, sums, and fields against each other."""

    n: int = 0
    m: int = 0
    share: float = 0.0
    text: str = ""
    items: list[int] = []


def told(nodes: int) -> gw.Flow[Told]:
    """A flow of so many nodes, each with a row that needs the solver; no two rows ask the same.

    Args:
        nodes: how many.
    """
    t = gw.fields(Told)
    all_of_them: list[Any] = [add_one.named(f"node{number}") for number in range(nodes)]
    behind = [*all_of_them[1:], gw.End("done"), gw.End("done early")]
    edges: list[Any] = [gw.on(gw.START, all_of_them[0])]
    for number, node in enumerate(all_of_them):
        after, skip = behind[number], behind[number + 1]
        rows: list[list[Any]] = [
            [gw.when(gw.length(t.text) > number) >> skip, gw.when(gw.length(t.text) <= number) >> after],
            [gw.when(t.n + t.m > number) >> skip, gw.when(t.n + t.m <= number) >> after],
            [gw.when(t.n < t.m, t.share > number) >> skip, gw.when(t.n < t.m) >> after, gw.when(t.n >= t.m) >> after],
            [gw.when(gw.length(t.items) > number) >> skip, gw.when(t.n > t.m) >> after, after],
        ]
        edges.append(gw.on(node, *rows[number % len(rows)]))
    return gw.Flow("told", state=Told, edges=edges, budget=gw.Budget(steps=10 * nodes + 10))


def checks(home: Path, *, nodes: int) -> Round:  # noqa: ARG001  # nothing is stored
    """``check()`` of such a flow, and of one ten times as large, without the solver and with it.

    One thread does all of it, so what is taken is the time of the CPU, of which others take less away.
    """
    small, large, asking = wide(nodes), wide(nodes * 10), told(nodes)

    def check(flow: gw.Flow[Any], *, solver: bool = False) -> float:
        began = time.process_time()
        report = flow_check(flow, solver=solver)
        taken = time.process_time() - began
        assert report.ok, report
        assert report.facts.max_steps
        return taken

    def a_round() -> dict[str, float]:
        some, many = check(small), check(large)
        with_solver = {"solver": check(small, solver=True), "proved": check(large, solver=True)}
        with_solver["asked"] = check(asking, solver=True)
        return {"small": some, "large": many, "times": many / some, **with_solver}

    return a_round
