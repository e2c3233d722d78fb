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
        return Place(state, frame.counters, frame.spent + spent, frame.started, now, frame.out)
    return Place(
        state,
        frame.counters,
        frame.spent + spent,
        frame.started,
        now,
        frame.out,
        branch.region,
        (beside := _beside(standing, branch)).get(id(frame), 0),
        frame.around(spent, beside),
    )


def _beside(standing: Standing[Any], branch: Branch) -> dict[int, int]:
    """Steps that other branches are at, by the frame that they are in or inside of: its budget counts them as taken."""
    found: dict[int, int] = {}
    for other in standing.branches.values():
        if other is branch:
            continue
        if other.node is not None:  # one that holds others is a step too, once they are over
            frame: Frame | None = other.frame
            while frame is not None:
                found[id(frame)] = found.get(id(frame), 0) + 1
                frame = frame.outer
    return found
