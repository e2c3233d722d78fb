"""All that the next move of a branch depends on, as the semantics takes it."""

from __future__ import annotations

from typing import Any

from ..flows.position import Place
from ..guards.budgets import NOTHING, Spent
from .branches import Branch, Frame
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
        spent = frame.spent + spent
        return Place(state, frame.counters, spent, frame.started, now, frame.out, watch=frame.watch)
    return Place(
        state,
        frame.counters,
        frame.spent + spent,
        frame.started,
        now,
        frame.out,
        branch.region,
        _beside(standing, branch, frame, spent),
        frame.around(spent, lambda around: _beside(standing, branch, around, spent)),
        frame.watch,
    )


def _beside(standing: Standing[Any], branch: Branch, frame: Frame, spent: Spent) -> int:
    """Steps that other branches inside of a frame are at: its budget counts them as taken.

    They are counted only where they could matter: a run may stand in thousands of places.
    """
    budget = frame.flow.budget
    bound = None if budget is None else budget.bound("steps", on_the_way_out=frame.out)
    if bound is None or frame.spent.steps + spent.steps + len(standing.branches) < bound:
        return 0
    head = next(one for one in (branch, *branch.above()) if one.heads_frame and one.frame is frame)
    # one that holds others is a step too, once they are over
    return sum(one.node is not None for one in (head, *head.within_branches()) if one is not branch)
