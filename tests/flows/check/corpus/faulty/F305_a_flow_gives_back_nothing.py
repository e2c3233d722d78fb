"""The search comes to nothing in one case, and the field around it must have a title."""

from __future__ import annotations

from pydantic import BaseModel

from guideway import START, Flow, compute, on, subflow
from tests.flows.check.corpus.desks.papers import filed


class Inner(BaseModel):
    text: str
    title: str | None = None


class Outer(BaseModel):
    text: str
    title: str = "untitled"


@compute(writes="title")
def first_line(text: str) -> str | None:
    return text.partition("\n")[0] or None


titled = subflow(Flow("title", state=Inner, edges=[on(START, first_line), on(first_line, filed)]), name="titled")

flow = Flow("papers", state=Outer, edges=[on(START, titled), on(titled, filed)])

EXPECTED = {"code": "F305", "severity": "error", "path": ("START", "titled"), "example": {}, "also": ()}
GIVES = {"first_line": [None]}
