"""Every way that a refund fails is thought of, each by its category; that it is done is not."""

from __future__ import annotations

from guideway import START, Flow, failed, on
from tests.flows.check.corpus.desks.refunds import Ticket, handed_over, in_doubt, lead, lost, pay_back

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, lead >> pay_back),
        on(
            pay_back,
            failed("unknown_effect") >> in_doubt,
            failed("declined", "invalid_input") >> handed_over,
            failed() >> lost,
        ),
    ],
)

EXPECTED = {
    "code": "F103",
    "severity": "error",
    "path": ("START", "pay_back"),
    "example": {"outcome": "ok", "verdict": "failed"},
    "also": (),
}
INPUT = {"order_id": "17"}
