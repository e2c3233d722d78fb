"""What is measured and what it comes to: rows, their figures, medians, the rounds' own ratios, and targets."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.lanes import Lane

Samples = dict[str, list[dict[str, float]]]
"""By contender: what each round gave, by the figure's name."""


@dataclass(frozen=True)
class Figure:
    """One group of lines in the table.

    Args:
        key: what the contenders' rounds call it.
        title: what it is, with its unit.
        beside: the most that ours may be of a contender's, by the contender's name.
        limit: the most that ours may be by itself, in the figure's unit.
        digits: how many digits after the point are shown.
    """

    key: str
    title: str
    beside: Mapping[str, float] = field(default_factory=dict[str, float])
    limit: float | None = None
    digits: int = 1


@dataclass(frozen=True)
class Row:
    """One measurement: contenders that do the same work, ours first.

    Args:
        name: what the command line calls it.
        lanes: the contenders; the first is ours.
        figures: what is told of them.
        rounds: how many rounds when nothing else is asked for.
    """

    name: str
    lanes: Sequence[Lane]
    figures: Sequence[Figure]
    rounds: int = 5


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Args:
        title: what is measured, with its unit.
        contender: who did it.
        median: over the rounds.
        least: of the rounds.
        most: of the rounds.
        rounds: how many there were.
        ratio: ours by this contender's: the median of the rounds' own ratios; None for ours.
        target: what ours is to reach: as a ratio beside this contender, or for ours by itself.
        reached: whether it did; None where there is no target.
        digits: how many digits after the point are shown.
    """

    title: str
    contender: str
    median: float
    least: float
    most: float
    rounds: int
    ratio: float | None = None
    target: float | None = None
    reached: bool | None = None
    digits: int = 1


def told(row: Row, samples: Samples) -> list[Line]:
    """The lines of a row: ours first, then each contender that has the figure.

    Args:
        row: the row.
        samples: what its rounds gave; a contender that was left out is not there.
    """
    ours = row.lanes[0].name
    return [
        _line(figure, name, _series(samples, name, figure.key), _series(samples, ours, figure.key), name == ours)
        for figure in row.figures
        for name in (lane.name for lane in row.lanes)
        if _series(samples, name, figure.key)
    ]


def _series(samples: Samples, name: str, key: str) -> list[float]:
    return [given[key] for given in samples.get(name, []) if key in given]


def _line(figure: Figure, name: str, theirs: Sequence[float], ours: Sequence[float], own: bool) -> Line:
    ratio = None if own or not ours else ratio_of(ours, theirs)
    target = figure.limit if own else figure.beside.get(name)
    measured = statistics.median(theirs) if own else ratio
    return Line(
        title=figure.title,
        contender=name,
        median=statistics.median(theirs),
        least=min(theirs),
        most=max(theirs),
        rounds=len(theirs),
        ratio=ratio,
        target=target,
        reached=None if target is None or measured is None else measured <= target,
        digits=figure.digits,
    )


def ratio_of(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' own ratios: what the machine did in a round, it did to both.

    Args:
        ours: by round.
        theirs: by round; where one has fewer rounds, those that both have count.
    """
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=False) if b)
