"""A paper of one page, and one of more; of none nobody has thought."""

from __future__ import annotations

from guideway import START, Flow, length, on, when
from tests.flows.check.corpus.desks.papers import Paper, by_hand, detect, filed, t

flow = Flow(
    "papers",
    state=Paper,
    edges=[
        on(START, detect),
        on(detect, when(length(t.pages) == 1) >> filed, when(length(t.pages) > 1) >> by_hand),
    ],
)

EXPECTED = {"code": "F201", "severity": "error", "path": ("START", "detect"), "example": None, "also": ()}


def shown(ran):
    """The run is stuck with no page."""
    assert ran.run.error.type == "NoWayOn"
    assert ran.run.state.pages == []
