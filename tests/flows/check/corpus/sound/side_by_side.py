"""Branches that write fields of their own, and one that has a reducer."""

from __future__ import annotations

from guideway import START, Flow, all_of, on
from tests.flows.check.corpus.desks.incidents import (
    Incident,
    count_errors,
    diagnose,
    escalated,
    note_errors,
    note_logs,
    read_logs,
)

flow = Flow(
    "incident",
    state=Incident,
    edges=[
        on(START, all_of(read_logs, count_errors)),
        on(read_logs, note_logs),
        on(count_errors, note_errors),
        on(note_logs, diagnose),
        on(note_errors, diagnose),
        on(diagnose, escalated),
    ],
)
