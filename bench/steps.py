"""Microseconds a durable step, beside LangGraph with SqliteSaver and LangGraph with no persistence, in one run.

    python bench/steps.py [--rounds N] [--steps 5 100 1000]

The flow is a loop of one node that adds one to a number. Every round runs all rows in turn; the figures are
medians over the rounds, the ratios are medians of the rounds' own ratios. Files are warm: each row has one
run before the first round.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict
from uuid import uuid4

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START
from langgraph.graph import StateGraph as LangGraph
from langgraph.types import Command
from pydantic import BaseModel

import guideway as gw


class Counted(BaseModel):
    """The state: where the loop is, and where it ends."""

    n: int = 0
    last: int = 100


class Plain(TypedDict):
    """The same for LangGraph."""

    n: int
    last: int


@gw.compute(writes="n")
def add_one(n: int) -> int:
    """The whole work of a step."""
    return n + 1


def loop() -> gw.Flow[Counted]:
    """The loop as a flow."""
    t = gw.fields(Counted)
    done = gw.End("done")
    return gw.Flow(
        "loop",
        state=Counted,
        edges=[gw.on(gw.START, add_one), gw.on(add_one, gw.when(t.n < t.last) >> add_one, done)],
        budget=gw.Budget(steps=100_000),
    )


def langgraph_loop(saver: Any) -> Any:
    """The loop in LangGraph, routed by Command, which is its cheapest way."""

    def step(state: Plain) -> Command[Any]:
        n = state["n"] + 1
        return Command(update={"n": n}, goto="step" if n < state["last"] else END)

    graph = LangGraph(Plain)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    return graph.compile(checkpointer=saver)


Row = Callable[[int], None]


def guideway_row(store: Path | None, durability: str) -> Row:
    """One run of so many steps with guideway.

    Args:
        store: the file, or None for memory.
        durability: as ``compile`` takes it.
    """
    app = loop().compile(store=store, durability=durability)

    def row(steps: int) -> None:
        run = app.start({"last": steps})
        assert run.verdict == "success", run.error
        assert run.spent.steps == steps

    return row


def langgraph_row(store: Path | None, synchronous: str) -> Row:
    """One run of so many steps with LangGraph.

    Args:
        store: SqliteSaver's file, or None for no persistence.
        synchronous: SQLite's setting.
    """
    saver = None
    if store is not None:
        connection = sqlite3.connect(store, check_same_thread=False)
        saver = SqliteSaver(connection)
        saver.setup()
        connection.execute(f"pragma synchronous={synchronous}")
    graph = langgraph_loop(saver)

    def row(steps: int) -> None:
        config = {"configurable": {"thread_id": uuid4().hex}, "recursion_limit": steps + 10}
        options = {} if saver is None else {"durability": "sync"}
        result = graph.invoke({"n": 0, "last": steps}, config, **options)
        assert result["n"] == steps

    return row


def measure(rows: dict[str, Row], steps: int, rounds: int) -> dict[str, list[float]]:
    """Microseconds a step of each row, by round.

    Args:
        rows: the rows by name.
        steps: how many steps a run has.
        rounds: how many rounds.
    """
    found: dict[str, list[float]] = {name: [] for name in rows}
    for row in rows.values():
        row(steps)
    for _ in range(rounds):
        for name, row in rows.items():
            began = time.perf_counter()
            row(steps)
            found[name].append((time.perf_counter() - began) * 1e6 / steps)
    return found


RATIOS = (
    ("process crash: guideway NORMAL / LangGraph NORMAL", "guideway NORMAL", "LangGraph NORMAL", 0.12),
    ("process crash: guideway NORMAL / LangGraph, no persistence", "guideway NORMAL", "LangGraph none", 0.4),
    ("power loss: guideway FULL / LangGraph FULL", "guideway FULL", "LangGraph FULL", 0.3),
)


def main() -> None:
    """Prints the table and the ratios; the targets are those of a run of 100 steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, nargs="+", default=[5, 100, 1000])
    options = parser.parse_args()
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        rows = {
            "guideway memory": guideway_row(None, "process"),
            "guideway NORMAL": guideway_row(home / "normal.db", "process"),
            "guideway FULL": guideway_row(home / "full.db", "power"),
            "LangGraph none": langgraph_row(None, ""),
            "LangGraph NORMAL": langgraph_row(home / "lg-normal.db", "normal"),
            "LangGraph FULL": langgraph_row(home / "lg-full.db", "full"),
        }
        print(f"{'microseconds a step':<22}" + "".join(f"{steps:>22}" for steps in options.steps))
        found = {
            steps: measure(rows, steps, max(3, options.rounds if steps <= 100 else options.rounds // 3))
            for steps in options.steps
        }
    for name in rows:
        cells = [found[steps][name] for steps in options.steps]
        shown = [f"{statistics.median(cell):.1f} [{min(cell):.0f}..{max(cell):.0f}]" for cell in cells]
        print(f"{name:<22}" + "".join(f"{cell:>22}" for cell in shown))
    print()
    for title, ours, theirs, target in RATIOS:
        ratios = {
            steps: statistics.median(a / b for a, b in zip(found[steps][ours], found[steps][theirs], strict=True))
            for steps in options.steps
        }
        report[title] = ratios
        print(f"{title:<62}" + "".join(f"{ratio:>9.3f}" for ratio in ratios.values()) + f"   (to reach: {target})")
    print(json.dumps({"steps": options.steps, "ratios": report}))


if __name__ == "__main__":
    main()
