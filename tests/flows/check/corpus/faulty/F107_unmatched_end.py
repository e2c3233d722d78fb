"""The search gives up in one case, and the flow around it knows only that it finds something."""

from __future__ import annotations

from guideway import START, Flow, at_most, ended, on, subflow, when
from tests.flows.check.corpus.desks.research import Study, answered, gave_up, plan, search, t, write

looked = subflow(
    Flow(
        "look",
        state=Study,
        edges=[on(START, plan), on(plan, search), on(search, when(t.score > 0.5, at_most(2)) >> answered, gave_up)],
    ),
    name="look",
    writes={"draft": "draft"},
)

flow = Flow(
    "study",
    state=Study,
    edges=[on(START, looked), on(looked, ended(answered) >> write), on(write, answered)],
)

EXPECTED = {
    "code": "F107",
    "severity": "error",
    "path": ("START", "look"),
    "example": {"end": "gave up", "verdict": "partial"},
    "also": (),
}
GIVES = {"plan": ["bridges"], "search": [["a"]]}
