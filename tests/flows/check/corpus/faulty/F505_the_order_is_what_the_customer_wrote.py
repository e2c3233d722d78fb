"""Small refunds go unseen, and which order they are for is what the customer's message says."""

from __future__ import annotations

from guideway import START, Flow, approval, failed, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, denied, in_doubt, pay_back, read, t

lead = approval("lead", denied=denied, unless=t.amount < 50)

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, read),
        on(read, lead >> pay_back),
        on(pay_back, failed("unknown_effect") >> in_doubt, answered),
    ],
)

EXPECTED = {
    "code": "F505",
    "severity": "warning",
    "path": ("START", "read", "pay_back"),
    "example": None,
    "also": ("F503",),
}
