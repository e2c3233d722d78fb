"""A finding is accepted under a code that no check has, so nothing is accepted."""

from __future__ import annotations

from guideway import START, Flow, failed, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, in_doubt, lead, pay_back

flow = Flow(
    "desk",
    state=Ticket,
    edges=[on(START, lead >> pay_back), on(pay_back, failed("unknown_effect") >> in_doubt, answered)],
    accepts={"F610": "settled by hand"},
)

EXPECTED = {"code": "F001", "severity": "warning", "path": (), "example": None, "also": ()}
