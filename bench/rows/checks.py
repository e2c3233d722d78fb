"""How long ``check()`` takes of a flow of 1,000 nodes and of 10,000, without a solver and with it."""

from __future__ import annotations

from bench.figures import Figure, Row
from bench.lanes import Task, Warm

LINEAR = 12.0
"""Times as long for ten times as many nodes: linear, with a fifth for the machine's caches."""


def row(nodes: int = 1000) -> Row:
    """Two flows, the second of ten times as many nodes, and one whose rows are decided by the solver alone.

    Args:
        nodes: how many the first has.
    """
    more = f"{nodes * 10:,}"
    figures = [
        Figure("small", f"check() of {nodes:,} nodes: seconds of CPU, without a solver", limit=0.1, digits=3),
        Figure("large", f"check() of {more} nodes: seconds of CPU, without a solver", digits=3),
        Figure("times", f"the same: times as long for {more} nodes (linear: 10)", limit=LINEAR),
        Figure(
            "solver", f"check() of {nodes:,} nodes with the solver, routing proved: seconds of CPU", limit=2.0, digits=3
        ),
        Figure(
            "asked",
            f"the same where each row needs it (lengths, sums, fields against each other): {nodes:,} nodes",
            limit=2.0,
            digits=3,
        ),
        Figure("proved", f"check() of {more} nodes with the solver: seconds of CPU", digits=3),
    ]
    return Row("checks", [Warm("guideway", Task("ours", "checks", {"nodes": nodes}))], figures, rounds=5)


def rows() -> list[Row]:
    """A thousand nodes and ten thousand."""
    return [row()]
