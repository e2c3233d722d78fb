"""Two nodes lead to each other, and nothing leads to either: a round that was cut out of the flow by half."""

from __future__ import annotations

from guideway import START, Flow, at_most, fields, on, when
from tests.flows.check.corpus.desks.research import Study, answered, count, judge, plan, write

t = fields(Study)

flow = Flow(
    "study",
    state=Study,
    edges=[
        on(START, plan),
        on(plan, write),
        on(write, answered),
        on(judge, when(t.verdict == "thin", at_most(2)) >> count, answered),
        on(count, judge),
    ],
)

EXPECTED = {"code": "F101", "severity": "error", "path": (), "example": None, "also": (), "count": 2}
