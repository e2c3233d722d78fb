"""Writer and judge hand a draft to each other until the budget is used up; no edge leads to an end."""

from __future__ import annotations

from guideway import START, Budget, Flow, on
from tests.flows.check.corpus.desks.research import Study, gave_up, judge, write

flow = Flow(
    "study",
    state=Study,
    edges=[on(START, write), on(write, judge), on(judge, write)],
    budget=Budget(steps=12),
    on_exhausted=gave_up,
)

EXPECTED = {"code": "F104", "severity": "error", "path": ("START", "write"), "example": None, "also": ()}
GIVES = {"write": ["a draft"], "judge": [{"verdict": "thin", "score": 0.2}]}
