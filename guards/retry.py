"""``Retry``: how a node's failed attempts are tried again, within its step."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import FlowError, caller
from .durations import Duration, seconds
from .outcomes import CATEGORIES, TRANSIENT


@dataclass(frozen=True)
class Retry:
    """Tries a failed attempt again after a growing, jittered pause.

    Args:
        attempts: how often at most, the first try counted; default 3.
        on: the categories that are tried again; default the transient ones.
        pause: the first pause, seconds or a duration; default 0.5 s; each next is twice as long.
        longest: the longest pause; default 30 s. The pause is drawn evenly between zero and its bound
            (full jitter).

    Raises:
        FlowError: fewer than 1 attempt, an unknown category, or a time that is none.
    """

    attempts: int = 3
    on: tuple[str, ...] = TRANSIENT
    pause: Duration = 0.5
    longest: Duration = 30.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise FlowError(f"Retry(attempts={self.attempts}) needs at least 1 attempt", where=caller())
        wanted: list[str] = []
        for name in (self.on,) if isinstance(self.on, str) else self.on:
            wanted.extend(TRANSIENT if name == "transient" else (name,))
        for name in wanted:
            if name not in CATEGORIES:
                raise FlowError(
                    f"Retry(on={name!r}): there is no such category: {', '.join(CATEGORIES)}", where=caller()
                )
        object.__setattr__(self, "on", tuple(wanted))
        object.__setattr__(self, "pause", seconds(self.pause, "pause"))
        object.__setattr__(self, "longest", seconds(self.longest, "longest"))
