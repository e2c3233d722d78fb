"""Behind the first yes the desk asks the lead again and again; what is approved leads back to the question."""

from __future__ import annotations

from guideway import START, Budget, Flow, approval, on
from tests.flows.check.corpus.desks.refunds import Ticket, lost, send_note, write_reply

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, approval("lead", denied=lost) >> write_reply),
        on(write_reply, send_note),
        on(send_note, write_reply),
    ],
    budget=Budget(steps=10),
)

EXPECTED = {"code": "F104", "severity": "error", "path": ("START", "write_reply"), "example": None, "also": ()}
GIVES = {"write_reply": ["Dear customer"], "send_note": ["sent"]}
