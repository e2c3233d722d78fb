"""A draft is written anew as long as the judge finds it thin, and nothing says how often."""

from __future__ import annotations

from guideway import START, Flow, on, when
from tests.flows.check.corpus.desks.research import Study, answered, judge, plan, t, write

flow = Flow(
    "study",
    state=Study,
    edges=[
        on(START, plan),
        on(plan, write),
        on(write, judge),
        on(judge, when(t.verdict == "good") >> answered, write),
    ],
)

EXPECTED = {
    "code": "F401",
    "severity": "error",
    "path": ("START", "plan", "write", "judge", "write"),
    "example": {"then": "write"},
    "also": (),
}
