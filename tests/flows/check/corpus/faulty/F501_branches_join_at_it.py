"""Each branch asks the lead, and where they join the service is rolled back: neither yes is about that call."""

from __future__ import annotations

from guideway import START, Flow, all_of, approval, on
from tests.flows.check.corpus.desks.incidents import Incident, count_errors, mended, read_logs, roll_back

flow = Flow(
    "incident",
    state=Incident,
    edges=[
        on(START, all_of(read_logs, count_errors)),
        on(read_logs, approval("lead", name="logs", denied=roll_back) >> roll_back),
        on(count_errors, approval("lead", name="errors", denied=roll_back) >> roll_back),
        on(roll_back, mended),
    ],
)

EXPECTED = {
    "code": "F501",
    "severity": "error",
    "path": ("START", "all_of(read_logs, count_errors)", "read_logs", "roll_back"),
    "example": None,
    "also": ("F506",),
}
