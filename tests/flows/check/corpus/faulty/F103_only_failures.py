"""The row of a search says what happens when it fails, and not when it finds something."""

from __future__ import annotations

from guideway import START, Flow, failed, on
from tests.flows.check.corpus.desks.research import Study, gave_up, plan, search

flow = Flow("study", state=Study, edges=[on(START, plan), on(plan, search), on(search, failed() >> gave_up)])

EXPECTED = {
    "code": "F103",
    "severity": "error",
    "path": ("START", "plan", "search"),
    "example": {"node": "search", "outcome": "ok"},
    "also": (),
}
GIVES = {"plan": ["bridges"]}
