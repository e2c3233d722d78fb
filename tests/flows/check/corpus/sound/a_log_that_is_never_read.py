"""Notes are appended and never read by a node: they are what an end is looked at for."""

from __future__ import annotations

from guideway import START, Flow, on
from tests.flows.check.corpus.desks.incidents import Incident, escalated, note_errors, note_logs

flow = Flow(
    "incident",
    state=Incident,
    edges=[on(START, note_logs), on(note_logs, note_errors), on(note_errors, escalated)],
)
