"""Small refunds are exempt from the approval, inside of the gate; what the customer wrote as the order goes unseen."""

from __future__ import annotations

from guideway import START, Flow, approval, failed, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, denied, in_doubt, pay_back, t

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, approval("lead", denied=denied, unless=t.amount < 20) >> pay_back),
        on(pay_back, failed("unknown_effect") >> in_doubt, answered),
    ],
)
WARNINGS = ("F505",)
