"""Two branches of an incident write whether the service is healthy, and one of the two is lost."""

from __future__ import annotations

from guideway import START, Flow, all_of, on
from tests.flows.check.corpus.desks.incidents import Incident, escalated, open_ticket, probe, scale_up

flow = Flow(
    "incident",
    state=Incident,
    edges=[
        on(START, all_of(probe, scale_up)),
        on(probe, open_ticket),
        on(scale_up, open_ticket),
        on(open_ticket, escalated),
    ],
)

EXPECTED = {
    "code": "F304",
    "severity": "error",
    "path": ("START", "all_of(probe, scale_up)", "probe"),
    "example": {"field": "healthy"},
    "also": (),
}
GIVES = {"probe": [True], "scale_up": [False]}
