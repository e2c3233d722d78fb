"""Small refunds are paid at once, by an edge that carries no approval."""

from __future__ import annotations

from guideway import START, Flow, failed, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, in_doubt, lead, pay_back, t

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, when(t.amount < 50) >> pay_back, lead >> pay_back),
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
