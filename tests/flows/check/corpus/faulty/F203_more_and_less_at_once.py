"""An edge asks for a number to be under one bound and over a greater one."""

from __future__ import annotations

from guideway import START, Flow, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, read, t, write_reply

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, read),
        on(read, when(t.confidence > 0.9, t.confidence < 0.5) >> handed_over, write_reply),
        on(write_reply, answered),
    ],
)

EXPECTED = {"code": "F203", "severity": "warning", "path": ("START", "read"), "example": None, "also": ()}
