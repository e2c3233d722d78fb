"""A long run whose process died, opened in a new one: until its next step is done, and until its history is read."""

from __future__ import annotations

from typing import Any

from bench.figures import Figure, Row
from bench.lanes import Cold, Task

LIMITS = {"resume": 20.0, "history": 50.0}
"""Milliseconds; DESIGN, section 15."""


def _cold(name: str, peer: str, call: str, options: dict[str, Any], needs: str = "guideway") -> Cold:
    return Cold(name, Task(peer, "crash", options, needs), Task(peer, call, options, needs))


def row(call: str, kind: str, steps: int = 1000) -> Row:
    """A run of so many steps that each appended a kilobyte.

    Args:
        call: "resume" or "history".
        kind: "text", a list that every peer has, or "messages", the field that chat agents have.
        steps: how many steps.
    """
    options = {"steps": steps, "kind": kind}
    lanes = [
        _cold("guideway", "ours", call, options),
        _cold("LangGraph SqliteSaver sync", "langgraph", call, options, "langgraph.checkpoint.sqlite"),
    ]
    if kind == "text":
        lanes += [
            _cold("Burr SQLitePersister", "burr", call, {"steps": steps}, "burr"),
            _cold("DBOS sqlite", "dbos", call, {"steps": steps}, "dbos"),
        ]
    what = "list of texts" if kind == "text" else "messages"
    done = "one step taken" if call == "resume" else "its history read"
    title = f"a {steps:,}-step run opened in a new process ({what}), {done}: milliseconds, imports apart"
    figures = [Figure(call, title, limit=LIMITS[call]), Figure("cpu", "the same: CPU milliseconds")]
    return Row(f"{call}-{kind}", lanes, figures, rounds=3)


def rows() -> list[Row]:
    """Both, of texts and of messages."""
    return [row(call, kind) for call in LIMITS for kind in ("text", "messages")]
