"""A branch leaves its region by a failure, which is no exit of it."""

from __future__ import annotations

from guideway import START, Flow, all_of, failed, on
from tests.flows.check.corpus.desks.incidents import (
    Incident,
    count_errors,
    diagnose,
    escalated,
    read_logs,
    still_broken,
)

flow = Flow(
    "incident",
    state=Incident,
    edges=[
        on(START, all_of(read_logs, count_errors)),
        on(read_logs, failed() >> still_broken, diagnose),
        on(count_errors, diagnose),
        on(diagnose, escalated),
    ],
)
