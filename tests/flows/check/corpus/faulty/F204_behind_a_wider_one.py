"""The edge for very dear refunds stands behind the one for dear ones, and is never taken."""

from __future__ import annotations

from guideway import START, Flow, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, denied, find_order, handed_over, t, work_out

looked = find_order.bind(order_id="message")

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, looked),
        on(looked, work_out),
        on(work_out, when(t.amount > 100) >> handed_over, when(t.amount > 1000) >> denied, answered),
    ],
)

EXPECTED = {
    "code": "F204",
    "severity": "warning",
    "path": ("START", "find_order", "work_out"),
    "example": None,
    "also": (),
}
