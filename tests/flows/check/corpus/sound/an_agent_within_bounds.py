"""An agent reads with its tools five times at most; what it proposes then is left."""

from __future__ import annotations

from guideway import START, Flow, act, at_most, on, proposes, when
from tests.flows.check.corpus.desks.agents import Chat, answered, look_up, reader, stopped

do = act([look_up], name="do")

flow = Flow(
    "agent",
    state=Chat,
    edges=[
        on(START, reader),
        on(reader, when(proposes(), at_most(5)) >> do, when(proposes()) >> stopped, answered),
        on(do, reader),
    ],
)
