"""The flow around is straight; the one inside goes round."""

from __future__ import annotations

from guideway import START, Flow, on, subflow, when
from tests.flows.check.corpus.desks.research import Study, answered, judge, t, write

inner = Flow(
    "drafts",
    state=Study,
    edges=[on(START, write), on(write, judge), on(judge, when(t.verdict == "good") >> answered, write)],
)
drafts = subflow(inner, name="drafts")

flow = Flow("study", state=Study, edges=[on(START, drafts), on(drafts, answered)])

EXPECTED = {
    "code": "F401",
    "severity": "error",
    "path": ("drafts/START", "drafts/write", "drafts/judge", "drafts/write"),
    "example": None,
    "also": (),
}
GIVES = {"write": ["a draft"], "judge": [{"verdict": "thin", "score": 0.1}]}
