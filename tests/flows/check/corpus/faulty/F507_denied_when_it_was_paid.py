"""An end that reads as if nothing had been paid is come to where it may have been."""

from __future__ import annotations

from guideway import START, Flow, failed, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, denied, lead, pay_back

flow = Flow(
    "desk",
    state=Ticket,
    edges=[on(START, lead >> pay_back), on(pay_back, failed("unknown_effect") >> denied, answered)],
)

EXPECTED = {
    "code": "F507",
    "severity": "fact",
    "says": ("denied: possibly pay_back", "answered: surely pay_back"),
    "also": (),
}
