"""The service is scaled until the count of errors falls, which nobody counts meanwhile."""

from __future__ import annotations

from guideway import START, Flow, at_most, on, when
from tests.flows.check.corpus.desks.incidents import Incident, count_errors, mended, scale_up, still_broken, t

flow = Flow(
    "incident",
    state=Incident,
    edges=[
        on(START, count_errors),
        on(count_errors, scale_up),
        on(scale_up, when(t.errors < 3) >> mended, when(at_most(5)) >> scale_up, still_broken),
    ],
)

EXPECTED = {
    "code": "F406",
    "severity": "warning",
    "path": ("START", "count_errors", "scale_up", "scale_up"),
    "example": None,
    "also": (),
}
