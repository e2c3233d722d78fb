"""The lifecycle of a run, as a machine whose moves are computed once into a table.

    ready ──drive──▶ running ──wait──▶ waiting ──decide──▶ ready
                       ├──park──▶ parked ──settle──▶ ready
                       └──end──▶ ended ──retry──▶ ready
    anything that is not over ──cancel──▶ cancelled
    anything that is not cancelled ──revoke──▶ the same

A run that is driven again goes on from its journal, whatever its status; only what is over is not.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from transitions import Machine

from ..errors import RunNotReady

STATUSES = ("ready", "running", "waiting", "parked", "ended", "cancelled")
OVER = frozenset({"ended", "cancelled"})
"""Statuses in which nothing happens by itself any more."""

_ALIVE = ["ready", "running", "waiting", "parked"]
_MOVES: list[dict[str, Any]] = [
    {"trigger": "drive", "source": _ALIVE, "dest": "running"},
    {"trigger": "wait", "source": ["running", "waiting"], "dest": "waiting"},
    {"trigger": "park", "source": _ALIVE, "dest": "parked"},
    {"trigger": "end", "source": ["running"], "dest": "ended"},
    # A decision wakes a run that waits; one that runs finds it at its next commit, one that is parked stays so.
    {"trigger": "decide", "source": ["waiting", "ready"], "dest": "ready"},
    {"trigger": "decide", "source": ["running", "parked"], "dest": "="},
    {"trigger": "settle", "source": ["parked"], "dest": "ready"},
    # A run may be parked in one branch while others go on, or when another was settled before.
    {"trigger": "settle", "source": ["ready", "running"], "dest": "="},
    {"trigger": "retry", "source": ["ended", "parked"], "dest": "ready"},
    # What was said yes to may be tried again after the run failed.
    {"trigger": "revoke", "source": [*_ALIVE, "ended"], "dest": "="},
    {"trigger": "cancel", "source": _ALIVE, "dest": "cancelled"},
]
TRIGGERS = tuple(dict.fromkeys(str(move["trigger"]) for move in _MOVES))

_WAYS = {
    "ready": "Resume it.",
    "running": "Wait until it stops, or resume it when its process died.",
    "waiting": "Decide what it waits for, or cancel it.",
    "parked": "Settle it, or cancel it.",
    "ended": "Start another, or retry it when it failed.",
    "cancelled": "Start another.",
}


def advance(status: str, trigger: str, run: str | None = None) -> str:
    """The status that a run has after a trigger.

    Args:
        status: one of STATUSES.
        trigger: one of TRIGGERS.
        run: the run's id, for the error.

    Raises:
        RunNotReady: the status does not allow the trigger.
    """
    after = _table().get((status, trigger))
    if after is None:
        raise not_ready(status, trigger, run)
    return after


def not_ready(status: str, trigger: str, run: str | None) -> RunNotReady:
    """The error for a run whose status does not allow what was asked."""
    name = "the run" if run is None else f"run {run!r}"
    way = _WAYS.get(status, f"Statuses are {', '.join(STATUSES)}.")
    return RunNotReady(f"{name} is {status}: {trigger!r} is not allowed then. {way}", run=run, status=status)


@cache
def _table() -> dict[tuple[str, str], str]:
    machine = Machine(model=None, states=list(STATUSES), transitions=_MOVES, initial="ready", auto_transitions=False)
    table: dict[tuple[str, str], str] = {}
    for trigger in TRIGGERS:
        for move in machine.get_transitions(trigger):
            table[str(move.source), trigger] = str(move.dest)
    return table
