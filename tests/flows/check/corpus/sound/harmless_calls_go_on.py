"""Only where a call of high stakes is proposed is the conversation handed to another node with the gate."""

from __future__ import annotations

from guideway import START, Flow, act, approval, at_most, on, proposes, when
from tests.flows.check.corpus.desks.agents import Chat, agent, answered, look_up, refund

rounds = at_most(5, name="rounds")
do = act([look_up, refund], name="do", gates={refund: approval("lead")})
careful = act([look_up, refund], name="careful", gates={refund: approval("lead", name="chief")})

flow = Flow(
    "agent",
    state=Chat,
    edges=[
        on(START, agent),
        on(agent, when(proposes(stakes="high"), rounds) >> careful, when(proposes(), rounds) >> do, answered),
        on(do, agent),
        on(careful, agent),
    ],
)
