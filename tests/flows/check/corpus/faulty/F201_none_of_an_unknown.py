"""Not refused, says the condition; of what nobody has judged that is not known, and goes nowhere."""

from __future__ import annotations

from guideway import START, Flow, none_of, on, when
from tests.flows.check.corpus.desks.research import Study, answered, gave_up, plan, t

flow = Flow(
    "study",
    state=Study,
    edges=[
        on(START, plan),
        on(plan, when(none_of(t.verdict == "wrong")) >> answered, when(t.verdict == "wrong") >> gave_up),
    ],
)

EXPECTED = {"code": "F201", "severity": "error", "path": ("START", "plan"), "example": None, "also": ()}


def shown(ran):
    """The run is stuck where there is no verdict."""
    assert ran.run.error.type == "NoWayOn"
    assert ran.run.state.verdict is None
