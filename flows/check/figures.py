"""The figures of a report: how much a run can use up at most, and which cap gave each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .report import Facts

FIGURES = (("max_steps", "steps"), ("max_calls", "calls"), ("max_tokens", "tokens"), ("max_usd", "usd"))
"""The figures of the facts, each with the part of a budget that can cap it."""


def figures(facts: Facts) -> list[str]:
    """The figures, a line each.

    Args:
        facts: a report's.
    """
    shown: list[str] = []
    for name, _ in FIGURES:
        value, cap = getattr(facts, name), facts.capped_by.get(name)
        shown.append(f"{name}: unbounded" if value is None else f"{name}: {value:g} (by {cap})")
    return shown
