"""Signals are read side by side, and read again as long as the service is not healthy."""

from __future__ import annotations

from guideway import START, Flow, all_of, on, when
from tests.flows.check.corpus.desks.incidents import Incident, count_errors, mended, probe, read_logs, t

look = all_of(read_logs, count_errors)

flow = Flow(
    "incident",
    state=Incident,
    edges=[
        on(START, look),
        on(read_logs, probe),
        on(count_errors, probe),
        on(probe, when(t.healthy == True) >> mended, look),  # noqa: E712  # an expression, not a truth value
    ],
)

EXPECTED = {
    "code": "F401",
    "severity": "error",
    "path": (
        "START",
        *("all_of(read_logs, count_errors)", "read_logs", "probe") * 2,
    ),
    "example": {"then": "probe"},
    "also": (),
}
