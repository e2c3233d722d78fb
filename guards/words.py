"""Texts made up so that they are as long, as ordered and made of such parts as the solver asks."""

from __future__ import annotations

from string import ascii_lowercase
from typing import Any

from .facts import Facts, Word


class Unmade(Exception):
    """A value cannot be made, or is not found."""


_LONGEST = 10_000


class Words:
    """The texts of one model of the solver's.

    Args:
        facts: what is known of the question.
        model: the solver's values.
    """

    def __init__(self, facts: Facts, model: Any) -> None:
        self._facts, self._model = facts, model
        self._made: dict[int, str] = {facts.of.words[word]: word for word in facts.words}
        self._under_way: set[int] = set()
        if Word.RANKED in facts.asked:
            for number in sorted((self._value(text) for text in facts.texts), key=self._rank):
                self.text(number)

    def of(self, term: Any) -> str:
        """The text that an unknown is.

        Args:
            term: the solver's number.

        Raises:
            Unmade: none was found.
        """
        return self.text(self._value(term))

    def text(self, number: int) -> str:
        """The text of a number.

        Args:
            number: its value.

        Raises:
            Unmade: none was found.
        """
        if number not in self._made:
            if number in self._under_way:
                raise Unmade("texts that are parts of each other")
            self._under_way.add(number)
            self._made[number] = self._new(number)
        return self._made[number]

    def _value(self, term: Any) -> int:
        found = self._facts.solving.value(self._model, term)
        if found is None:
            raise Unmade("a text without a number")
        return int(found)

    def _rank(self, number: int) -> Any:
        return self._facts.solving.value(self._model, self._facts.of.ranks(number))

    def _new(self, number: int) -> str:
        """A text that no other number has."""
        parts = [part for part in self._facts.parts if self._value(part.of.value) == number]
        solving, has = self._facts.solving, self._facts.of.parts
        wanted, unwanted = list[str](), list[str]()
        for part in parts:
            other = self._value(part.item.value)
            if other == number:
                continue  # it has itself
            inside = solving.truth(self._model, has(part.of.value, part.item.value))
            (wanted if inside else unwanted).append(self.text(other))
        base = ""
        for text in sorted(wanted, key=len, reverse=True):
            base += "" if text in base else text
        length = None
        if Word.MEASURED in self._facts.asked:
            found = solving.value(self._model, self._facts.of.lengths(number))
            length = None if found is None else int(found)
            if length is not None and length > _LONGEST:
                raise Unmade("a text too long")
        for start in self._starts(number):
            for letter in (*ascii_lowercase, "0", "~", " "):
                text = start + base
                text = text.ljust(length, letter) if length is not None else text + letter
                if length is not None and len(text) != length:
                    continue
                if not any(part in text for part in unwanted) and self._fits(number, text):
                    return text
        raise Unmade("no text is found that has the parts, the length and the order that are asked for")

    def _starts(self, number: int) -> list[str]:
        """What it may begin with: the nearest known text before it, where the order counts."""
        if Word.RANKED not in self._facts.asked:
            return [""]
        rank = self._rank(number)
        below = [text for other, text in self._made.items() if self._rank(other) < rank]
        return ["", max(below, default="")]

    def _fits(self, number: int, text: str) -> bool:
        """Whether a text is none of the others, and stands among them where it shall."""
        if text in self._made.values():
            return False
        if Word.RANKED not in self._facts.asked:
            return True
        rank = self._rank(number)
        return all((text < other) == (rank < self._rank(key)) for key, other in self._made.items())
