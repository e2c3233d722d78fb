"""The world of the desk, and what its departments share: the office, the ends, a person's words as messages."""

from __future__ import annotations

import json
from pathlib import Path

from langchain_core.messages import AIMessage
from pydantic import BaseModel

from guideway import Context, End


class Charge(BaseModel):
    """Money that was taken from a customer."""

    id: str
    customer: str
    what: str
    euros: float


class Order(BaseModel):
    """Something that a customer bought."""

    id: str
    customer: str
    what: str
    days_ago: int


CHARGES = [
    Charge(id="c-1", customer="ida", what="May", euros=29.0),
    Charge(id="c-2", customer="ida", what="May", euros=29.0),
]
ORDERS = [
    Order(id="o-7", customer="jon", what="router", days_ago=9),
    Order(id="o-8", customer="jon", what="cable", days_ago=90),
]


class Office:
    """What was charged and sold, and the book of what the desk did.

    The book is a file, a line for each deed: it outlives the process, as a bank does. Each line bears the call's
    key, so that one can ask it afterwards whether a call happened.

    Args:
        book: the file.
    """

    def __init__(self, book: Path) -> None:
        self.book = book

    def does(self, deed: str, about: str, key: str) -> str:
        """Does something, which is a line more in the book, and gives its receipt."""
        with self.book.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"deed": deed, "about": about, "key": key}) + "\n")
        return f"{deed} {about}"

    def did(self, key: str) -> str | None:
        """The receipt of what was done under this key; None where nothing was."""
        return next((f"{line['deed']} {line['about']}" for line in self._lines() if line["key"] == key), None)

    def deeds(self) -> list[str]:
        """All that was done, in order."""
        return [f"{line['deed']} {line['about']}" for line in self._lines()]

    def _lines(self) -> list[dict[str, str]]:
        if not self.book.exists():
            return []
        return [json.loads(line) for line in self.book.read_text(encoding="utf-8").splitlines()]


def office(context: Context) -> Office:
    """The office that ``compile(deps=...)`` was given."""
    assert isinstance(context.deps, Office), "compile(deps=Office(...)) is what this flow needs"
    return context.deps


# Every department ends in one of these three. The desk matches them by ``ended(...)``.
solved = End("solved")
not_ours = End("not ours", verdict="partial")
needs_person = End("needs a person", verdict="escalated")


def said(department: str, text: str) -> list[AIMessage]:
    """A department's words, as they stand in the conversation."""
    return [AIMessage(text, name=department)]
