"""Matches of a subflow's end: ``ended(not_ours) >> triage``."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConditionError, caller
from .path import Guard
from .target import Target

VERDICTS = ("success", "partial", "escalated", "failed")
"""How an end may be judged."""


@dataclass(frozen=True)
class Ended(Guard):
    """Passes only where a subflow came to one of these ends, or to an end of one of these verdicts."""

    ends: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()

    def matches(self, end: str | None, verdict: str | None) -> bool:
        """Whether a subflow that came to this end is meant.

        Args:
            end: the end's name; None where it had no way on.
            verdict: how it ended.
        """
        return end is not None and (end in self.ends or verdict in self.verdicts)


def ended(*what: Target | str) -> Ended:
    """Passes where a subflow came to one of these ends.

    Args:
        what: ends of the subflow's flow, or verdicts: ``ended(not_ours)``, ``ended("escalated")``.

    Raises:
        ConditionError: nothing is named, or a name is no verdict.
    """
    if not what:
        raise ConditionError("ended() needs an end of the subflow, or a verdict: ended(not_ours)", where=caller())
    ends = [item.name for item in what if isinstance(item, Target)]
    verdicts = [item for item in what if not isinstance(item, Target)]
    for item in verdicts:
        if item not in VERDICTS:
            raise ConditionError(
                f"ended({item!r}): name an End of the subflow, or one of the verdicts {', '.join(VERDICTS)}",
                where=caller(),
            )
    return Ended(tuple(ends), tuple(verdicts))
