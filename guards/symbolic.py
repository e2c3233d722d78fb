"""The symbolic form of conditions: what must hold of a state so that one is known to be true, or known to be false.

Exact where the solver's numbers and Python's are the same thing, which is nearly everywhere. Where it is not exact
(parts and order of texts, items in the middle of a list, equality of collections and models) it admits more than
Python does: what it calls impossible is impossible, and what it calls possible is to be confirmed by evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel

from .cells import Cells, Items, Thing
from .expressions import (
    And,
    Compare,
    Contains,
    Exists,
    Expr,
    NoneOf,
    OneOf,
    Opaque,
    Or,
    Proposes,
)
from .facts import Facts, Need
from .messages import messages_field
from .readback import Name, Readback
from .solving import Bit, Solving
from .terms import Terms, Value, Versions


@dataclass(frozen=True, eq=False, slots=True)
class Logic:
    """A statement about versions of fields, true or false.

    Args:
        solving: whose it is.
        bit: the solver's form.
        needs: what it is about, of which more is known.
    """

    solving: Solving
    bit: Bit
    needs: frozenset[Need] = frozenset()

    def __and__(self, other: Logic) -> Logic:
        return Logic(self.solving, self.solving.both(self.bit, other.bit), self.needs | other.needs)

    def __or__(self, other: Logic) -> Logic:
        return Logic(self.solving, self.solving.either(self.bit, other.bit), self.needs | other.needs)

    def __invert__(self) -> Logic:
        return Logic(self.solving, self.solving.no(self.bit), self.needs)


class Truth(NamedTuple):
    """When a condition is known to be true, and when it is known to be false; else it is unknown."""

    true: Logic
    false: Logic


@dataclass(frozen=True, slots=True)
class Unsat:
    """What was asked for can never be.

    Args:
        core: which of it cannot be together.
    """

    core: frozenset[Hashable]


@dataclass(frozen=True, slots=True)
class Unknown:
    """The solver did not find out."""


class Sat:
    """What was asked for can be, as far as the solver sees."""

    def __init__(self, symbols: Symbols, wanted: tuple[Logic, ...], small: bool) -> None:
        self._symbols, self._wanted, self._small = symbols, wanted, small

    def values(self, versions: Versions) -> dict[str, Any]:
        """Values of fields, the smallest that were found; a field of which nothing is known is left out.

        Args:
            versions: of each field that is asked for, the version.

        Raises:
            LookupError: no values of the fields' types could be made of what the solver found.
        """
        for found in self.every({"": versions}):
            return found[""]
        raise LookupError("no values could be made")

    def every(self, versions: Mapping[Name, Versions]) -> Iterator[dict[Name, dict[str, Any]]]:
        """Values that may do, the smallest first: what is not exact is to be confirmed by evaluation.

        Args:
            versions: by any name, the versions of fields that are asked for.
        """
        cells = {
            (name, version): self._symbols.cells.of(name, version)
            for asked in versions.values()
            for name, version in asked.items()
        }
        facts = self._symbols.facts(self._wanted)
        reader = Readback(self._symbols.cells, facts, [item.bit for item in self._wanted])
        for made in reader.every(cells, small=self._small):
            yield {
                key: {name: made[name, version] for name, version in asked.items() if (name, version) in made}
                for key, asked in versions.items()
            }


class Symbols:
    """The symbolic form of the conditions of a state model; for one check, in one thread.

    Args:
        model: the state.
        types: other types for its fields, by name.
        tools: stakes by tool name, for ``proposes(stakes=)``.

    Raises:
        SolverMissing: the solver is not installed.
    """

    def __init__(
        self,
        model: type[BaseModel],
        types: Mapping[str, Any] | None = None,
        tools: Mapping[str, str] | None = None,
    ) -> None:
        self.model = model
        self.solving = Solving()
        self.cells = Cells(self.solving, model, types or {})
        self.terms = Terms(self.cells)
        self.tools = dict(tools or {})
        self._messages = messages_field(model)
        self._functions: dict[Opaque, int] = {}
        self._truths: dict[tuple[Expr, tuple[tuple[str, int], ...]], Truth] = {}

    # statements

    def truth(self, tree: Expr, at: Versions) -> Truth:
        """When a condition is known to be true, and when known to be false.

        Args:
            tree: the condition.
            at: the version of each field that it reads.
        """
        key = (tree, tuple(sorted(at.items())))
        if key not in self._truths:
            self._truths[key] = self._truth(tree, at)
        return self._truths[key]

    def typed(self, name: str, version: int, annotation: Any = None) -> Logic:
        """What a field can hold in a version: its own type, which holds anyway, and the type of what was written.

        Args:
            name: the field.
            version: the version.
            annotation: the type of what was written, where there is one.
        """
        cell = self.cells.of(name, version)
        bit, needs = (True, frozenset[Need]()) if annotation is None else self.terms.fits(cell, annotation)
        return Logic(self.solving, bit, needs | {cell})

    def given(self, name: str, version: int, value: Any) -> Logic:
        """That a field holds a value in a version.

        Args:
            name: the field.
            version: the version.
            value: the value.
        """
        cell = self.cells.of(name, version)
        needs: set[Need] = {cell}
        return Logic(self.solving, Facts(self.cells).held(cell, value, needs), frozenset(needs))

    def free(self, name: str) -> Logic:
        """A free choice, such as a gate's answer.

        Args:
            name: its name; the same name is the same choice.
        """
        return Logic(self.solving, self.solving.bit(f"!{name}"))

    @property
    def always(self) -> Logic:
        """What holds in any case."""
        return Logic(self.solving, True)

    # asking

    def facts(self, wanted: tuple[Logic, ...]) -> Facts:
        """What is known of all that some statements are about."""
        facts = Facts(self.cells)
        facts.gather(frozenset[Need]().union(*(item.needs for item in wanted)))
        return facts

    def can(self, wanted: Sequence[Logic], about: Sequence[Bit]) -> bool | None:
        """Whether some statements can hold together, and no more; None where the solver did not find out.

        Args:
            wanted: the statements.
            about: what ``facts`` knows of them all, and of others that are asked about with them.
        """
        return self.solving.ask(about, [item.bit for item in wanted]).verdict

    def solve(self, wanted: Mapping[Hashable, Logic], *, small: bool = True) -> Sat | Unsat | Unknown:
        """Whether some statements can hold together.

        Args:
            wanted: the statements, by any name.
            small: whether small values are looked for first.
        """
        keys, items = list(wanted), tuple(wanted.values())
        answer = self.solving.ask(self.facts(items).all(), [item.bit for item in items], core=True)
        if answer.verdict is None:
            return Unknown()
        if answer.verdict:
            return Sat(self, items, small)
        return Unsat(frozenset(keys[place] for place in answer.core))

    # formulas

    def _truth(self, tree: Expr, at: Versions) -> Truth:
        solving = self.solving
        match tree:
            case And(items):
                return self._all([self.truth(item, at) for item in items])
            case Or(items):
                true, false = self._all([Truth(*reversed(self.truth(item, at))) for item in items])
                return Truth(false, true)
            case NoneOf(items):
                return self._all([Truth(*reversed(self.truth(item, at))) for item in items])
            case Exists(of):
                value = self.terms.value(of, at)
                there = Logic(solving, solving.either(*(bit for bit, _ in value.cases)), value.needs)
                return Truth(there, ~there)
            case Compare(op, left, right):
                return self._pairs(
                    self.terms.value(left, at), self.terms.value(right, at), lambda a, b: self.terms.compared(op, a, b)
                )
            case OneOf(of, values):
                value = self.terms.value(of, at)
                others = [self.terms.value(item, at) for item in values]
                needs = value.needs.union(*(other.needs for other in others))
                things = [thing for other in others for _, thing in other.cases]
                known = [
                    (bit, solving.either(*(self.terms.equal(thing, other) for other in things)))
                    for bit, thing in value.cases
                ]
                return self._told(known, needs)
            case Contains(of, item):
                return self._pairs(self.terms.value(of, at), self.terms.value(item, at), self.terms.contains)
            case Opaque():
                return self._opaque(tree, at)
            case Proposes(tool, stakes):
                return self._proposes(tool, stakes, at)
            case _:
                raise AssertionError(tree)

    def _all(self, items: list[Truth]) -> Truth:
        solving = self.solving
        needs = frozenset[Need]().union(*(item.true.needs | item.false.needs for item in items))
        return Truth(
            Logic(solving, solving.both(*(item.true.bit for item in items)), needs),
            Logic(solving, solving.either(*(item.false.bit for item in items)), needs),
        )

    def _told(self, known: list[tuple[Bit, Bit]], needs: frozenset[Need]) -> Truth:
        """The truth of what is known in some cases, and is so or not in each."""
        both, solving = self.solving.both, self.solving
        return Truth(
            Logic(solving, solving.either(*(both(bit, so) for bit, so in known)), needs),
            Logic(solving, solving.either(*(both(bit, solving.no(so)) for bit, so in known)), needs),
        )

    def _pairs(
        self, left: Value, right: Value, relation: Callable[[Thing, Thing], tuple[Bit, frozenset[Need]] | None]
    ) -> Truth:
        """The truth of a relation of two values, which is unknown for things that have none."""
        known: list[tuple[Bit, Bit]] = []
        needs = left.needs | right.needs
        for bit, thing in left.cases:
            for other_bit, other in right.cases:
                found = relation(thing, other)
                if found is not None:
                    known.append((self.solving.both(bit, other_bit), found[0]))
                    needs |= found[1]
        return self._told(known, needs)

    def _opaque(self, leaf: Opaque, at: Versions) -> Truth:
        """A named function: free, but the same for the same versions; unknown where what it reads is None."""
        solving = self.solving
        place = self._functions.setdefault(leaf, len(self._functions))
        versions = ",".join(str(at.get(name, 0)) for name in (*leaf.parameters, f"{leaf.name}()"))
        said = solving.bit(f"{leaf.name}#{place}@{versions}")
        cells = [self.cells.of(name, at.get(name, 0)) for name in leaf.parameters]
        there = [
            solving.bit(f"{cell.key}??") if cell.strange else solving.either(*(option.bit for option in cell.options))
            for cell in cells
        ]
        return self._told([(solving.both(*there), said)], frozenset(cells))

    def _proposes(self, tool: str | None, stakes: str | None, at: Versions) -> Truth:
        """Whether calls are proposed: free for each version of the messages."""
        solving, name = self.solving, self._messages
        if name is None:
            return Truth(~self.always, self.always)
        if stakes is not None:
            found = [self._proposes(each, None, at).true for each, own in self.tools.items() if own == stakes]
            true = ~self.always
            for item in found:
                true |= item
            return Truth(true, ~true)
        cell = self.cells.of(name, at.get(name, 0))
        there = [
            solving.both(option.bit, option.thing.length > 0)
            for option in cell.options
            if isinstance(option.thing, Items)
        ]
        some = solving.both(solving.bit(f"{cell.key}!"), solving.either(*there))
        bit = some if tool is None else solving.both(some, solving.bit(f"{cell.key}!{tool}"))
        true = Logic(solving, bit, frozenset((cell,)))
        return Truth(true, ~true)
