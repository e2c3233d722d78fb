"""Unsure messages to a person, refunds to the desk: which of the two an unsure refund is, only the order says."""

from __future__ import annotations

from guideway import START, Flow, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, in_doubt, read, t

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, read),
        on(read, when(t.confidence < 0.7) >> handed_over, when(t.intent == "refund") >> in_doubt, answered),
    ],
)

EXPECTED = {"code": "F205", "severity": "fact", "path": ("START", "read"), "example": None, "also": ()}
