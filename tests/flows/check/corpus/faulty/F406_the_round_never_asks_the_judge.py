"""The draft is written again and again until the verdict is good, and nothing in the round judges it."""

from __future__ import annotations

from guideway import START, Budget, Flow, on, when
from tests.flows.check.corpus.desks.research import Study, answered, gave_up, plan, search, t, write

flow = Flow(
    "study",
    state=Study,
    edges=[
        on(START, plan),
        on(plan, search),
        on(search, write),
        on(write, when(t.verdict == "good") >> answered, search),
    ],
    budget=Budget(steps=30),
    on_exhausted=gave_up,
)

EXPECTED = {
    "code": "F406",
    "severity": "warning",
    "path": ("START", "plan", "search", "write", "search"),
    "example": None,
    "also": (),
}
