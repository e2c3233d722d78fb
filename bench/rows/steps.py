"""A durable step: a loop of no-op steps, at equal safety, beside the peers and beside a bare commit."""

from __future__ import annotations

from bench.figures import Figure, Row
from bench.lanes import Task, Warm

LEVELS = {"normal": ("a process crash", "process"), "full": ("a power loss", "power")}
"""By SQLite's setting of synchronous: what a step survives, and what guideway calls it."""

TARGETS = {
    "normal": {"LangGraph SqliteSaver sync": 0.12, "LangGraph, nothing kept": 0.4},
    "full": {"LangGraph SqliteSaver sync": 0.3},
}
"""For the loop of 100 steps; DESIGN, section 15."""

LENGTHS = (100, 5, 1000)


def row(length: int, synchronous: str) -> Row:
    """One loop at one level of safety.

    Args:
        length: how many steps a run has.
        synchronous: SQLite's setting.
    """
    survives, durability = LEVELS[synchronous]
    options = {"steps": length, "synchronous": synchronous}
    lanes = [
        Warm("guideway", Task("ours", "steps", {"steps": length, "durability": durability})),
        Warm("LangGraph SqliteSaver sync", Task("langgraph", "steps", options, "langgraph.checkpoint.sqlite")),
        Warm("Burr SQLitePersister", Task("burr", "steps", options, "burr")),
        Warm("DBOS sqlite", Task("dbos", "steps", options, "dbos")),
        Warm("floor: a bare commit", Task("floor", "steps", options)),
    ]
    if synchronous == "normal":
        nothing = {"steps": length, "synchronous": None}
        lanes += [
            Warm("LangGraph, nothing kept", Task("langgraph", "steps", nothing, "langgraph.checkpoint.sqlite")),
            Warm("Burr, nothing kept", Task("burr", "steps", nothing, "burr")),
            Warm("pydantic-graph, nothing kept", Task("pydantic_graph", "steps", {"steps": length}, "pydantic_graph")),
        ]
    title = f"a step that survives {survives} ({synchronous.upper()}), {length} a run: microseconds"
    targets = TARGETS[synchronous] if length == 100 else {}
    figures = [Figure("step", title, targets), Figure("cpu", "the same: CPU microseconds")]
    return Row(f"steps-{synchronous}-{length}", lanes, figures, rounds=9 if length <= 100 else 3)


def rows() -> list[Row]:
    """Both levels, three lengths."""
    return [row(length, synchronous) for synchronous in LEVELS for length in LENGTHS]
