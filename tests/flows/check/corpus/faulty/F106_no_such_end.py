"""The desk waits for its billing flow to be escalated, and billing has no such end."""

from __future__ import annotations

from guideway import START, Flow, ended, on, subflow
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, send_note

noted = subflow(Flow("note", state=Ticket, edges=[on(START, send_note), on(send_note, answered)]), name="note")

flow = Flow(
    "desk",
    state=Ticket,
    edges=[on(START, noted), on(noted, ended("escalated") >> handed_over, ended(answered) >> answered)],
)

EXPECTED = {"code": "F106", "severity": "warning", "path": ("START", "note"), "example": None, "also": ()}
