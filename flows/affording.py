"""Whether the budgets still allow the next node: the flow's own, and those of the flows around it."""

from __future__ import annotations

from dataclasses import replace

from ..guards.budgets import Budget
from ..guards.target import Target
from ..nodes.calls import exhausted_type
from ..nodes.node import Node
from ..nodes.outcome import ErrorRecord
from .position import Outer, Place


def over(budget: Budget | None, place: Place, target: Target) -> ErrorRecord | None:
    """Why the flow's own budget does not allow a target; None where it does.

    Args:
        budget: the flow's.
        place: where the run stands.
        target: the node to run next.
    """
    if budget is None:
        return None
    return _over(budget, place, place.now, target)


def over_outside(place: Place, target: Target) -> ErrorRecord | None:
    """Why a budget of a flow around this one does not allow a target; None where all do.

    Args:
        place: where the run stands.
        target: the node to run next.
    """
    for outer in place.outer:
        found = _over(outer.budget, outer, place.now, target)
        if found is not None:
            return replace(found, type=exhausted_type(outer.level))
    return None


def _over(budget: Budget, held: Place | Outer, now: float, target: Target) -> ErrorRecord | None:
    ends_at = None if budget.deadline is None else budget.ends_at(held.started)
    if ends_at is not None and now >= ends_at and not held.out:
        return ErrorRecord("exhausted", "Exhausted", f"the deadline passed before {target.name!r} could run")
    for kind, bound in budget.bounds(on_the_way_out=held.out):
        used = getattr(held.spent, kind)
        needed = 1 + held.beside if kind == "steps" else 1 if kind == "calls" and _calls(target) else 0
        if used + needed > bound or (kind == "seconds" and used >= bound):
            beside = f", {held.beside} under way" if kind == "steps" and held.beside else ""
            return ErrorRecord(
                "exhausted",
                "Exhausted",
                f"budget {kind}={bound:g} is used up: {used:g} spent{beside} before {target.name!r}",
            )
    return None


def _calls(target: Target) -> bool:
    return isinstance(target, Node) and target.kind in ("think", "tool")
