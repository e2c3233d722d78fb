"""A run that appends a kilobyte in every step: what it takes on disk, and whether its steps stay as fast."""

from __future__ import annotations

from bench.figures import Figure, Row
from bench.lanes import Task, Warm


def row(kind: str, steps: int = 1000) -> Row:
    """A run that grows.

    Args:
        kind: "text", a list that every peer has, or "messages", the field that chat agents have.
        steps: how many steps it has.
    """
    options = {"steps": steps, "kind": kind}
    lanes = [
        Warm("guideway", Task("ours", "growth", options)),
        Warm("LangGraph SqliteSaver sync", Task("langgraph", "growth", options, "langgraph.checkpoint.sqlite")),
    ]
    if kind == "text":
        lanes += [
            Warm("Burr SQLitePersister", Task("burr", "growth", {"steps": steps}, "burr")),
            Warm("DBOS sqlite", Task("dbos", "growth", {"steps": steps}, "dbos")),
        ]
    what = "list of texts" if kind == "text" else "messages"
    figures = [
        Figure("mb", f"{steps:,} steps that each append 1 KB ({what}): megabytes stored", limit=2.0, digits=2),
        Figure("step", "the same: microseconds a step"),
        Figure("flat", "the same: the last tenth of the steps to the first (flat: 1)", limit=1.2, digits=2),
    ]
    return Row(f"growth-{kind}", lanes, figures, rounds=3)


def rows() -> list[Row]:
    """As texts and as messages."""
    return [row("text"), row("messages")]
