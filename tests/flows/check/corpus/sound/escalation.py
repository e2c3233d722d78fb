"""A request that nobody answers in an hour goes to the manager, who decides about the same call."""

from __future__ import annotations

from guideway import START, Flow, approval, failed, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, denied, handed_over, in_doubt, pay_back

manager = approval("manager", within="24h", denied=denied, expired=handed_over)
lead = approval("lead", within="1h", denied=denied, expired=manager)

flow = Flow(
    "desk",
    state=Ticket,
    edges=[on(START, lead >> pay_back), on(pay_back, failed("unknown_effect") >> in_doubt, answered)],
)
