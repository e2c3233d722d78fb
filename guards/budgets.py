"""Budgets: what a run may use up, and what it has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from ..errors import FlowError, caller
from .durations import Duration, seconds


class Spent(NamedTuple):
    """What a run has used up; kept in the journal, outside the state.

    Args:
        steps: executions of nodes.
        calls: model and tool calls, failed attempts and repairs included.
        tokens: tokens in and out of models.
        usd: dollars, by the price list.
        seconds: working time; waiting for people is free.
    """

    steps: int = 0
    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:  # type: ignore[override]  # amounts are added, not joined
        return Spent(
            self.steps + other.steps,
            self.calls + other.calls,
            self.tokens + other.tokens,
            self.usd + other.usd,
            self.seconds + other.seconds,
        )


NOTHING = Spent()
"""What a run has used up at its start."""

NOTHING_SPENT = Spent()
"""What a run has used up before its first step."""

AMOUNTS = ("steps", "calls", "tokens", "usd", "seconds")
"""The kinds of a budget that are amounts (a deadline is a time)."""


WHOLE = ("steps", "calls", "tokens")
"""The kinds of which there is no half."""


@dataclass(frozen=True)
class Budget:
    """What a run may use up, in all its processes and resumes together; None is no bound.

    Args:
        steps: executions of nodes.
        tokens: tokens in and out of models.
        usd: dollars; a model without a known price is then an error.
        seconds: working time, summed over what runs side by side: two branches that work for 10 seconds at the
            same time use up 20. Waiting for people is free. It is looked at before a step begins, so what is
            under way then may overshoot it.
        calls: model and tool calls.
        deadline: wall clock, waiting for people included: a moment, or a duration from the run's start.
        keep: set aside for the way that ``on_exhausted`` takes.

    Raises:
        FlowError: an amount that is no number or below zero, or ``keep`` asks for more than there is.
    """

    steps: int | None = None
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None
    calls: int | None = None
    deadline: datetime | Duration | None = None
    keep: Budget | None = None

    def __post_init__(self) -> None:
        keep: object = self.keep
        if keep is not None and not isinstance(keep, Budget):
            raise FlowError(f"Budget(keep={keep!r}) must be a Budget: write keep=Budget(steps=...)", where=caller())
        deadline: object = self.deadline
        if isinstance(deadline, bool) or not isinstance(deadline, datetime | timedelta | str | int | float | None):
            raise FlowError(
                f'Budget(deadline={deadline!r}) must be a datetime with a time zone or a duration such as "24h"',
                where=caller(),
            )
        for name in AMOUNTS:
            amount = getattr(self, name)
            if amount is None:
                continue
            whole = name in WHOLE
            if isinstance(amount, bool) or not isinstance(amount, int if whole else int | float) or not amount >= 0:
                kind = "a whole number" if whole else "a number"
                raise FlowError(f"Budget({name}={amount!r}) must be {kind} of at least 0", where=caller())
            kept = None if self.keep is None else getattr(self.keep, name)
            if kept is not None and kept > amount:
                raise FlowError(f"Budget({name}={amount!r}) cannot keep {kept!r} of it", where=caller())
        if self.deadline is not None and not isinstance(self.deadline, datetime):
            object.__setattr__(self, "deadline", seconds(self.deadline, "deadline"))
        elif isinstance(self.deadline, datetime) and self.deadline.tzinfo is None:
            raise FlowError("Budget(deadline=...) needs a time zone: datetime(..., tzinfo=UTC)", where=caller())
        if self.keep is not None and (self.keep.keep is not None or self.keep.deadline is not None):
            raise FlowError("keep=Budget(...) holds amounts only, no deadline and no keep of its own", where=caller())
        for name, out in (("_in", False), ("_out", True)):  # asked at every step, so told once
            found = ((kind, self.bound(kind, on_the_way_out=out)) for kind in AMOUNTS)
            object.__setattr__(self, name, tuple((kind, bound) for kind, bound in found if bound is not None))

    def bound(self, kind: str, *, on_the_way_out: bool) -> float | None:
        """How much of a kind may be used up in all: what is kept counts only on the way out.

        Args:
            kind: one of ``AMOUNTS``.
            on_the_way_out: whether ``on_exhausted`` was taken.
        """
        whole: float | None = getattr(self, kind)
        if whole is None or on_the_way_out or self.keep is None:
            return whole
        kept: float | None = getattr(self.keep, kind)
        return whole if kept is None else whole - kept

    def bounds(self, *, on_the_way_out: bool) -> tuple[tuple[str, float], ...]:
        """The kinds that are bounded, each with its bound.

        Args:
            on_the_way_out: whether ``on_exhausted`` was taken.
        """
        found: tuple[tuple[str, float], ...] = self.__dict__["_out" if on_the_way_out else "_in"]
        return found

    def ends_at(self, started: float) -> float | None:
        """The deadline as seconds since the epoch, for a run that started then.

        Args:
            started: when the run started, seconds since the epoch.
        """
        if self.deadline is None:
            return None
        return (
            self.deadline.timestamp()
            if isinstance(self.deadline, datetime)
            else started + seconds(self.deadline, "deadline")
        )
