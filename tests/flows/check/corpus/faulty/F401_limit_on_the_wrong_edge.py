"""The limit stands on the way out; the way back has none."""

from __future__ import annotations

from guideway import START, Flow, at_most, on, when
from tests.flows.check.corpus.desks.research import Study, answered, gave_up, judge, t, write

flow = Flow(
    "study",
    state=Study,
    edges=[
        on(START, write),
        on(write, judge),
        on(judge, when(t.verdict == "good", at_most(3)) >> answered, when(t.score > 0.9) >> gave_up, write),
    ],
)

EXPECTED = {
    "code": "F401",
    "severity": "error",
    "path": ("START", "write", "judge", "write"),
    "example": {"then": "write"},
    "also": (),
}
