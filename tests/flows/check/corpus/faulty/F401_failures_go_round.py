"""What fails is tried again by the flow's own way for failures, for ever where it fails for ever."""

from __future__ import annotations

from guideway import START, Flow, on
from tests.flows.check.corpus.desks.incidents import Incident, mended, open_ticket, scale_up

flow = Flow(
    "incident",
    state=Incident,
    edges=[on(START, scale_up), on(scale_up, mended), on(open_ticket, mended)],
    on_failure=open_ticket,
)

EXPECTED = {
    "code": "F401",
    "severity": "error",
    "path": ("START", "scale_up", "open_ticket", "open_ticket"),
    "example": {"steps": [{"node": "scale_up", "outcome": "failed"}, {"node": "open_ticket", "outcome": "failed"}]},
    "also": (),
}
