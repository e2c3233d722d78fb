"""Where nobody answers in a day the money goes out all the same."""

from __future__ import annotations

from guideway import START, Flow, approval, failed, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, denied, in_doubt, pay_back, send_note

lead = approval("lead", within="24h", denied=denied, expired=pay_back)

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, lead >> send_note),
        on(send_note, answered),
        on(pay_back, failed("unknown_effect") >> in_doubt, answered),
    ],
)

EXPECTED = {
    "code": "F501",
    "severity": "error",
    "path": ("START", "pay_back"),
    "example": {"then": "pay_back"},
    "also": (),
}
NOES = {"lead": ["expired"]}
