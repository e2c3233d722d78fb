"""The apology is written for what failed, and also for what merely came to nothing."""

from __future__ import annotations

from guideway import START, Flow, exists, failed, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, apologise, search_order, t, work_out

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, search_order),
        on(search_order, failed() >> apologise, when(exists(t.order)) >> work_out, apologise),
        on(work_out, answered),
        on(apologise, answered),
    ],
)

EXPECTED = {
    "code": "F303",
    "severity": "error",
    "path": ("START", "search_order", "apologise"),
    "example": {"reads": {"failure": None}},
    "also": (),
}
