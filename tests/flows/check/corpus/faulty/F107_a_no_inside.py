"""The flow inside ends as denied where the lead says no; around it only the yes has a way on."""

from __future__ import annotations

from guideway import START, Flow, ended, failed, on, subflow
from tests.flows.check.corpus.desks.refunds import Ticket, answered, in_doubt, lead, pay_back

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
    edges=[on(START, paid), on(paid, ended(answered) >> answered, ended(in_doubt) >> in_doubt)],
)

EXPECTED = {
    "code": "F107",
    "severity": "error",
    "path": ("START", "billing"),
    "example": {"end": "denied", "verdict": "escalated"},
    "also": (),
}
NOES = {"lead": ["denied"]}
