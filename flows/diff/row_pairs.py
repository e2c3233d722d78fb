"""One row in two versions: the cases in which it is looked at, and what both decide in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, product
from typing import Any

from pydantic import BaseModel, ValidationError

from ...guards.expressions import Formula, Opaque
from ..check.samples import NoSample
from .candidates import Candidates, Path
from .pairs import Pair
from .routing import Choices, Decision, World, decision
from .stored import Version, opaque_leaves

Key = tuple[tuple[str | None, tuple[str, ...]], tuple[str | None, tuple[str, ...]]]
"""What two rows decide: for each the target and who is asked, under the names of the new version."""


@dataclass(frozen=True)
class Case:
    """One case in which a row is looked at.

    Args:
        values: what fields hold, by path.
        says: what named functions say.
        taken: for each of the pair's counters how often its edges were taken.
    """

    values: Mapping[Path, Any] = field(default_factory=dict[Path, Any])
    says: Mapping[Opaque, bool] = field(default_factory=dict[Opaque, bool])
    taken: tuple[int, ...] = ()


COUNTS, LEAVES, CASES = 24, 5, 6000
"""How many combinations of counts and how many named functions are looked at in a state, and how many cases in all."""


class RowPair:
    """One row in two versions.

    Args:
        pair: the versions.
        before: the row's source in the old one.
        after: its source in the new one.
    """

    def __init__(self, pair: Pair, before: str, after: str) -> None:
        self.pair, self.before, self.after = pair, before, after

    @cached_property
    def trees(self) -> tuple[Formula, ...]:
        """All conditions and exemptions of both rows."""
        return (*_trees(self.pair.old, self.before), *_trees(self.pair.new, self.after))

    @cached_property
    def leaves(self) -> tuple[Opaque, ...]:
        """What only code can tell."""
        return tuple(opaque_leaves(*self.trees))

    @cached_property
    def candidates(self) -> Candidates:
        """States worth trying."""
        return Candidates(self.trees, self.pair.old.model, self.pair.new.model)

    @cached_property
    def counts(self) -> list[tuple[int, ...]]:
        """How often the edges of each limit may have been taken, in every combination worth trying."""
        used = {name for version, source in self.sides for edge in version.row(source) for name in edge.limits}
        options: list[list[int]] = []
        for item in self.pair.counters:
            if item.old not in used and item.new not in used:
                options.append([0])
                continue
            most = {
                version.limits[name] for version, name in ((self.pair.old, item.old), (self.pair.new, item.new)) if name
            }
            options.append(sorted({0, *(n - 1 for n in most), *most}))
        return list(islice(product(*options), COUNTS))

    @property
    def sides(self) -> tuple[tuple[Version, str], tuple[Version, str]]:
        """The two versions, each with the row's source in it."""
        return (self.pair.old, self.before), (self.pair.new, self.after)

    def key(self, old: Decision, new: Decision) -> Key:
        """What two decisions come to, comparable across the versions."""
        return (
            (self.pair.target(self.pair.old, old.target), old.asked),
            (self.pair.target(self.pair.new, new.target), new.asked),
        )

    def states(self, values: Mapping[Path, Any]) -> tuple[BaseModel, BaseModel] | None:
        """A state in both versions; None where one of them does not take it.

        Args:
            values: by path.
        """
        try:
            data = self.candidates.data(dict(values))
            return self.pair.old.model.model_validate(data), self.pair.new.model.model_validate(data)
        except (ValidationError, NoSample):
            return None

    def decide(self, world: World, states: tuple[BaseModel, BaseModel], case: Case) -> tuple[Decision, Decision]:
        """What the two rows decide.

        Args:
            world: what came in.
            states: a state, in both versions.
            case: what no state tells.
        """
        counts = list(zip(self.pair.counters, case.taken, strict=True))
        before = Choices(case.says, {item.old: count for item, count in counts if item.old is not None})
        after = Choices(case.says, {item.new: count for item, count in counts if item.new is not None})
        return (
            decision(self.pair.old, self.before, world, states[0], before),
            decision(self.pair.new, self.after, world, states[1], after),
        )

    def cases(self, values: Mapping[Path, Any]) -> Iterator[Case]:
        """A state with all that no state tells, in every combination worth trying.

        Args:
            values: by path.
        """
        for says in product((False, True), repeat=min(len(self.leaves), LEAVES)):
            for taken in self.counts:
                yield Case(values, dict(zip(self.leaves, says, strict=False)), taken)


def _trees(version: Version, source: str) -> Iterator[Formula]:
    for edge in version.row(source):
        if edge.condition is not None:
            yield edge.condition
        for gate in edge.gates:
            unless = version.unless(gate)
            if unless is not None:
                yield unless
