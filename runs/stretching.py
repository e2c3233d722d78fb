"""Consecutive plain steps of a journal, folded at once: as ``Standing.apply`` one by one, at a fraction of the cost.

A step is plain where it is the run's own, wrote at most a delta, and went on to a node: all that it changes is the
state, the spending, the counters and the place. Nearly all events of a long run are of that kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import StateInvalid
from ..flows.state import StateType
from .codec import add_spent, read_position
from .store.records import Event

if TYPE_CHECKING:
    from .standing import Standing

LEAST = 4
"""Steps that are worth it."""

# What `folds.py` reads of a step beyond these makes it more than plain.
_PLAIN = frozenset(
    ("node", "kind", "spent", "attempts", "calls", "gates", "refusal", "delta", "to", "edge", "tried", "counted")
)


def plain_steps(standing: Standing[Any], events: Sequence[Event], start: int) -> int:
    """How many of the events from a place on are plain steps that can be folded at once.

    The last one is left to ``Standing.apply``: what a retry of it would begin with is kept there.

    Args:
        standing: where the run stands before them.
        events: the next events of the run.
        start: the place.
    """
    root = standing.root
    if len(standing.branches) > 1 or root.children or root.entries or standing.dropped or standing.vault is not None:
        return 0
    if type(root.frame.kind) is not StateType:
        return 0
    count = 0
    for event in events[start:]:
        if event.kind != "step" or event.number != standing.tail + count + 1 or not _is_plain(event.body):
            break
        count += 1
    return max(0, count - 1)


def _is_plain(body: dict[str, Any]) -> bool:
    to = body.get("to")
    return _PLAIN.issuperset(body) and isinstance(to, dict) and len(to) == 1 and "node" in to  # pyright: ignore[reportUnknownArgumentType]  # JSON


def fold_at_once(standing: Standing[Any], events: Sequence[Event]) -> bool:
    """Folds plain steps; False where one of them does not fold: then nothing has changed, and ``apply`` says which.

    Args:
        standing: where the run stands.
        events: as ``plain_steps`` counted them, at least one.
    """
    root = standing.root
    frame = root.frame
    spent, counters = frame.spent, dict(frame.counters)
    deltas: list[dict[str, Any]] = []
    try:
        for event in events:
            body = event.body
            spent = add_spent(spent, body.get("spent"))
            if body.get("delta"):
                deltas.append(body["delta"])
            for name in body.get("counted", ()):
                counters[name] = counters.get(name, 0) + 1
        at = read_position(events[-1].body["to"])
        state = frame.kind.fold_all(root.state, deltas)
    except (KeyError, TypeError, AttributeError, StateInvalid, ValueError):
        return False
    frame.spent, frame.counters = spent, counters
    root.state, root.at = state, at
    root.error = standing.error = None
    root.calls, root.requests = {}, {}
    root.ordinal += len(events)
    standing.steps += len(events)
    standing.tail, standing.updated = events[-1].number, events[-1].at
    return True
