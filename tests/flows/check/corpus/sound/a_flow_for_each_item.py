"""A list is worked on by a flow of its own for every item."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from guideway import START, Flow, Item, compute, each, on
from tests.flows.check.corpus.desks.papers import filed


class Page(BaseModel):
    text: str
    words: int = 0


class Book(BaseModel):
    pages: Annotated[list[str], Field(max_length=10)]
    counted: list[Item[Page]] = []


@compute(writes="words")
def count(text: str) -> int:
    return len(text.split())


page = Flow("page", state=Page, edges=[on(START, count), on(count, filed)])
pages = each(page, name="pages_one_by_one", item="text", over="pages", into="counted")

flow = Flow("book", state=Book, edges=[on(START, pages), on(pages, filed)])
