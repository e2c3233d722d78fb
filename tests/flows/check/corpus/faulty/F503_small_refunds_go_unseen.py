"""Refunds under fifty are exempt: nobody looks at them, and the review says so."""

from __future__ import annotations

from guideway import START, Flow, approval, failed, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, denied, in_doubt, pay_back, t

lead = approval("lead", denied=denied, unless=t.amount < 50)

flow = Flow(
    "desk",
    state=Ticket,
    edges=[on(START, lead >> pay_back), on(pay_back, failed("unknown_effect") >> in_doubt, answered)],
)

EXPECTED = {"code": "F503", "severity": "fact", "path": (), "example": None, "also": ("F505",)}
