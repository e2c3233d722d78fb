"""A payment that times out may have happened; the run stops there until somebody looks."""

from __future__ import annotations

from guideway import START, Flow, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, lead, pay_back

flow = Flow("desk", state=Ticket, edges=[on(START, lead >> pay_back), on(pay_back, answered)])

EXPECTED = {"code": "F601", "severity": "warning", "path": ("START", "pay_back"), "example": None, "also": ()}
