"""How much a change of routing matters: what was let loose in front of high stakes comes first."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .pairs import Pair
    from .routing import Decision


class Weight(IntEnum):
    """How much it matters, from the most to the least."""

    LOOSENED_HIGH = 0
    LOOSENED = 1
    CHANGED = 2
    TIGHTENED = 3


def weigh(pair: Pair, old: Decision, new: Decision, *, by_limit: bool) -> tuple[Weight, str]:
    """How much it matters that a case is routed otherwise, and why.

    Args:
        pair: the versions.
        old: what the old version decides.
        new: what the new one decides.
        by_limit: whether a limit makes the difference.
    """
    before, after = pair.target(pair.old, old.target), pair.target(pair.new, new.target)
    high = _high(pair, new.target)
    lost = [gate for gate in old.asked if gate not in new.asked]
    come = [gate for gate in new.asked if gate not in old.asked]
    loosened = Weight.LOOSENED_HIGH if high else Weight.LOOSENED
    stakes = ", where stakes are high" if high else ""
    if before == after:
        if lost and not come:
            return loosened, f"{_names(lost)} no longer asked before {after}{stakes}"
        if come and not lost:
            return Weight.TIGHTENED, f"{_names(come)} asked now before {after}{stakes}"
        return (
            Weight.LOOSENED_HIGH if high else Weight.CHANGED
        ), f"{_names(come)} asked instead of {_plain(lost)}{stakes}"
    if high:
        word = f"through {_plain(list(new.asked))}" if new.asked else "with nobody asked"
        why = "a limit rose" if by_limit else f"{after} is reached where it was not"
        return Weight.LOOSENED_HIGH, f"{why}, {word}{stakes}"
    if _high(pair, old.target, old_side=True):
        return Weight.TIGHTENED, f"{before}, where stakes are high, is not reached any more"
    if by_limit:
        return (Weight.LOOSENED, "a limit rose") if _rose(pair) else (Weight.CHANGED, "a limit changed")
    return Weight.CHANGED, ""


def _high(pair: Pair, target: str | None, *, old_side: bool = False) -> bool:
    version = pair.old if old_side else pair.new
    if target is None:
        return False
    heads = version.shape.get("forks", {}).get(target, {}).get("heads", [target])
    return any(version.stakes.get(head) == "high" for head in heads)


def _rose(pair: Pair) -> bool:
    return any(
        item.old is not None and item.new is not None and pair.new.limits[item.new] > pair.old.limits[item.old]
        for item in pair.counters
    )


def _names(gates: list[str]) -> str:
    return f"{_plain(gates)} {'is' if len(gates) == 1 else 'are'}"


def _plain(gates: list[str]) -> str:
    return " and ".join(gates)
