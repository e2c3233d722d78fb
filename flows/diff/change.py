"""One thing that two versions have written otherwise, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...guards.durations import written
from .stored import as_text

Kind = Literal["added", "removed", "changed"]
Spec = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A part that is written otherwise.

    Args:
        kind: added, removed or changed.
        part: what sort of part: node, edge, order, gate, limit, budget, end, field, flow.
        name: which one.
        text: what changed, in words.
        behaves: whether a run may do something else for it; a label or a description of the state changes nothing.
        loosens: whether it takes away from what held a run back.
        high: whether it does so where stakes are high.
    """

    kind: Kind
    part: str
    name: str
    text: str
    behaves: bool = True
    loosens: bool = False
    high: bool = False


WORDS = {
    "kind": "is {1}, was {0}", "writes": "writes {1}, wrote {0}", "returns": "returns {1}, returned {0}",
    "effect": "has the effect {1}, had {0}", "stakes": "its stakes are {1}, were {0}",
    "role": "asks {1}, asked {0}", "question": "asks {1}, asked {0}", "model": "its model is {1}, was {0}",
    "timeout": "its timeout is {1}, was {0}", "within": "waits {1}, waited {0}",
}  # fmt: skip
"""What is said of a part of a node or of a gate: of what it is now, and of what it was."""


def let_go(key: str, was: Any, now: Any) -> bool:
    """Whether a change of one part of a node or a gate takes away from what held a run back.

    Args:
        key: the part.
        was: what it was.
        now: what it is.
    """
    if key == "stakes":
        return bool(was == "high")
    if key == "effect":
        return bool(was == "once")
    if key == "not_by":
        return bool(set(was or ()) - set(now or ()))
    return key in ("reconcile", "key") and now is None


def value(key: str, value: Any) -> str:
    """A value in words.

    Args:
        key: what it is the value of.
        value: the value.
    """
    if value is None:
        return "none"
    if key in ("timeout", "within", "seconds", "deadline") and isinstance(value, int | float):
        return written(value) if value else "0s"
    if isinstance(value, str):
        return value if value.replace("_", "").isalnum() and len(value) < 40 else _hash_or(value)
    return as_text(value)


def _hash_or(value: str) -> str:
    is_hash = len(value) in (16, 64) and all(letter in "0123456789abcdef" for letter in value)
    return f"{value[:8]}…" if is_hash else f'"{value}"'
