"""Under the threshold to a person, over it to the answer; a message of exactly that confidence goes nowhere."""

from __future__ import annotations

from guideway import START, Flow, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, read, t, write_reply

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, read),
        on(read, when(t.confidence < 0.7) >> handed_over, when(t.confidence > 0.7) >> write_reply),
        on(write_reply, answered),
    ],
)

EXPECTED = {"code": "F201", "severity": "error", "path": ("START", "read"), "example": None, "also": ()}


def shown(ran):
    """The run is stuck behind the reading, at exactly seven tenths."""
    assert ran.run.error.type == "NoWayOn"
    assert ran.run.state.confidence == 0.7
