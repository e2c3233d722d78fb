"""A field that may be None was written by the very node before, which returns no None; so no case is missed."""

from __future__ import annotations

from guideway import START, Flow, exists, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, find_order, handed_over, read, t, work_out

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, read),
        on(read, when(exists(t.order_id)) >> find_order, handed_over),
        on(find_order, work_out),
        on(work_out, answered),
    ],
)
