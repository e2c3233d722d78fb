"""A run that waits for people again and again, a kilobyte richer each time: what the waits take on disk."""

from __future__ import annotations

from bench.figures import Figure, Row
from bench.lanes import Task, Warm


def row(waits: int = 200) -> Row:
    """So many waits at a gate.

    Args:
        waits: how many.
    """
    options = {"waits": waits}
    lanes = [
        Warm("guideway", Task("ours", "gates", options)),
        Warm("LangGraph SqliteSaver sync", Task("langgraph", "gates", options, "langgraph.checkpoint.sqlite")),
    ]
    figures = [
        Figure("mb", f"{waits} waits at a gate, 1 KB before each: megabytes stored", limit=1.0, digits=2),
        Figure("wait", "the same: milliseconds a wait (asked, answered, resumed; only ours is power-safe)", digits=2),
        Figure("cpu", "the same: CPU milliseconds a wait", digits=2),
    ]
    return Row("gates", lanes, figures, rounds=3)


def rows() -> list[Row]:
    """Two hundred waits."""
    return [row()]
