"""An agent may propose a refund; each is approved, and a no is told to it."""

from __future__ import annotations

from guideway import START, Flow, act, approval, at_most, on, proposes, when
from tests.flows.check.corpus.desks.agents import Chat, agent, answered, look_up, refund

do = act([look_up, refund], name="do", gates={refund: approval("lead")})

flow = Flow(
    "agent",
    state=Chat,
    edges=[on(START, agent), on(agent, when(proposes(), at_most(5)) >> do, answered), on(do, agent)],
)
