"""Each intent has its edge, but the input decides before anything is read, and there the intent may be None."""

from __future__ import annotations

from guideway import START, Flow, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, send_note, t

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(
            START,
            when(t.intent == "refund") >> handed_over,
            when(t.intent == "question") >> send_note,
            when(t.intent == "other") >> answered,
        ),
        on(send_note, answered),
    ],
)

EXPECTED = {"code": "F201", "severity": "error", "path": ("START",), "example": None, "also": ()}


def shown(ran):
    """The run ends before it has begun, with no intent."""
    assert ran.run.error.type == "NoWayOn"
    assert ran.run.state.intent is None
    assert ran.called == []
