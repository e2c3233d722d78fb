"""One branch is the place to which the other leads: there is nothing to join."""

from __future__ import annotations

from guideway import START, Flow, all_of, on
from tests.flows.check.corpus.desks.incidents import Incident, diagnose, escalated, read_logs

flow = Flow(
    "incident",
    state=Incident,
    edges=[on(START, all_of(read_logs, diagnose)), on(read_logs, diagnose), on(diagnose, escalated)],
)

EXPECTED = {
    "code": "F105",
    "severity": "error",
    "path": ("START", "all_of(read_logs, diagnose)"),
    "example": None,
    "also": (),
}
