"""What two versions of a row decide otherwise: for each way in which they differ, a state that shows it.

A state is told only after both versions were evaluated on it. What the solver believes and no evaluation confirms is
told as what may be.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, Protocol

from ...guards.expressions import Opaque
from ..past import NOTHING
from .candidates import Path, as_json
from .routing import Decision, World, worlds
from .row_pairs import CASES, COUNTS, LEAVES, Case, Key, RowPair
from .weighing import Weight, weigh


@dataclass(frozen=True)
class Rerouted:
    """A case that two versions route otherwise.

    Args:
        source: the row's source, under its name in the new version.
        outcome: what came in, where that is not a plain ok.
        example: what the fields hold that matter, by printed path; JSON-able.
        state: what all fields hold that the two rows look at, by printed path; JSON-able.
        says: what named functions that matter are taken to say, by printed call.
        taken: how often the edges of a limit were taken before, by what the limit counts.
        old: what the old version decides.
        new: what the new version decides.
        weight: how much it matters.
        why: what makes it matter.
        certain: whether both versions were evaluated on it; else the solver alone says so.
    """

    source: str
    outcome: str
    example: Mapping[str, Any]
    state: Mapping[str, Any]
    says: Mapping[str, bool]
    taken: Mapping[str, int]
    old: Decision
    new: Decision
    weight: Weight
    why: str
    certain: bool = True


@dataclass(frozen=True)
class RowDiff:
    """What was found about one row that is written otherwise.

    Args:
        source: the row's source, under its name in the new version.
        rerouted: a case for each way in which the two differ.
        complete: True: it is proved that they differ in no other way; None: it is not known.
        rests_on: named functions that are taken to be the same in both versions.
        missing: what keeps it from being proved.
    """

    source: str
    rerouted: tuple[Rerouted, ...]
    complete: Literal[True] | None
    rests_on: tuple[str, ...] = ()
    missing: str = ""


class Searcher(Protocol):
    """Finds cases that trying did not find, and proves that there are no others."""

    def search(self, row: RowPair, world: World, known: set[Key]) -> tuple[list[Found], bool]:
        """Cases that differ in ways not known yet, and whether all ways are known then.

        Args:
            row: the two rows.
            world: what came in.
            known: the ways that are known already.
        """
        ...


@dataclass(frozen=True)
class Found:
    """A case that a search came to: its values, and what the two rows are said to decide."""

    values: Mapping[Path, Any]
    old: Decision
    new: Decision


def row_diff(row: RowPair, searcher: Searcher | None) -> RowDiff:
    """What two versions of a row decide otherwise.

    Args:
        row: the row in both versions.
        searcher: finds what trying does not find; None: nobody does.
    """
    found: list[Rerouted] = []
    complete: Literal[True] | None = True if searcher is not None else None
    for world in worlds(row.pair.old, row.pair.new, row.before):
        known: dict[Key, tuple[Case, Decision, Decision]] = {}
        _tried(row, world, known)
        found += [_told(row, world, *item, certain=True) for item in known.values()]
        if searcher is None:
            continue
        more, whole = searcher.search(row, world, set(known))
        complete = complete if whole else None
        found += [_confirmed(row, world, item) for item in more]
    told = {(item.outcome, item.old, item.new): item for item in reversed(found)}
    ordered = sorted(told.values(), key=lambda item: (item.weight, not item.certain, item.outcome, str(item.example)))
    rests_on = tuple(_call(leaf) for leaf in row.leaves)
    if _unknown_kinds(row):
        return RowDiff(row.after, tuple(_merged(ordered)), None, rests_on, _KINDS)
    return RowDiff(row.after, tuple(_merged(ordered)), complete, rests_on)


_KINDS = "which exceptions are kinds of which is in no manifest"


def _unknown_kinds(row: RowPair) -> bool:
    """Whether the edges for failures differ, and name exceptions that are not Python's own."""
    sides = [
        [(edge.match, edge.condition, edge.limits, edge.gates, row.pair.target(version, edge.target)) for edge in edges]
        for version, source in row.sides
        for edges in [[edge for edge in version.row(source) if edge.match is not None and "types" in edge.match]]
    ]
    named = [name for side in sides for match, *_ in side for name in (match or {})["types"]]
    return sides[0] != sides[1] and not all(name.startswith("builtins.") for name in named)


def _tried(row: RowPair, world: World, known: dict[Key, tuple[Case, Decision, Decision]]) -> None:
    """Tries states; keeps the plainest for each way in which the rows differ."""
    each = len(row.counts) * 2 ** min(len(row.leaves), LEAVES)
    for values in islice(row.candidates, max(CASES // COUNTS, CASES // each)):
        states = row.states(values)
        if states is None:
            continue
        for case in row.cases(values):
            old, new = row.decide(world, states, case)
            key = row.key(old, new)
            if key[0] == key[1] and old.instead == new.instead:
                continue
            best = known.get(key)
            if best is None or _plainness(case) < _plainness(best[0]):
                known[key] = (case, old, new)


def _confirmed(row: RowPair, world: World, found: Found) -> Rerouted:
    """A case of the solver's, after both versions were evaluated on it."""
    states = row.states(found.values)
    wanted = row.key(found.old, found.new)
    for case in row.cases(found.values) if states is not None else ():
        old, new = row.decide(world, states, case)  # type: ignore[arg-type]  # there are states where there are cases
        if row.key(old, new) == wanted:
            return _told(row, world, case, old, new, certain=True)
    return _told(row, world, Case(found.values, {}, row.counts[0]), found.old, found.new, certain=False)


def _told(row: RowPair, world: World, case: Case, old: Decision, new: Decision, *, certain: bool) -> Rerouted:
    limited = {item.words: count for item, count in zip(row.pair.counters, case.taken, strict=True) if count}
    weight, why = weigh(row.pair, old, new, by_limit=bool(limited) and certain and _alike_at_first(row, world, case))
    shown = {path: as_json(value) for path, value in sorted(case.values.items()) if _shown(path, case.values)}
    kept = matters(row, world, case, tuple(shown)) if certain else set(shown) | set(case.says)
    return Rerouted(
        source=row.after,
        outcome=world.words,
        example={".".join(path): value for path, value in shown.items() if path in kept},
        state={".".join(path): value for path, value in shown.items()},
        says={_call(leaf): says for leaf, says in case.says.items() if leaf in kept},
        taken=limited,
        old=old,
        new=new,
        weight=weight,
        why=why,
        certain=certain,
    )


def _alike_at_first(row: RowPair, world: World, case: Case) -> bool:
    """Whether the two rows decide alike as long as no edge with a limit was taken: the limit makes the difference."""
    states = row.states(case.values)
    if states is None:
        return False
    key = row.key(*row.decide(world, states, Case(case.values, case.says, (0,) * len(case.taken))))
    return key[0] == key[1]


def matters(row: RowPair, world: World, case: Case, paths: tuple[Path, ...]) -> set[Path | Opaque]:
    """The fields and functions without which the two rows may decide otherwise than they do in a case.

    Args:
        row: the row in both versions.
        world: what came in.
        case: the case.
        paths: the fields to look at.
    """
    some = random.Random(0)  # a spread of values, the same each time, and no secret
    states = row.states(case.values)
    wanted = None if states is None else row.key(*row.decide(world, states, case))
    free: list[Path | Opaque] = []
    kept: set[Path | Opaque] = set()
    looked: list[Path | Opaque] = [*paths, *case.says]
    for item in looked:
        if all(_same(row, world, case, [*free, item], wanted, some) for _ in range(_TRIALS)):
            free.append(item)
        else:
            kept.add(item)
    return kept


_TRIALS = 24


def _same(
    row: RowPair, world: World, case: Case, free: list[Path | Opaque], wanted: Key | None, some: random.Random
) -> bool:
    """Whether the rows decide as they do, whatever some of the fields and functions are."""
    values, says = dict(case.values), dict(case.says)
    for item in free:
        if isinstance(item, Opaque):
            says[item] = some.random() < 0.5
        else:
            values[item] = some.choice(row.candidates.options[item] or [values[item]])
    states = row.states(values)
    return states is None or row.key(*row.decide(world, states, Case(values, says, case.taken))) == wanted


def _merged(found: list[Rerouted]) -> Iterator[Rerouted]:
    """One failure stands for all that are routed alike: the first that is named."""
    seen: set[Any] = set()
    for item in found:
        key = (item.source, item.old, item.new, item.outcome.startswith("which failed"))
        if key not in seen:
            seen.add(key)
            yield item


def _shown(path: Path, values: Mapping[Path, Any]) -> bool:
    """Whether a field is told: not within what is None, and not a model of which fields are told."""
    if any(values.get(path[:count], NOTHING) is None for count in range(1, len(path))):
        return False
    return values[path] is None or not any(len(other) > len(path) and other[: len(path)] == path for other in values)


def _plainness(case: Case) -> tuple[Any, ...]:
    values = [value for path, value in case.values.items() if _shown(path, case.values)]
    numbers = sum(abs(float(value)) for value in values if isinstance(value, int | float))
    return (
        sum(case.taken), sum(case.says.values()), sum(value is None for value in values),
        sum(len(str(value)) for value in values), numbers, str(values),
    )  # fmt: skip


def _call(leaf: Opaque) -> str:
    return f"{leaf.name}({', '.join(leaf.parameters)})" if leaf.parameters else leaf.name
