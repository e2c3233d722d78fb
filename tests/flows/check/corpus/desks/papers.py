"""A pipeline of documents: pages are read one by one, in parallel parts, and filed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from guideway import End, Item, compute, fields, think, tool


class Paper(BaseModel):
    """A scanned paper on its way into the archive."""

    pages: Annotated[list[str], Field(max_length=20)]
    kind: Literal["invoice", "letter", "form"] | None = None
    title: str | None = None
    language: str = "en"
    texts: list[Item[str]] = []
    total: float | None = None
    filed: str | None = None


t = fields(Paper)


@think(output=Literal["invoice", "letter", "form"], writes="kind")
def sort(pages: list[str]) -> str:
    return f"What is this? {pages[:1]}"


@compute(writes="title")
def name(pages: list[str]) -> str:
    return pages[0][:20] if pages else "untitled"


@compute(writes="language")
def detect(pages: list[str]) -> str:
    return "en" if pages else "none"


@tool(effect="none")
def read_page(page: str) -> str:
    return page.upper()


@compute(writes="total")
def sum_up(texts: list[Item[str]]) -> float | None:
    return float(len(texts)) or None


@tool(effect="idempotent", writes="filed")
def file_away(title: str, language: str) -> str:
    return f"{title} ({language})"


filed = End("filed")
by_hand = End("by hand", verdict="escalated")
unreadable = End("unreadable", verdict="failed")
