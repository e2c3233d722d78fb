"""All that the next move of a branch depends on, as the semantics takes it."""

from __future__ import annotations

from typing import Any

from ..flows.each import Each
from ..flows.position import Place
from ..flows.subflow import Subflow
from ..guards.budgets import NOTHING, Spent
from .branches import Branch
from .standing import Standing


def place_of_branch(standing: Standing[Any], branch: Branch, state: Any, now: float, spent: Spent = NOTHING) -> Place:
    """The place of a branch.

    Args:
        standing: where the run stands.
        branch: the branch.
        state: its state, with what the step under way writes.
        now: the present moment, seconds since the epoch.
        spent: what the step under way has spent and no event says yet.
    """
    frame = branch.frame
    if branch.parent is None and len(standing.branches) == 1:  # nearly every step
        return Place(state, frame.counters, frame.spent + spent, frame.started, now, frame.out)
    return Place(
        state,
        frame.counters,
        frame.spent + spent,
        frame.started,
        now,
        frame.out,
        branch.region,
        _beside(standing, branch),
        frame.around(spent),
    )


def _beside(standing: Standing[Any], branch: Branch) -> int:
    """Steps that other branches are at: the budgets count them as taken."""
    others = (other.node for other in standing.branches.values() if other is not branch)
    return sum(node is not None and not isinstance(node, Each | Subflow) for node in others)
