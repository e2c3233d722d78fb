"""In the first round all is well; the count goes on, and what it comes to then has no edge."""

from __future__ import annotations

from guideway import START, Flow, at_most, on, when
from tests.flows.check.corpus.desks.research import Study, answered, count, plan, t

flow = Flow(
    "study",
    state=Study,
    edges=[
        on(START, plan),
        on(plan, count),
        on(count, when(t.rounds < 2, at_most(5)) >> plan, when(t.rounds == 2) >> answered),
    ],
)

EXPECTED = {"code": "F201", "severity": "error", "path": ("START", "plan", "count"), "example": None, "also": ()}


def shown(ran):
    """The run is stuck beyond two rounds."""
    assert ran.run.error.type == "NoWayOn"
    assert ran.run.state.rounds > 2
