"""Limits: how often the edges that bear one may be taken in a run."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConditionError, caller
from .path import Guard


@dataclass(frozen=True, eq=False)
class Limit(Guard):
    """At most ``n`` takings in a run, counted over all edges that bear this very object."""

    n: int
    name: str | None = None


def at_most(n: int, *, name: str | None = None) -> Limit:
    """A counter: true while the edges that bear it were taken fewer than ``n`` times in the run.

    Used up, it is false and the next edge of the row is tried. It is a part of a condition, never a
    safeguard: what must not happen needs a gate.

    Args:
        n: how many times, 1 or more.
        name: the counter's name in the journal and on the diagram; by default told from its first edge.

    Raises:
        ConditionError: ``n`` is not a whole number of at least 1.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ConditionError(f"at_most({n!r}) needs a whole number of at least 1", where=caller())
    return Limit(n, name)
