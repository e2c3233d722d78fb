"""The pages that were read are stored as plain texts; an each writes an entry for each page, text or failure."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from guideway import START, Flow, each, on
from tests.flows.check.corpus.desks.papers import filed, read_page


class Scan(BaseModel):
    pages: Annotated[list[str], Field(max_length=20)]
    texts: list[str] = []


pages = each(read_page, name="read_pages", item="page", over="pages", into="texts")

flow = Flow("scan", state=Scan, edges=[on(START, pages), on(pages, filed)])

EXPECTED = {
    "code": "F305",
    "severity": "error",
    "path": ("START", "read_pages"),
    "example": {},
    "also": (),
}
INPUT = {"pages": ["one", "two"]}
