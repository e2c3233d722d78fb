"""What is known of all that a question to the solver is about: of its cells, its words, and what it asks of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import Any

from .cells import Cell, Cells, Items, Number, Option, Plain, Record, Thing
from .expressions import Scalar
from .kinds import LIST, TEXT, fields_of
from .solving import Bit
from .sorts import OTHER
from .values import is_collection, known

_numbers = count()


class Word(Enum):
    """What is asked of words beside whether they are equal."""

    MEASURED = "their length"
    RANKED = "their order"


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """It is asked whether a text has another as a part."""

    of: Plain
    item: Plain
    place: int = field(default_factory=lambda: next(_numbers))


@dataclass(frozen=True, eq=False, slots=True)
class Member:
    """It is asked whether an item is in a collection; of a list, whether between its first and its last."""

    items: Items
    item: Thing
    bit: Bit
    place: int = field(default_factory=lambda: next(_numbers))


@dataclass(frozen=True, eq=False, slots=True)
class Held:
    """The items of a collection are known."""

    items: Items
    values: tuple[Any, ...]
    place: int = field(default_factory=lambda: next(_numbers))


Need = Cell | str | Word | Part | Member | Held
"""What a statement is about, of which more is known; a text is a word of a condition."""


class Facts:
    """What is known.

    Args:
        cells: all cells.
    """

    def __init__(self, cells: Cells) -> None:
        self.of, self.solving = cells, cells.solving
        self.cells: dict[str, Cell] = {}
        self.words: set[str] = {""}
        self.parts: list[Part] = []
        self.members: list[Member] = []
        self.held_items: list[Held] = []
        self.asked: set[Word] = set()

    def gather(self, needs: Iterable[Need]) -> None:
        """Takes up what statements are about.

        Args:
            needs: of all of them.
        """
        for need in needs:
            match need:
                case Cell():
                    self._cell(need)
                case str():
                    self.words.add(need)
                case Word():
                    self.asked.add(need)
                case Part():
                    self.parts.append(need)
                case Member():
                    self.members.append(need)
                case Held():
                    self.held_items.append(need)
        for found in (self.parts, self.members, self.held_items):
            found.sort(key=lambda item: item.place)

    def _cell(self, cell: Cell) -> None:
        self.cells[cell.key] = cell
        for option in cell.options:
            if not isinstance(option.thing, Plain) or option.thing.sort != TEXT:
                continue
            self.words |= {value for value, _ in option.among or ()}
            if option.bounds.length:
                self.asked.add(Word.MEASURED)
            for _, limit in option.bounds.compared:
                self.asked.add(Word.RANKED)
                self.words |= {limit} if isinstance(limit, str) else set()

    def all(self) -> list[Bit]:
        """All that is known."""
        found = [fact for key in sorted(self.cells) for fact in self.cells[key].facts]
        found += self._lengths() if Word.MEASURED in self.asked else ()
        found += self._ranks() if Word.RANKED in self.asked else ()
        found += self._parts()
        found += self._members()
        return found

    # texts

    @property
    def texts(self) -> list[Any]:
        """The texts that are not known, as the solver's numbers."""
        return [
            option.thing.value
            for key in sorted(self.cells)
            for option in self.cells[key].options
            if isinstance(option.thing, Plain) and option.thing.sort == TEXT
        ]

    def _known(self) -> list[tuple[str, Any]]:
        return [(word, self._number(word)) for word in sorted(self.words)]

    def _number(self, word: str) -> Any:
        thing = self.of.constant(word)
        assert isinstance(thing, Plain)
        return thing.value

    def _lengths(self) -> Iterator[Bit]:
        """The empty word alone has no length."""
        lengths = self.of.lengths
        for word, number in self._known():
            yield from self.solving.once(("length", word), lambda: [lengths(number) == len(word)])  # noqa: B023  # made now
        for text in self.texts:
            yield from self.solving.once(
                ("text", text.get_id()),  # an unknown of a cell, which is kept
                lambda: [lengths(text) >= 0, self.solving.same(lengths(text) == 0, text == 0)],  # noqa: B023  # made now
            )

    def _ranks(self) -> Iterator[Bit]:
        """The order of the words that are known, and that two texts of one rank are one."""
        ranks, texts = self.of.ranks, self.texts
        words = self._known()
        for rank, (_, number) in enumerate(words):  # sorted, and the empty word is the first
            yield ranks(number) == rank
        for place, text in enumerate(texts):
            yield ranks(text) >= 0
            for rank, (_, number) in enumerate(words):
                yield self.solving.same(ranks(text) == rank, text == number)
            for other in texts[:place]:
                yield self.solving.same(ranks(text) == ranks(other), text == other)

    def _parts(self) -> Iterator[Bit]:
        both, implies, lengths = self.solving.both, self.solving.implies, self.of.lengths
        words = self._known() if self.parts else []
        for part in self.parts:
            of, item = part.of.value, part.item.value
            has = self.of.parts(of, item)
            yield implies(has, lengths(of) >= lengths(item))
            yield implies(both(has, lengths(of) == lengths(item)), of == item)
            yield implies(self.solving.either(of == item, item == 0), has)
            for word, number in words if part.of.word is None else [(part.of.word, of)]:
                for inner, inner_number in words if part.item.word is None else [(part.item.word, item)]:
                    these = both(
                        True if part.of.word is not None else of == number,
                        True if part.item.word is not None else item == inner_number,
                    )
                    yield implies(these, has if inner in word else self.solving.no(has))
            for other in self.parts:
                mine, its = part.item.word, other.item.word
                if other.of is part.of and mine is not None and its is not None and its in mine:
                    yield implies(has, self.of.parts(of, other.item.value))

    # what a cell is known to hold

    def held(self, cell: Cell, value: Any, needs: set[Need]) -> Bit:
        """That a cell holds a value.

        Args:
            cell: the cell.
            value: the value, as Python has it.
            needs: takes up what the statement is about.
        """
        needs.add(cell)
        plain = known(value)
        if plain is None:
            return self.solving.no(self.solving.either(*(option.bit for option in cell.options)))
        fitting = [self.solving.both(option.bit, self._is(option, plain, needs)) for option in cell.options]
        return self.solving.either(*fitting)

    def _is(self, option: Option, value: Any, needs: set[Need]) -> Bit:
        """Whether an option is a value."""
        match option.thing:
            case Record(cell, kind):
                if not isinstance(value, kind):
                    return False
                bits: list[Bit] = []
                for name in fields_of(kind) or {}:
                    inner = cell.inside(name)
                    if inner is not None and hasattr(value, name):
                        bits.append(self.held(inner, getattr(value, name), needs))
                return self.solving.both(*bits)
            case Items(cell, sort, length):
                if not is_collection(value) or isinstance(value, str):
                    return False
                found = list(value)
                needs.add(Held(option.thing, tuple(found)))
                ends: list[Bit] = []
                if sort == LIST and found:
                    ends = [self.held(cell.item("first", option.thing), found[0], needs)]
                if sort == LIST and len(found) > 1:
                    ends.append(self.held(cell.item("last", option.thing), found[-1], needs))
                return self.solving.both(length == len(found), *ends)
            case Plain(sort) if sort == OTHER:
                return not isinstance(value, Scalar)
            case _:
                if not isinstance(value, Scalar):
                    return False
                needs |= {value} if isinstance(value, str) else set()
                same = self.of.equal(option.thing, self.of.constant(value))
                return False if same is None else same

    def _members(self) -> Iterator[Bit]:
        """What is in the collections whose items are known."""
        for held in self.held_items:
            inner = held.values[1:-1] if held.items.sort == LIST else held.values
            plain = [known(value) for value in inner]
            if not all(value is None or isinstance(value, Scalar) for value in plain):
                continue
            for member in self.members:
                if member.items is held.items and isinstance(member.item, Plain | Number):
                    same = [self.of.equal(member.item, self.of.constant(value)) for value in plain if value is not None]
                    yield self.solving.same(member.bit, self.solving.either(*same))
