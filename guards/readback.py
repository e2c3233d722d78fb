"""Python values of what the solver found: of the types that the fields have, the smallest that do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from .cells import EPOCH, Cell, Cells, Items, Number, Option, Plain, Record, Thing
from .facts import Facts, Member, Word
from .kinds import BOOL, BYTES, DATE, DICT, LIST, TEXT, fields_of
from .solving import Bit
from .sorts import LOCAL, MOMENT, leaf_types
from .values import exact
from .words import Unmade, Words

Name = TypeVar("Name", bound=Hashable)

STAGES = ((8, 3), (1000, 8), (10**6, 32), (None, 10_000))
"""How large numbers and how long texts and collections may be, the small ones tried first."""

_YEARS = (date(2020, 1, 1).toordinal(), date(2040, 1, 1).toordinal())

_MADE: dict[Any, Callable[[int], Any]] = {
    UUID: lambda number: UUID(int=number % 2**128),
    SecretStr: lambda number: SecretStr(f"secret {number}"),
    SecretBytes: lambda number: SecretBytes(b"secret %d" % number),
}


_MADE_OF_ITEMS: tuple[Any, ...] = (tuple, set, frozenset, deque)


class Readback:
    """Values for a question that the solver said yes to.

    Args:
        cells: all cells.
        facts: what is known of the question.
        wanted: what was asked for.
    """

    def __init__(self, cells: Cells, facts: Facts, wanted: Sequence[Bit]) -> None:
        self.of, self.facts, self.wanted = cells, facts, wanted
        self.solving = cells.solving
        self._settled: list[Bit] = []

    def every(self, cells: Mapping[Name, Cell], *, small: bool) -> Iterator[dict[Name, Any]]:
        """Values for cells, one set of them for each stage in which there is one.

        Args:
            cells: the cells, by any name.
            small: whether the small ones are tried first.
        """
        for cell in cells.values():
            self._complete(cell, new=cell.key not in self.facts.cells)
        known = [*self.facts.all(), *self._settled]
        for stage in STAGES if small else STAGES[-1:]:
            limits = self.solving.both(*self._limits(*stage))
            answer = self.solving.ask(known, [*self.wanted, limits], model=True)
            if not answer.verdict:
                continue
            try:
                reading = _Reading(self.facts, answer.model)
                yield {name: reading.value(cell) for name, cell in cells.items()}
            except (Unmade, ValidationError, ValueError, OverflowError, TypeError):
                continue  # a larger one may do

    def _complete(self, cell: Cell, *, new: bool) -> None:
        """Looks at all that a value of a cell must have; of what nothing is asked, None or the shortest."""
        if new:
            self.facts.gather([cell])
            if cell.optional:
                self._settled += [self.solving.no(option.bit) for option in cell.options]
                return
        for option in cell.options:
            match option.thing:
                case Record(_, kind):
                    for name in fields_of(kind) or {}:
                        seen = name in cell.known
                        inner = cell.inside(name)
                        if inner is not None and (seen or inner.required):
                            self._complete(inner, new=inner.key not in self.facts.cells)
                case Items(_, sort, length):
                    least = max((count for op, count in option.bounds.length if op == ">="), default=0)
                    if get_origin(option.type) is tuple and Ellipsis not in get_args(option.type):
                        least = len(get_args(option.type))
                    if new:
                        self._settled.append(self.solving.implies(option.bit, length == least))
                    if sort == LIST and (least or not new):
                        for item in (cell.item("first", option.thing), cell.item("last", option.thing)):
                            self._complete(item, new=item.key not in self.facts.cells)
                case _:
                    pass

    def _limits(self, number: int | None, length: int) -> Iterator[Bit]:
        for key in sorted(self.facts.cells):
            yield from self.solving.once(("small", key, number, length), partial(self._small, key, number, length))
        for members in self._together():
            taken = sum(self.solving.amount(member.bit, 1) for member in members)
            yield members[0].items.length >= taken + (2 if members[0].items.sort == LIST else 0) * (len(members) > 1)
        if Word.MEASURED in self.facts.asked:
            for text in self.facts.texts:
                yield self.of.lengths(text) <= length
                wanted = [
                    self.solving.amount(self.of.parts(part.of.value, part.item.value), len(part.item.word))
                    for part in self.facts.parts
                    if part.of.value is text and part.item.word is not None
                ]
                if len(wanted) > 1:
                    yield self.of.lengths(text) >= sum(wanted)  # so that they fit in one after the other

    def _small(self, key: str, number: int | None, length: int) -> Iterator[Bit]:
        """That what a cell holds is small."""
        for option in self.facts.cells[key].options:
            match option.thing:
                case Number(value, _, 0) if number is not None and option.among is None:
                    yield self.solving.both(value <= number, value >= -number)
                case Items(_, _, count):
                    yield count <= length
                case Plain(sort, value) if number is not None and number <= 1000 and sort in (DATE, MOMENT, LOCAL):
                    ticks = 1 if sort == DATE else 86_400_000_000
                    yield self.solving.both(value >= _YEARS[0] * ticks, value <= _YEARS[1] * ticks)
                case _:
                    pass

    def _together(self) -> Iterator[list[Member]]:
        """What is asked to be in one collection, so that there is room for all of it."""
        found: dict[int, list[Member]] = {}
        for member in self.facts.members:
            found.setdefault(id(member.items), []).append(member)
        yield from found.values()


class _Reading:
    """The values of one model of the solver's."""

    def __init__(self, facts: Facts, model: Any) -> None:
        self._facts, self._model = facts, model
        self._solving = facts.solving
        self._words = Words(facts, model)

    def value(self, cell: Cell) -> Any:
        """The value that a cell holds."""
        for option in cell.options:
            if self._solving.truth(self._model, option.bit):
                return self._made(cell, option)
        if NoneType in leaf_types(cell.annotation) or not cell.strange:
            return None
        return float("nan")

    def _made(self, cell: Cell, option: Option) -> Any:
        match option.thing:
            case Record(_, kind):
                return self._record(cell, kind)
            case Items():
                return self._items(cell, option.thing)
            case _:
                return self._plain(option.thing, option)

    def _plain(self, thing: Thing, option: Option) -> Any:
        if option.among is not None:
            for value, member in option.among:
                same = self._facts.of.equal(thing, self._facts.of.constant(value))
                if same is not None and self._solving.truth(self._model, same):
                    return member
            raise Unmade("a value that is none of those named")
        match thing:
            case Number(value, _, infinite):
                return float("inf") * infinite if infinite else _number(self._number(value), option.type)
            case Plain(sort, value) if sort == BOOL:
                return self._solving.truth(self._model, value)
            case Plain(sort, value) if sort == TEXT:
                return self._words.of(value)
            case Plain(sort, value) if sort == DATE:
                return date.fromordinal(int(self._number(value)))
            case Plain(sort, value) if sort in (MOMENT, LOCAL):
                found = EPOCH + timedelta(microseconds=int(self._number(value)))
                return found if sort == MOMENT else found.replace(tzinfo=None)
            case Plain(_, value) if option.type in _MADE:
                return _MADE[option.type](int(self._number(value)))
            case _:
                raise Unmade(f"no value of {option.type} is known")

    def _number(self, value: Any) -> Fraction:
        found = self._solving.value(self._model, value)
        if found is None:
            raise Unmade("a number that is no fraction")
        return found

    def _record(self, cell: Cell, kind: type[Any]) -> Any:
        values = {name: self.value(inner) for name, inner in cell.known.items() if name in (fields_of(kind) or {})}
        return kind.model_validate(values, by_name=True) if issubclass(kind, BaseModel) else kind(**values)

    def _items(self, cell: Cell, items: Items) -> Any:
        length = int(self._number(items.length))
        if items.sort == BYTES:
            return b"a" * length
        inside = self._inside(cell, items)
        if items.sort == LIST:
            found = self._list(cell, items, inside, length)
        else:
            found = [*dict.fromkeys(inside)]
            texts = all(isinstance(item, str) for item in found)
            found += [f"~{place}" if texts else 10**4 + place for place in range(length - len(found))]
            if len(found) > length:
                raise Unmade("more items than fit in")
        if items.sort == DICT:
            value = self._any((*get_args(items.type), Any, Any)[1])
            return dict.fromkeys(found, value)
        kind: Callable[..., Any] = get_origin(items.type) or items.type
        return kind(found) if kind in _MADE_OF_ITEMS else found

    def _list(self, cell: Cell, items: Items, inside: list[Any], length: int) -> list[Any]:
        if not length:
            return []
        first = self.value(cell.item("first", items))
        if length == 1:
            return [first]
        if len(inside) > length - 2:
            raise Unmade("more items than fit in")
        between = inside + [first] * (length - 2 - len(inside))
        return [first, *between, self.value(cell.item("last", items))]

    def _inside(self, cell: Cell, items: Items) -> list[Any]:
        """The items that a collection must have; of a list, between its first and its last."""
        found: list[Any] = []
        for member in self._facts.members:
            if member.items is not items or not self._solving.truth(self._model, member.bit):
                continue
            value = self._item(cell.item("between", items), member.item)
            if value not in found:
                found.append(value)
        return found

    def _item(self, cell: Cell, thing: Thing) -> Any:
        for option in cell.options:
            same = type(option.thing) is type(thing) and getattr(option.thing, "sort", 0) == getattr(thing, "sort", 0)
            if same and isinstance(thing, Number | Plain):
                return self._plain(thing, option)
        raise Unmade("an item of another type")

    def _any(self, annotation: Any) -> Any:
        """The plainest value of a type, of which nothing is asked."""
        plain: tuple[Any, ...] = (str, int, float, bool, list, dict, set)
        for kind in leaf_types(annotation):
            if kind in (NoneType, Any):
                return None
            if kind in plain:
                return kind()
        raise Unmade(f"no value of {annotation} is known")


def _number(value: Fraction, kind: Any) -> Any:
    """A number as its type has it."""
    if kind is Decimal:
        found = Decimal(value.numerator) / Decimal(value.denominator)
        if exact(found) != value:
            raise Unmade("a number without an end")
        return found
    if value.denominator == 1 and kind is not float:
        return int(value)
    return float(value)
