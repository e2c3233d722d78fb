"""What fails is reported, and behind the report there is nothing."""

from __future__ import annotations

from guideway import START, Flow, on
from tests.flows.check.corpus.desks.incidents import Incident, mended, open_ticket, scale_up

flow = Flow("incident", state=Incident, edges=[on(START, scale_up), on(scale_up, mended)], on_failure=open_ticket)

EXPECTED = {
    "code": "F102",
    "severity": "error",
    "path": ("START", "scale_up", "open_ticket"),
    "example": {"verdict": "failed"},
    "also": ("F401",),
}
GIVES = {"scale_up": [ConnectionError("no answer")], "open_ticket": ["17"]}
