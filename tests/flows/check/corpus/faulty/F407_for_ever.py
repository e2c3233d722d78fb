"""A reading without a timeout and a request without a time: the run may work, and wait, for ever."""

from __future__ import annotations

from guideway import START, Flow, failed, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, in_doubt, lead, pay_back, read

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, read),
        on(read, lead >> pay_back),
        on(pay_back, failed("unknown_effect") >> in_doubt, answered),
    ],
)

EXPECTED = {
    "code": "F407",
    "severity": "fact",
    "says": (
        "working time (F407): no bound: read has no timeout=",
        "waiting time (F407): no bound: lead has no within=",
    ),
    "also": (),
}
