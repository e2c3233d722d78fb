"""Many runs at once on one loop, each step waiting ten milliseconds: what a run costs the processor."""

from __future__ import annotations

from bench.figures import Figure, Row
from bench.lanes import Task, Warm


def row(runs: int = 1000, steps: int = 5) -> Row:
    """So many runs at once.

    Args:
        runs: how many.
        steps: how many steps each has.
    """
    options = {"runs": runs, "steps": steps}
    langgraph = "langgraph.checkpoint.sqlite"
    lanes = [
        Warm("guideway", Task("ours", "concurrent", options)),
        Warm("LangGraph AsyncSqliteSaver sync", Task("langgraph", "concurrent", options, langgraph)),
        Warm("Burr AsyncSQLitePersister", Task("burr", "concurrent", options, "burr")),
        Warm("DBOS sqlite", Task("dbos", "concurrent", {**options, "runs": max(1, runs // 5)}, "dbos")),
        Warm("LangGraph, nothing kept", Task("langgraph", "concurrent", {**options, "saver": False}, langgraph)),
        Warm("pydantic-graph, nothing kept", Task("pydantic_graph", "concurrent", options, "pydantic_graph")),
    ]
    title = f"{runs:,} runs of {steps} steps at once, each step waiting 10 ms (NORMAL)"
    figures = [
        Figure("cpu", f"{title}: CPU milliseconds a run", {"LangGraph AsyncSqliteSaver sync": 0.25}, digits=2),
        Figure("wall", "the same: seconds until all are done (DBOS: a fifth as many runs)", digits=2),
    ]
    return Row("concurrent", lanes, figures, rounds=3)


def rows() -> list[Row]:
    """A thousand runs of five steps."""
    return [row()]
