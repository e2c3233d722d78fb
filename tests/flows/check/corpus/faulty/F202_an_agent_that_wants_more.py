"""An agent is let call five times; what it wants to call then leads nowhere."""

from __future__ import annotations

from guideway import START, Flow, act, at_most, none_of, on, proposes, when
from tests.flows.check.corpus.desks.agents import Chat, answered, look_up, reader

do = act([look_up], name="do")

flow = Flow(
    "agent",
    state=Chat,
    edges=[
        on(START, reader),
        on(reader, when(proposes(), at_most(5)) >> do, when(none_of(proposes())) >> answered),
        on(do, reader),
    ],
)

EXPECTED = {"code": "F202", "severity": "warning", "path": ("START", "reader"), "example": None, "also": ()}
