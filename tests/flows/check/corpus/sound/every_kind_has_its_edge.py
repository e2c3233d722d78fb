"""A row without a bare target: each value of the field that was just written has its edge."""

from __future__ import annotations

from guideway import START, Flow, on, when
from tests.flows.check.corpus.desks.papers import Paper, by_hand, detect, filed, sort, t

flow = Flow(
    "papers",
    state=Paper,
    edges=[
        on(START, sort),
        on(
            sort,
            when(t.kind == "invoice") >> by_hand,
            when(t.kind == "letter") >> detect,
            when(t.kind == "form") >> by_hand,
        ),
        on(detect, filed),
    ],
)
