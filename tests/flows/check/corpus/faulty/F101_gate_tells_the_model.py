"""The node for refused calls has a row, but the gate of the call tells the model of its no and leads nowhere."""

from __future__ import annotations

from guideway import START, Flow, act, approval, at_most, compute, on, proposes, when
from tests.flows.check.corpus.desks.agents import Chat, agent, answered, denied, look_up, refund


@compute(writes="done")
def close_case(customer: str | None) -> bool:
    return customer is not None


do = act([look_up, refund], name="do", gates={refund: approval("lead")})

flow = Flow(
    "agent",
    state=Chat,
    edges=[
        on(START, agent),
        on(agent, when(proposes(), at_most(5)) >> do, answered),
        on(do, agent),
        on(close_case, denied),
    ],
)

EXPECTED = {"code": "F101", "severity": "error", "path": (), "example": None, "also": ()}
