"""The pages are numbers, and the node that reads one takes its text."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from guideway import START, Flow, Item, each, on
from tests.flows.check.corpus.desks.papers import filed, read_page


class Scan(BaseModel):
    numbers: Annotated[list[int], Field(max_length=20)] = [1]
    texts: list[Item[str]] = []


pages = each(read_page, name="read_pages", item="page", over="numbers", into="texts")

flow = Flow("scan", state=Scan, edges=[on(START, pages), on(pages, filed)])

EXPECTED = {
    "code": "F305",
    "severity": "error",
    "path": ("START", "read_pages"),
    "example": {},
    "also": (),
}


def shown(ran):
    """Reading the page fails, since a number is no text."""
    assert ran.called == []
    assert "invalid_input" in str(ran.run.error) + str([event.body for event in ran.events])
