"""An agent calls its tools as long as it likes."""

from __future__ import annotations

from guideway import START, Flow, act, on, proposes, when
from tests.flows.check.corpus.desks.agents import Chat, answered, look_up, reader

do = act([look_up], name="do")

flow = Flow(
    "agent",
    state=Chat,
    edges=[on(START, reader), on(reader, when(proposes()) >> do, answered), on(do, reader)],
)

EXPECTED = {
    "code": "F401",
    "severity": "error",
    "path": ("START", "reader", "do", "reader"),
    "example": None,
    "also": (),
}
GIVES = {"reader": [[("look_up", {"order": "17"})]], "look_up": ["order 17"]}
