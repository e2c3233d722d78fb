"""The row catches every failure, but a result that nobody knows is caught only by its name."""

from __future__ import annotations

from guideway import START, Flow, failed, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, lead, pay_back

flow = Flow(
    "desk",
    state=Ticket,
    edges=[on(START, lead >> pay_back), on(pay_back, failed() >> handed_over, answered)],
)

EXPECTED = {"code": "F601", "severity": "warning", "path": ("START", "pay_back"), "example": None, "also": ()}
