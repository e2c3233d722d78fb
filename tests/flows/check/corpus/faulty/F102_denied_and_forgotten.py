"""After the lead's no an explanation is written, and nothing says where the run goes then."""

from __future__ import annotations

from guideway import START, Flow, approval, failed, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, explain, in_doubt, pay_back

lead = approval("lead", denied=explain)

flow = Flow(
    "desk",
    state=Ticket,
    edges=[on(START, lead >> pay_back), on(pay_back, failed("unknown_effect") >> in_doubt, answered)],
)

EXPECTED = {
    "code": "F102",
    "severity": "error",
    "path": ("START", "explain"),
    "example": {"node": "explain"},
    "also": (),
}
NOES = {"lead": ["denied"]}
GIVES = {"explain": ["Sorry, no."]}
