"""A node for invoices alone is reached by every kind of paper."""

from __future__ import annotations

from typing import Literal

from guideway import START, Flow, compute, on
from tests.flows.check.corpus.desks.papers import Paper, filed, sort


@compute(writes="total")
def add_up(kind: Literal["invoice"], pages: list[str]) -> float:
    return float(len(pages)) if kind else 0.0


flow = Flow("papers", state=Paper, edges=[on(START, sort), on(sort, add_up), on(add_up, filed)])

EXPECTED = {
    "code": "F301",
    "severity": "error",
    "path": ("START", "sort", "add_up"),
    "example": {"reads": {"kind": "letter"}},
    "also": (),
}
