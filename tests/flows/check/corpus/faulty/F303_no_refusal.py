"""The letter that explains a no is also written for questions, to which nobody has said no."""

from __future__ import annotations

from guideway import START, Flow, approval, failed, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, explain, in_doubt, pay_back, read, t

lead = approval("lead", denied=explain)

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, read),
        on(read, when(t.intent == "refund") >> lead >> pay_back, explain),
        on(pay_back, failed("unknown_effect") >> in_doubt, answered),
        on(explain, answered),
    ],
)

EXPECTED = {
    "code": "F303",
    "severity": "error",
    "path": ("START", "read", "explain"),
    "example": {"reads": {"refusal": None}},
    "also": (),
}
