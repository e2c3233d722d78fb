"""Two steps are budgeted, and the shortest way to an answer takes three."""

from __future__ import annotations

from guideway import START, Budget, Flow, on
from tests.flows.check.corpus.desks.research import Study, answered, gave_up, judge, plan, write

flow = Flow(
    "study",
    state=Study,
    edges=[on(START, plan), on(plan, write), on(write, judge), on(judge, answered)],
    budget=Budget(steps=3, keep=Budget(steps=1)),
    on_exhausted=gave_up,
)

EXPECTED = {
    "code": "F405",
    "severity": "warning",
    "path": ("START", "plan", "write", "judge", "answered"),
    "example": {"spent": {"steps": 2}},
    "also": (),
}
