"""Every value has its edge, and a bare target stands behind them all the same."""

from __future__ import annotations

from guideway import START, Flow, on, when
from tests.flows.check.corpus.desks.papers import Paper, by_hand, filed, sort, t, unreadable

flow = Flow(
    "papers",
    state=Paper,
    edges=[
        on(START, sort),
        on(
            sort,
            when(t.kind == "invoice") >> filed,
            when(t.kind == "letter") >> filed,
            when(t.kind == "form") >> by_hand,
            unreadable,
        ),
    ],
)
