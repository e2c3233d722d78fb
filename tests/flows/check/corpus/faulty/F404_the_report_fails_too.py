"""A failure is reported by a call, whose own failure is reported by the same call."""

from __future__ import annotations

from guideway import START, Budget, Flow, on
from tests.flows.check.corpus.desks.incidents import Incident, mended, open_ticket, scale_up

flow = Flow(
    "incident",
    state=Incident,
    edges=[on(START, scale_up), on(scale_up, mended), on(open_ticket, mended)],
    budget=Budget(steps=9, keep=Budget(steps=1)),
    on_failure=open_ticket,
)

EXPECTED = {
    "code": "F404",
    "severity": "warning",
    "path": ("START", "scale_up", "open_ticket", "open_ticket"),
    "example": {"then": "open_ticket"},
    "also": (),
}
