"""Behind a way that is taken where there is no order, there is one."""

from __future__ import annotations

from guideway import START, Flow, exists, none_of, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, search_order, t, work_out

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, search_order),
        on(search_order, when(none_of(exists(t.order))) >> handed_over, work_out),
        on(work_out, answered),
    ],
)
