"""``when(...)``: the conditions and limits that must all hold for an edge to pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import ConditionError, caller
from .conditions import Condition, condition
from .expressions import Formula
from .limits import Limit
from .path import Guard


@dataclass(frozen=True, eq=False)
class When(Guard):
    """Conditions and limits, joined by "and", in the order written."""

    items: tuple[Formula | Limit, ...]


def when(*conditions: bool | Condition | Limit | Callable[..., bool]) -> When:
    """Lets an edge pass only where every condition is known to be true.

    Args:
        conditions: comparisons of ``fields(...)``, functions such as ``exists``, limits, or named
            plain functions whose parameters are state fields.

    Raises:
        ConditionError: nothing was given, or something that is no condition.
    """
    if not conditions:
        raise ConditionError(
            "when() needs at least one condition; a bare target, last in its row, is 'otherwise'", where=caller()
        )
    return When(tuple(item if isinstance(item, Limit) else condition(item) for item in conditions))
