"""A tool of the agent is told for whom it works by the state, and there nobody has said who that is."""

from __future__ import annotations

from guideway import START, Flow, act, at_most, on, proposes, when
from tests.flows.check.corpus.desks.agents import Chat, answered, clerk, my_orders

do = act([my_orders], name="do")

flow = Flow(
    "clerk",
    state=Chat,
    edges=[on(START, clerk), on(clerk, when(proposes(), at_most(3)) >> do, answered), on(do, clerk)],
)

EXPECTED = {"code": "F302", "severity": "warning", "path": ("START", "clerk", "do"), "example": None, "also": ()}
