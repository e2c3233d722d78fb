"""The solver's part of a diff: cases that trying did not find, and the proof that there are no others.

For each version a row is a list of outcomes that exclude each other: an edge passes, those before it do not, and so
many of its gates exempt. Two versions differ where an outcome of the one and another one of the other can be at once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from itertools import islice, product
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from ...guards.symbolic import Logic, Sat, Symbols, Unknown, Unsat
from ..check.fitting import whole_type
from .candidates import Path
from .pairs import Pair
from .routing import Decision, World, no_way
from .row_pairs import Key, RowPair
from .rows import Found
from .stored import StoredEdge, Version

_TRIED = 4
"""How many of the solver's values are tried for one way in which rows differ."""


class Solver:
    """Searches rows of two versions.

    Args:
        pair: the versions.

    Raises:
        SolverMissing: z3 is not installed.
    """

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.symbols = Symbols(_both(pair))
        self._limits: dict[str, Logic] = {}

    def search(self, row: RowPair, world: World, known: set[Key]) -> tuple[list[Found], bool]:
        """Cases that differ in ways not known yet, and whether all ways are known then.

        Args:
            row: the two rows.
            world: what came in.
            known: the ways that are known already.
        """
        found: list[Found] = []
        whole = True
        (old, before), (new, after) = row.sides
        always = self._always(row)
        for (first, one), (second, other) in product(
            self._outcomes(old, before, world), self._outcomes(new, after, world)
        ):
            key = row.key(first, second)
            if key in known or (key[0] == key[1] and first.instead == second.instead):
                continue
            answer = self.symbols.solve({"old": one, "new": other, **always})
            if isinstance(answer, Unsat):
                continue
            if isinstance(answer, Unknown):
                whole = False
                continue
            known = known | {key}
            found.append(self._told(row, world, answer, first, second))
        return found, whole

    # outcomes

    def _outcomes(self, version: Version, source: str, world: World) -> Iterator[tuple[Decision, Logic]]:
        earlier = self.symbols.always
        for edge in version.row(source):
            if not world.sees(edge):
                continue
            passes = self._passes(version, edge)
            for asked, when in self._asked(version, edge):
                yield Decision(edge.target, asked, edge=edge.id), earlier & passes & when
            earlier = earlier & ~passes
        yield no_way(version, world), earlier

    def _passes(self, version: Version, edge: StoredEdge) -> Logic:
        found = self.symbols.always
        if edge.condition is not None:
            found = found & self.symbols.truth(edge.condition, {}).true
        for name in edge.limits:
            found = found & self._below(version, name)
        return found

    def _asked(self, version: Version, edge: StoredEdge) -> Iterator[tuple[tuple[str, ...], Logic]]:
        """The gates that an edge asks, in every combination of exemptions."""
        options: list[list[tuple[tuple[str, ...], Logic]]] = []
        for gate in edge.gates:
            unless = version.unless(gate)
            if unless is None:
                options.append([((gate,), self.symbols.always)])
            else:
                exempt = self.symbols.truth(unless, {}).true
                options.append([((gate,), ~exempt), ((), exempt)])
        for chosen in product(*options):
            when = self.symbols.always
            for _, logic in chosen:
                when = when & logic
            yield tuple(name for names, _ in chosen for name in names), when

    # what holds anyway

    def _below(self, version: Version, limit: str) -> Logic:
        """That the edges of a limit were taken less often than it allows."""
        place = next(
            place
            for place, item in enumerate(self.pair.counters)
            if limit == (item.old if version is self.pair.old else item.new)
        )
        return self._fewer(place, version.limits[limit])

    def _fewer(self, place: int, count: int) -> Logic:
        return self.symbols.free(f"counter {place} below {count}")

    def _always(self, row: RowPair) -> dict[Hashable, Logic]:
        """What holds of every state: both versions take its values; a count below a number is below a larger one."""
        found: dict[Hashable, Logic] = {}
        for name in {path[0] for path in row.candidates.paths}:
            infos = [version.model.model_fields.get(name) for version in (self.pair.old, self.pair.new)]
            for side, info in zip(("old", "new"), infos, strict=True):
                if info is not None:
                    found[f"{side} {name}"] = self.symbols.typed(name, 0, whole_type(info))
        for place, item in enumerate(self.pair.counters):
            if item.old is not None and item.new is not None:
                few, many = sorted((self.pair.old.limits[item.old], self.pair.new.limits[item.new]))
                if few != many:
                    found[f"counter {place}"] = ~self._fewer(place, few) | self._fewer(place, many)
        return found

    # what is found

    def _told(self, row: RowPair, world: World, answer: Sat, old: Decision, new: Decision) -> Found:
        """The first of the solver's values on which both versions, when evaluated, decide as the solver says."""
        asked = {path[0]: 0 for path in row.candidates.paths}
        wanted = row.key(old, new)
        first: Mapping[Path, Any] = {}
        for made in islice(answer.every({"": asked}), _TRIED):
            values = _by_path(row.candidates.paths, made[""])
            first = first or values
            states = row.states(values)
            if states is None:
                continue
            if any(row.key(*row.decide(world, states, case)) == wanted for case in row.cases(values)):
                return Found(values, old, new)
        return Found(first, old, new)


def _by_path(paths: list[Path], fields: Mapping[str, Any]) -> dict[Path, Any]:
    found: dict[Path, Any] = {}
    for path in paths:
        value: Any = fields.get(path[0])
        for name in path[1:]:
            value = getattr(value, name, None)
        if path[0] in fields:
            found[path] = value
    return found


def _both(pair: Pair) -> type[BaseModel]:
    """A state with the fields of both versions."""
    fields: dict[str, Any] = {}
    for version in (pair.old, pair.new):
        for name, info in version.model.model_fields.items():
            fields[name] = (whole_type(info), ... if info.is_required() else info.default)
    config = ConfigDict(protected_namespaces=(), arbitrary_types_allowed=True)
    model: type[BaseModel] = create_model("Both", __config__=config, **fields)
    return model
