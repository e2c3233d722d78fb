"""Before the refund of an agent stands a rule, and no person behind it."""

from __future__ import annotations

from guideway import START, Flow, act, at_most, on, policy, proposes, when
from tests.flows.check.corpus.desks.agents import Chat, agent, answered, denied, look_up, refund


def known_customer(customer: str | None) -> str | None:
    """Only who is known gets money."""
    return None if customer else "nobody knows the customer"


do = act([look_up, refund], name="do", gates={refund: policy(known_customer, violated=denied)})

flow = Flow(
    "agent",
    state=Chat,
    edges=[on(START, agent), on(agent, when(proposes(), at_most(5)) >> do, answered), on(do, agent)],
)

EXPECTED = {"code": "F502", "severity": "error", "path": ("START", "agent", "do"), "example": None, "also": ()}
INPUT = {"customer": "ann"}
GIVES = {"agent": [[("refund", {"order": "17"})], "Done."]}
