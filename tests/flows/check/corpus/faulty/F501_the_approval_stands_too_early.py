"""The lead says yes to the message; what is paid is worked out only then."""

from __future__ import annotations

from guideway import START, Flow, exists, failed, on, when
from tests.flows.check.corpus.desks.refunds import (
    Ticket,
    answered,
    handed_over,
    in_doubt,
    lead,
    pay_back,
    search_order,
    t,
    work_out,
)

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, search_order),
        on(search_order, when(exists(t.order)) >> lead >> work_out, handed_over),
        on(work_out, pay_back),
        on(pay_back, failed("unknown_effect") >> in_doubt, answered),
    ],
)

EXPECTED = {
    "code": "F501",
    "severity": "error",
    "path": ("START", "search_order", "work_out", "pay_back"),
    "example": {"then": "pay_back"},
    "also": (),
}
