"""Two edges take every kind between them; the third, for one of the kinds, is left with nothing."""

from __future__ import annotations

from guideway import START, Flow, on, one_of, when
from tests.flows.check.corpus.desks.papers import Paper, by_hand, filed, sort, t, unreadable

flow = Flow(
    "papers",
    state=Paper,
    edges=[
        on(START, sort),
        on(
            sort,
            when(one_of(t.kind, "invoice", "form")) >> by_hand,
            when(t.kind == "letter") >> filed,
            when(t.kind == "form") >> unreadable,
        ),
    ],
)

EXPECTED = {"code": "F204", "severity": "warning", "path": ("START", "sort"), "example": None, "also": ()}
