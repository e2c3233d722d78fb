"""A comparison of a field that may be None passes only where it is not."""

from __future__ import annotations

from guideway import START, Flow, on, some, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, search_order, t, work_out

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, search_order),
        on(search_order, when(some(t.order).total > 0) >> work_out, handed_over),
        on(work_out, answered),
    ],
)
