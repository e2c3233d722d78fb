"""The one table: what is measured, who did it, how long it took, and what ours is to reach."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from itertools import groupby

from bench.figures import Line

COLUMNS = f"{'':<34}{'median':>12}{'least .. most':>24}{'ours / it':>11}{'to reach':>10}  reached"


def printed(lines: Sequence[Line]) -> str:
    """The table.

    Args:
        lines: of all rows, in order.
    """
    return "\n".join(_rows(lines))


def _rows(lines: Sequence[Line]) -> Iterator[str]:
    yield COLUMNS
    yield "-" * len(COLUMNS)
    for title, group in groupby(lines, lambda line: line.title):
        yield title
        yield from (_row(line) for line in group)


def _row(line: Line) -> str:
    span = f"{_number(line.least, line.digits)} .. {_number(line.most, line.digits)}"
    ratio = "" if line.ratio is None else f"{line.ratio:.3f}" if line.ratio < 10 else f"{line.ratio:.1f}"
    target = "" if line.target is None else f"<= {line.target:g}"
    reached = "" if line.reached is None else "yes" if line.reached else "NO"
    cells = f"  {line.contender:<32}{_number(line.median, line.digits):>12}{span:>24}{ratio:>11}{target:>10}  {reached}"
    return cells.rstrip()


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"


def spread(lines: Sequence[Line]) -> float:
    """The median over the lines of the most to the least of a line's rounds: about 1 on a quiet machine.

    Args:
        lines: of all rows.
    """
    parts = [line.most / line.least for line in lines if line.rounds > 1 and line.least > 0]
    return statistics.median(parts) if parts else 1.0
