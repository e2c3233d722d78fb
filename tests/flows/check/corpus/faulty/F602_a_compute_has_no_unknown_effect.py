"""What is worked out in Python is waited for as if it were a payment."""

from __future__ import annotations

from guideway import START, Flow, failed, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, find_order, in_doubt, work_out

looked = find_order.bind(order_id="message")

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, looked),
        on(looked, work_out),
        on(work_out, failed("unknown_effect") >> in_doubt, answered),
    ],
)

EXPECTED = {
    "code": "F602",
    "severity": "warning",
    "path": ("START", "find_order", "work_out"),
    "example": None,
    "also": (),
}
