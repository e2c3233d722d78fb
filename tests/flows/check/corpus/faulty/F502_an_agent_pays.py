"""The agent may call the refund as it may call everything else."""

from __future__ import annotations

from guideway import START, Flow, act, at_most, on, proposes, when
from tests.flows.check.corpus.desks.agents import Chat, agent, answered, look_up, refund

do = act([look_up, refund], name="do")

flow = Flow(
    "agent",
    state=Chat,
    edges=[on(START, agent), on(agent, when(proposes(), at_most(5)) >> do, answered), on(do, agent)],
)

EXPECTED = {"code": "F502", "severity": "error", "path": ("START", "agent", "do"), "example": None, "also": ()}
GIVES = {"agent": [[("refund", {"order": "17"})], "Done."]}
