"""The node that tells of a failure is reached by failures alone, from two nodes."""

from __future__ import annotations

from guideway import START, Flow, exists, failed, on, when
from tests.flows.check.corpus.desks.refunds import (
    Ticket,
    answered,
    apologise,
    find_order,
    handed_over,
    read,
    t,
    work_out,
)

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, read),
        on(read, failed() >> apologise, when(exists(t.order_id)) >> find_order, handed_over),
        on(find_order, failed() >> apologise, work_out),
        on(work_out, answered),
        on(apologise, answered),
    ],
)
