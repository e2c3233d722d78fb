"""What is measured, one module a subject, in the order of the table."""

from __future__ import annotations

from bench.figures import Row
from bench.rows import checks, concurrent, gates, growth, resume, start_up, steps


def rows() -> list[Row]:
    """Every row, in the table's order."""
    return [
        *steps.rows(),
        *concurrent.rows(),
        *growth.rows(),
        *gates.rows(),
        *resume.rows(),
        *start_up.rows(),
        *checks.rows(),
    ]
