"""A refused call ends the run, by the gate's own way."""

from __future__ import annotations

from guideway import START, Flow, act, approval, at_most, on, proposes, when
from tests.flows.check.corpus.desks.agents import Chat, agent, answered, denied, look_up, refund

do = act([look_up, refund], name="do", gates={refund: approval("lead", denied=denied)})

flow = Flow(
    "agent",
    state=Chat,
    edges=[on(START, agent), on(agent, when(proposes(), at_most(5)) >> do, answered), on(do, agent)],
)
