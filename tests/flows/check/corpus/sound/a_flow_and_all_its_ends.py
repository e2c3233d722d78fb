"""The flow inside has three ends, and each of them has its way on."""

from __future__ import annotations

from guideway import START, Flow, ended, failed, on, subflow
from tests.flows.check.corpus.desks.refunds import (
    Ticket,
    answered,
    denied,
    handed_over,
    in_doubt,
    lead,
    pay_back,
    write_reply,
)

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
        on(paid, ended(answered) >> write_reply, ended(denied) >> handed_over, ended("escalated") >> handed_over),
        on(write_reply, answered),
    ],
)
