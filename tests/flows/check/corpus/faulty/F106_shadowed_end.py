"""The edge for one end of the billing flow stands behind a bare one for every success, and is never taken."""

from __future__ import annotations

from guideway import START, Flow, ended, failed, on, subflow
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, in_doubt, lead, pay_back

paid = subflow(
    Flow(
        "billing",
        state=Ticket,
        edges=[on(START, lead >> pay_back), on(pay_back, failed("unknown_effect") >> in_doubt, answered)],
    ),
    name="billing",
)

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, paid),
        on(paid, ended("success") >> answered, ended(answered) >> handed_over, ended("escalated") >> handed_over),
    ],
)

EXPECTED = {"code": "F106", "severity": "warning", "path": ("START", "billing"), "example": None, "also": ()}
