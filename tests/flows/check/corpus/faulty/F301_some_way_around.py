"""Questions skip the search, and then come to the same node as refunds, which cannot do without an order."""

from __future__ import annotations

from guideway import START, Flow, exists, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, find_order, handed_over, read, t, work_out

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, read),
        on(
            read,
            when(t.confidence < 0.7) >> handed_over,
            when(t.intent == "refund", exists(t.order_id)) >> find_order,
            work_out,
        ),
        on(find_order, work_out),
        on(work_out, answered),
    ],
)

EXPECTED = {
    "code": "F301",
    "severity": "error",
    "path": ("START", "read", "work_out"),
    "example": {"then": "work_out", "reads": {"order": None}},
    "also": (),
}
