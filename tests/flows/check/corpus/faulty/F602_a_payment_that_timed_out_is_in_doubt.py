"""The row waits for a payment to time out; what times out there is unknown, and only that name matches it."""

from __future__ import annotations

from guideway import START, Flow, failed, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, in_doubt, lead, pay_back

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, lead >> pay_back),
        on(pay_back, failed("timeout") >> handed_over, failed("unknown_effect") >> in_doubt, answered),
    ],
)

EXPECTED = {"code": "F602", "severity": "warning", "path": ("START", "pay_back"), "example": None, "also": ()}
