"""What the state's fields can hold, as the solver's unknowns: a cell for each place that holds a value.

A cell has options, one for each sort of value that its type admits, of which at most one is taken; where none
is, the value is unknown (None, or no number). A text is the number of a word: the words of the conditions have
one each, and any other number is another text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from .bounds import Bounds
from .expressions import Scalar
from .kinds import BOOL, DATE, TEXT
from .solving import Bit, Solving
from .sorts import LOCAL, MOMENT, OTHER, Sort, field_of, item_type, sorts_of
from .values import exact


@dataclass(frozen=True, eq=False, slots=True)
class Number:
    """A number; an infinite one has a sign and no value.

    Args:
        value: the solver's number.
        exact: whether arithmetic takes it; what is too large to be written out is unknown there.
        infinite: its sign, where it is infinite.
    """

    value: Any
    exact: Bit = True
    infinite: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class Plain:
    """A text, a bool, a date, a datetime, or what is only equal or not.

    Args:
        sort: what it is compared as.
        value: the solver's number, or truth.
        word: the text, where it is known.
    """

    sort: str
    value: Any
    word: str | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Items:
    """A collection.

    Args:
        cell: where it is.
        sort: what it is.
        length: how many items it has.
        type: its annotation.
    """

    cell: Cell
    sort: str
    length: Any
    type: Any


@dataclass(frozen=True, eq=False, slots=True)
class Record:
    """A model or a dataclass.

    Args:
        cell: where it is.
        type: its class.
    """

    cell: Cell
    type: type[Any]


Thing = Number | Plain | Items | Record


@dataclass(frozen=True, eq=False, slots=True)
class Option:
    """One sort of value that a cell can hold.

    Args:
        bit: whether it does.
        thing: the value then.
        type: its annotation.
        among: the only values that it can have, each as conditions see it and as Python has it; None: any.
        bounds: what is asked of it.
    """

    bit: Bit
    thing: Thing
    type: Any
    among: tuple[tuple[Any, Any], ...] | None
    bounds: Bounds


class Cell:
    """A place that holds a value.

    Args:
        cells: all cells.
        key: its name.
        annotation: its type.
        metadata: what stands around that.
        required: whether a value of a model must be given it.
    """

    def __init__(
        self, cells: Cells, key: str, annotation: Any, metadata: Sequence[Any] = (), *, required: bool = True
    ) -> None:
        self.cells, self.key, self.required = cells, key, required
        self.annotation = annotation
        sorts, self.optional = sorts_of(annotation, tuple(metadata))
        self.facts: list[Bit] = []
        self.options = tuple(self._options(sorts))
        self._inside: dict[str, Cell] = {}

    def _options(self, sorts: list[Sort]) -> Iterator[Option]:
        solving, count = self.cells.solving, len(sorts)
        bits: list[Bit]
        if count < 2:
            bits = [solving.bit(f"{self.key}?") if self.optional else True] * count
        else:
            tag = solving.whole(f"{self.key}?")
            bits = [tag == place for place in range(count)]
            self.facts.append(solving.both(tag >= 0, tag < count + self.optional))
        for place, (bit, sort) in enumerate(zip(bits, sorts, strict=True)):
            key = self.key if count == 1 else f"{self.key}/{place}"
            thing = self._thing(key, sort)
            self.facts += [solving.implies(bit, fact) for fact in self._asked(thing, sort)]
            yield Option(bit, thing, sort.type, sort.among, sort.bounds)

    def _thing(self, key: str, sort: Sort) -> Thing:
        solving = self.cells.solving
        match sort.sort:
            case "infinite" | "-infinite":
                return Number(None, exact=False, infinite=1 if sort.sort == "infinite" else -1)
            case "a number":
                if sort.type is int or (sort.among and all(exact(v).denominator == 1 for v, _ in sort.among)):  # type: ignore[union-attr]  # the values of an enum of numbers are finite
                    return Number(solving.whole(key))
                value = solving.real(key)
                if sort.type is float:
                    return Number(value)
                large, small = solving.number(10**309), solving.number(Fraction(1, 10**308))
                return Number(
                    value,
                    exact=solving.both(
                        value < large, value > -large, solving.either(value == 0, value >= small, value <= -small)
                    ),
                )
            case "a bool":
                return Plain(BOOL, solving.bit(key))
            case "text" | "a date" | "moment" | "local time" | "another":
                return Plain(sort.sort, solving.whole(key))
            case str():
                return Items(self, sort.sort, solving.whole(f"{key}#"), sort.type)
            case _:
                return Record(self, sort.sort)

    def _asked(self, thing: Thing, sort: Sort) -> Iterator[Bit]:
        """What holds of a value of a sort."""
        solving = self.cells.solving
        if isinstance(thing, Items):
            yield thing.length >= 0
            fixed = get_args(thing.type)
            if get_origin(thing.type) is tuple and Ellipsis not in fixed:
                yield thing.length == len(fixed)
        elif isinstance(thing, Plain) and thing.sort in _RANGES:
            least, most = _RANGES[thing.sort]
            yield solving.both(thing.value >= least, thing.value <= most)
        if sort.among is not None:
            yield solving.either(*(self.cells.equal(thing, self.cells.constant(value)) for value, _ in sort.among))
        yield from self.cells.within(thing, sort.bounds)

    def inside(self, name: str) -> Cell | None:
        """The cell of a field of the record that it can hold; None where it has none of the name.

        Args:
            name: the field.
        """
        if name not in self._inside:
            for option in self.options:
                found = field_of(option.thing.type, name) if isinstance(option.thing, Record) else None
                if found is not None:
                    annotation, metadata, required = found
                    key = f"{self.key}.{name}"
                    self._inside[name] = Cell(self.cells, key, annotation, metadata, required=required)
                    break
        return self._inside.get(name)

    def item(self, place: Literal["first", "last", "between"], items: Items) -> Cell:
        """The cell of an item of the collection that it can hold.

        Args:
            place: which item; ``between`` stands for all but the first and the last.
            items: the collection.
        """
        key = f"{items.length}[{place}"  # of each collection that the cell can hold
        if key not in self._inside:
            self._inside[key] = Cell(self.cells, key, item_type(items.type, place))
        return self._inside[key]

    @property
    def strange(self) -> bool:
        """Whether it can hold what is no number, or an infinite one."""
        return any(option.bounds.strange for option in self.options)

    @property
    def known(self) -> dict[str, Cell]:
        """The cells inside of it that were looked at, by name."""
        return self._inside


class Cells:
    """All cells of a state model, and the words of its conditions.

    Args:
        solving: the solver.
        model: the state model.
        types: other types for fields, by name.
    """

    def __init__(self, solving: Solving, model: type[BaseModel], types: Mapping[str, Any]) -> None:
        self.solving, self.model, self.types = solving, model, types
        self.cells: dict[tuple[str, int], Cell] = {}
        self.words: dict[str, int] = {"": 0}
        self._constants: dict[tuple[type, Any], Thing] = {}

    @cached_property
    def lengths(self) -> Any:
        """The length of a word."""
        return self.solving.measure("length", "whole")

    @cached_property
    def ranks(self) -> Any:
        """The place of a word in the order of all texts."""
        return self.solving.measure("rank", "real")

    @cached_property
    def parts(self) -> Any:
        """Whether a word has another as a part."""
        return self.solving.relation("has", "whole", "whole")

    def of(self, name: str, version: int) -> Cell:
        """The cell of a version of a field.

        Args:
            name: the field.
            version: which one; 0 is the first.
        """
        if (name, version) not in self.cells:
            info = self.model.model_fields[name]
            looked_at = any(
                name in item.info.fields or "*" in item.info.fields
                for item in self.model.__pydantic_decorators__.field_validators.values()
            )
            annotation = self.types.get(name, info.annotation)
            metadata = () if looked_at else tuple(info.metadata)
            self.cells[name, version] = Cell(self, f"{name}@{version}", annotation, metadata)
        return self.cells[name, version]

    def constant(self, value: Scalar) -> Thing:
        """A value that is known, as conditions see it.

        Args:
            value: what a constant of a condition may be.
        """
        key = (type(value), value)
        if key not in self._constants:
            self._constants[key] = self._constant(value)
        return self._constants[key]

    def _constant(self, value: Scalar) -> Thing:
        match value:
            case bool():
                return Plain(BOOL, value)
            case str():
                return Plain(TEXT, self.solving.number(self.words.setdefault(value, len(self.words))), value)
            case datetime():
                aware = value.utcoffset() is not None
                return Plain(MOMENT if aware else LOCAL, self.solving.number(ticks(value)))
            case date():
                return Plain(DATE, self.solving.number(value.toordinal()))
            case _:
                found = exact(value)
                if found is None:
                    return Number(None, exact=False, infinite=1 if value > 0 else -1)
                return Number(self.solving.number(found))

    def equal(self, left: Thing, right: Thing) -> Bit | None:
        """Whether two things are equal; None where that is not told by their values.

        Args:
            left: one.
            right: the other.
        """
        if isinstance(left, Number) and isinstance(right, Number):
            if left.infinite or right.infinite:
                return left.infinite == right.infinite
            return left.value == right.value
        if isinstance(left, Plain) and isinstance(right, Plain):
            if left.sort != right.sort:
                return False
            return self.solving.same(left.value, right.value) if left.sort == BOOL else left.value == right.value
        if isinstance(left, Items | Record) and type(left) is type(right):
            return True if left is right else None
        return None if OTHER in (getattr(left, "sort", ""), getattr(right, "sort", "")) else False

    def within(self, thing: Thing, asked: Bounds) -> Iterator[Bit]:
        """What bounds say of a thing.

        Args:
            thing: a value.
            asked: its bounds.
        """
        for op, limit in asked.compared:
            if isinstance(limit, Scalar):
                found = self.ordered(op, thing, self.constant(limit))
                if found is not None:
                    yield found
        length = self.length(thing)
        if length is not None:
            yield from (compare(op, length, count) for op, count in asked.length)
        factor = exact(asked.multiple)
        if factor and isinstance(thing, Number) and not thing.infinite:
            if thing.value.is_int() and factor.denominator == 1:
                yield thing.value % int(factor) == 0
            elif thing.exact is not True:  # a Decimal; of a float pydantic asks it about
                yield self.solving.is_whole(thing.value / self.solving.number(factor))

    def ordered(self, op: str, left: Thing, right: Thing) -> Bit | None:
        """A comparison by order of two things; None where they have none.

        Args:
            op: ``<``, ``<=``, ``>`` or ``>=``.
            left: one.
            right: the other.
        """
        if isinstance(left, Number) and isinstance(right, Number):
            if left.infinite or right.infinite:
                return bool(compare(op, left.infinite, right.infinite))
            return compare(op, left.value, right.value)
        if not isinstance(left, Plain) or not isinstance(right, Plain) or left.sort != right.sort:
            return None
        if left.sort == TEXT:
            return compare(op, self.ranks(left.value), self.ranks(right.value))
        return None if left.sort in (BOOL, OTHER) else compare(op, left.value, right.value)

    def length(self, thing: Thing) -> Any:
        """How long a thing is; None where it has no length.

        Args:
            thing: a value.
        """
        if isinstance(thing, Items):
            return thing.length
        return self.lengths(thing.value) if isinstance(thing, Plain) and thing.sort == TEXT else None


def compare(op: str, left: Any, right: Any) -> Any:
    """A comparison of two numbers, by order."""
    match op:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case _:
            return left >= right


EPOCH = datetime(1, 1, 1, tzinfo=UTC)
"""Where the counting of ticks begins."""
_RANGES = {
    DATE: (1, date.max.toordinal()),
    MOMENT: (-86_400_000_000, 315_537_897_600_000_000 + 86_400_000_000),  # an offset may lead out of the years
    LOCAL: (0, 315_537_897_599_999_999),
}


def ticks(moment: datetime) -> int:
    """A datetime as microseconds since the year 1; one without a zone by its own clock."""
    gone = moment - (EPOCH if moment.utcoffset() is not None else EPOCH.replace(tzinfo=None))
    return (gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds
