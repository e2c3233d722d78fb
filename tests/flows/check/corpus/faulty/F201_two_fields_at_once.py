"""Sure refunds and unsure ones have their edges, and sure questions; an unsure question goes nowhere."""

from __future__ import annotations

from guideway import START, Flow, on, one_of, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, read, t, write_reply

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, read),
        on(
            read,
            when(t.intent == "refund") >> handed_over,
            when(one_of(t.intent, "question", "other"), t.confidence >= 0.5) >> write_reply,
        ),
        on(write_reply, answered),
    ],
)

EXPECTED = {"code": "F201", "severity": "error", "path": ("START", "read"), "example": None, "also": ()}


def shown(ran):
    """The run is stuck with an unsure question, or something else that is unsure."""
    assert ran.run.error.type == "NoWayOn"
    assert ran.run.state.intent in ("question", "other")
    assert ran.run.state.confidence < 0.5
