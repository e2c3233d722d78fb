"""The facts of a report as short tables: ends and effects, times, kills, and what the budget is good for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ...guards.durations import written

if TYPE_CHECKING:
    from .report import Facts

MANY = 4
"""How many names of a list are shown."""


def tables(facts: Facts) -> Iterator[str]:
    """The lines of all tables; nothing of those that have nothing to say.

    Args:
        facts: the report's.
    """
    yield from _ends(facts)
    yield from _killed(facts)
    yield from _time("working", facts.times.working, facts.times.open_work)
    yield from _time("waiting", facts.times.waiting, facts.times.open_wait)
    for end, least in facts.cheapest.items():
        yield f"the cheapest way to {end!r}: {' and '.join(_amount(kind, amount) for kind, amount in least.items())}"
    for cycle, count in facts.rounds.items():
        yield f"the budget pays for at most {count} rounds of {cycle}"


def _ends(facts: Facts) -> Iterator[str]:
    """F507: a line for each end; those with the same effects are told together."""
    if facts.ends:
        yield "effects at each end (F507):"
    alike: dict[str, list[str]] = {}
    for end, effects in facts.ends.items():
        parts = (
            f"{word} {listed(name for name, found in effects.items() if found == word)}"
            for word in ("surely", "possibly", "never")
            if word in effects.values()
        )
        alike.setdefault("; ".join(parts), []).append(end)
    for said, ends in alike.items():
        yield f"  {listed(ends)}: {said}"


_KILLED = {
    "asked": "reconcile= is asked",
    "edge": "the edge for unknown_effect is taken",
    "parks": "the run parks until it is settled",
}


def _killed(facts: Facts) -> Iterator[str]:
    """What a kill leads to, where it is more than that the step is done again."""
    for word, what in _KILLED.items():
        names = [name for name, found in facts.killed.items() if found == word]
        if names:
            yield f"killed in the middle of {listed(names)}: {what}"


def _time(what: str, most: float | None, left: Mapping[str, str]) -> Iterator[str]:
    """F407: a line for what takes time; what is open for the same reason is told together."""
    if most is None:
        why = {why: [name for name, one in left.items() if one == why] for why in left.values()}
        said = "; ".join(f"{listed(names)} {reason}" for reason, names in why.items())
        yield f"{what} time (F407): no bound: {said}"
    elif most:
        yield f"{what} time (F407): at most {written(most)}"


def _amount(kind: str, amount: float) -> str:
    return f"{amount:g} {kind.removesuffix('s') if amount == 1 else kind}"


def listed(names: Iterable[str]) -> str:
    """Names in a row, the first few of many.

    Args:
        names: the names.
    """
    every = list(names)
    return ", ".join(every[:MANY]) + ("" if len(every) <= MANY else f" and {len(every) - MANY} more")
