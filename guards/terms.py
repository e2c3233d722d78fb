"""What the terms of conditions stand for, symbolically: cases, at most one of which is so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .cells import Cell, Cells, Items, Number, Plain, Record, Thing
from .expressions import Arith, Attr, Const, Expr, First, Last, Length, Read, Some
from .facts import Member, Need, Part, Word
from .kinds import BOOL, LIST, NUMBER, TEXT
from .solving import Bit
from .sorts import sorts_of, stored

Versions = Mapping[str, int]
"""The version of each field that is read; 0 where it is not named. ``"f()"`` is the version of a named function f."""

Case = tuple[Bit, Thing]


class Value(NamedTuple):
    """What a term stands for: its cases, at most one of which is so; unknown where none is."""

    cases: tuple[Case, ...]
    needs: frozenset[Need]


class Terms:
    """What terms stand for, and how what they stand for compares.

    Args:
        cells: the cells of a state model.
    """

    def __init__(self, cells: Cells) -> None:
        self.cells, self.solving = cells, cells.solving
        self._count = 0

    def value(self, term: Expr, at: Versions) -> Value:
        """What a term stands for.

        Args:
            term: the term.
            at: the version of each field that it reads.
        """
        match term:
            case Const(value):
                word: frozenset[Need] = frozenset((value,)) if isinstance(value, str) else frozenset()
                return Value(((True, self.cells.constant(value)),), word)
            case Read(name):
                return self._held(self.cells.of(name, at.get(name, 0)))
            case Some(of):
                return self.value(of, at)
            case Attr(of, name):
                return self._attribute(self.value(of, at), name)
            case Arith(op, left, right):
                return self._arith(op, self.value(left, at), self.value(right, at))
            case Length(of):
                return self._length(self.value(of, at))
            case First(of) | Last(of):
                return self._ends(self.value(of, at), "first" if isinstance(term, First) else "last")
            case _:
                raise AssertionError(term)

    def _held(self, cell: Cell) -> Value:
        return Value(tuple((option.bit, option.thing) for option in cell.options), frozenset((cell,)))

    def _onward(self, value: Value, step: Callable[[Thing], Value | None]) -> Value:
        """What a step leads to from each case of a value."""
        cases: list[Case] = []
        needs = value.needs
        for bit, thing in value.cases:
            found = step(thing)
            if found is not None:
                cases += [(self.solving.both(bit, other), inner) for other, inner in found.cases]
                needs |= found.needs
        return Value(tuple(cases), needs)

    def _attribute(self, value: Value, name: str) -> Value:
        def step(thing: Thing) -> Value | None:
            cell = thing.cell.inside(name) if isinstance(thing, Record) else None
            return None if cell is None else self._held(cell)

        return self._onward(value, step)

    def _length(self, value: Value) -> Value:
        def step(thing: Thing) -> Value | None:
            length = self.cells.length(thing)
            needs: frozenset[Need] = frozenset() if isinstance(thing, Items) else frozenset((Word.MEASURED,))
            return None if length is None else Value(((True, Number(length)),), needs)

        return self._onward(value, step)

    def _ends(self, value: Value, place: str) -> Value:
        return self._onward(
            value, lambda thing: self._end(thing, place) if isinstance(thing, Items) and thing.sort == LIST else None
        )

    def _end(self, items: Items, place: str) -> Value:
        """The first or the last item of a list: of a list of one item both are the first."""
        both, length = self.solving.both, items.length
        first = self._held(items.cell.item("first", items))
        if place == "first":
            return Value(tuple((both(length > 0, bit), thing) for bit, thing in first.cases), first.needs)
        last = self._held(items.cell.item("last", items))
        cases = [(both(length == 1, bit), thing) for bit, thing in first.cases]
        cases += [(both(length > 1, bit), thing) for bit, thing in last.cases]
        return Value(tuple(cases), first.needs | last.needs)

    def _arith(self, op: str, left: Value, right: Value) -> Value:
        cases: list[Case] = []
        solving = self.solving
        for bit, thing in left.cases:
            for other_bit, other in right.cases:
                if not isinstance(thing, Number) or not isinstance(other, Number) or thing.infinite or other.infinite:
                    continue
                a, b = thing.value, other.value
                known = solving.both(bit, other_bit, thing.exact, other.exact)
                match op:
                    case "+":
                        found = a + b
                    case "-":
                        found = a - b
                    case "*":
                        found = a * b
                    case _:
                        found, known = solving.as_real(a) / solving.as_real(b), solving.both(known, b != 0)
                cases.append((known, Number(found)))
        return Value(tuple(cases), left.needs | right.needs)

    # types

    def fits(self, cell: Cell, annotation: Any) -> tuple[Bit, frozenset[Need]]:
        """Whether what a cell holds is a value of a type; true where writing may have made another value of it.

        Args:
            cell: the cell.
            annotation: the type.
        """
        solving = self.solving
        sorts, optional = sorts_of(annotation, ())
        words = frozenset[Need](value for sort in sorts for value, _ in sort.among or () if isinstance(value, str))
        allowed: list[Bit] = [solving.no(solving.either(*(option.bit for option in cell.options)))] if optional else []
        if any(not any(_same_sort(sort.sort, option.thing) for option in cell.options) for sort in sorts):
            return True, words
        if cell.strange and any(sort.sort == NUMBER and sort.among is None for sort in sorts):
            return True, words  # a float may be no number, or without end
        for option in cell.options:
            for written in sorts:
                if _same_sort(written.sort, option.thing):
                    sort = stored(written, option.type)
                    asked = list(self.cells.within(option.thing, sort.bounds))
                    if sort.among is not None:
                        asked.append(
                            solving.either(
                                *(self.equal(option.thing, self.cells.constant(value)) for value, _ in sort.among)
                            )
                        )
                    elif sort.type is int and isinstance(option.thing, Number):
                        asked.append(solving.is_whole(option.thing.value))
                    allowed.append(solving.both(option.bit, *asked))
        if any(sort.bounds.length for sort in sorts):
            words |= {Word.MEASURED}
        return solving.either(*allowed), words

    # relations

    def compared(self, op: str, left: Thing, right: Thing) -> tuple[Bit, frozenset[Need]] | None:
        """A comparison of two things, with what it is about besides; None where they have no order.

        Args:
            op: the comparison.
            left: one.
            right: the other.
        """
        if op in ("==", "!="):
            same = self.equal(left, right)
            return (same if op == "==" else self.solving.no(same)), frozenset()
        found = self.cells.ordered(op, left, right)
        if found is None:
            return None
        ranked = isinstance(left, Plain) and left.sort == TEXT
        return found, frozenset((Word.RANKED,)) if ranked else frozenset()

    def equal(self, left: Thing, right: Thing) -> Bit:
        """Whether two things are equal; free where their values do not tell.

        Args:
            left: one.
            right: the other.
        """
        found = self.cells.equal(left, right)
        return self._fresh() if found is None else found

    def _fresh(self) -> Bit:
        self._count += 1
        return self.solving.bit(f"!{self._count}")

    def contains(self, of: Thing, item: Thing) -> tuple[Bit, frozenset[Need]] | None:
        """Whether a thing contains another, with what that is about; None where it cannot contain such a thing.

        Args:
            of: a text or a collection.
            item: what may be in it.
        """
        if isinstance(of, Plain) and of.sort == TEXT:
            if not isinstance(item, Plain) or item.sort != TEXT:
                return None
            if of.word is not None and item.word is not None:
                return item.word in of.word, frozenset()
            return self.cells.parts(of.value, item.value), frozenset((Part(of, item), Word.MEASURED))
        if not isinstance(of, Items):
            return None
        solving, needs = self.solving, set[Need]()
        ends: list[Bit] = []
        if of.sort == LIST:
            for value in (self._end(of, "first"), self._end(of, "last")):
                ends += [solving.both(bit, self.equal(thing, item)) for bit, thing in value.cases]
                needs |= value.needs
        member = Member(of, item, self._among(of, item))
        for option in of.cell.item("between", of).options:
            needs |= {value for value, _ in option.among or () if isinstance(value, str)}
        return solving.either(*ends, member.bit), frozenset((*needs, member))

    def _among(self, of: Items, item: Thing) -> Bit:
        """Whether an item is in a collection; of a list, between the first and the last one."""
        enough = of.length >= (3 if of.sort == LIST else 1)
        cell = of.cell.item("between", of)
        fits = self._admits(cell, item)
        if isinstance(item, Number) and not item.infinite:
            relation = self.solving.relation(f"in {of.length}", "real")
            return self.solving.both(enough, fits, relation(self.solving.as_real(item.value)))
        if isinstance(item, Plain):
            relation = self.solving.relation(f"{item.sort} in {of.length}", "bit" if item.sort == BOOL else "whole")
            value = self.solving.known(item.value) if isinstance(item.value, bool) else item.value
            return self.solving.both(enough, fits, relation(value))
        return self.solving.both(enough, fits, self._fresh())

    def _admits(self, cell: Cell, thing: Thing) -> Bit:
        """Whether a cell could hold something equal to a thing."""
        solving, found = self.solving, list[Bit]()
        for option in cell.options:
            if isinstance(option.thing, Plain) and isinstance(thing, Plain):
                if option.thing.sort != thing.sort:
                    continue
            elif type(option.thing) is not type(thing):
                continue
            asked = list(self.cells.within(thing, option.bounds))
            if option.among is not None:
                asked.append(solving.either(*(self.equal(thing, self.cells.constant(v)) for v, _ in option.among)))
            if isinstance(thing, Number) and isinstance(option.thing, Number):
                if bool(thing.infinite) != bool(option.thing.infinite):
                    continue
                if not thing.infinite and option.thing.value.is_int():
                    asked.append(solving.is_whole(thing.value))
            found.append(solving.both(*asked))
        return solving.either(*found)


def _same_sort(sort: Any, thing: Thing) -> bool:
    match thing:
        case Number():
            return bool(
                sort == ("a number" if not thing.infinite else "infinite" if thing.infinite > 0 else "-infinite")
            )
        case Plain() | Items():
            return bool(sort == thing.sort)
        case Record():
            return isinstance(sort, type) and issubclass(sort, thing.type)
