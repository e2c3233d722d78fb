"""The order is read where the search failed: what it holds there is what it held before, which is nothing."""

from __future__ import annotations

from guideway import START, Flow, exists, failed, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, find_order, handed_over, read, t, work_out

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, read),
        on(read, when(exists(t.order_id)) >> find_order, handed_over),
        on(find_order, failed("timeout") >> work_out, work_out),
        on(work_out, answered),
    ],
)

EXPECTED = {
    "code": "F301",
    "severity": "error",
    "path": ("START", "read", "find_order", "work_out"),
    "example": {"reads": {"order": None}},
    "also": (),
}
