"""A rule of the house is asked first, then the lead."""

from __future__ import annotations

from guideway import START, Flow, failed, on, policy
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, in_doubt, lead, pay_back


def within_a_month(message: str) -> str | None:
    """What the shop promises."""
    return None if message else "too late"


flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, policy(within_a_month, violated=handed_over) >> lead >> pay_back),
        on(pay_back, failed("unknown_effect") >> in_doubt, answered),
    ],
)
