"""What the lead refused runs under another name on the way for a no."""

from __future__ import annotations

from guideway import START, Flow, approval, on
from tests.flows.check.corpus.desks.incidents import Incident, escalated, mended, scale_up

quietly = scale_up.named("quietly")
lead = approval("lead", denied=quietly)

flow = Flow(
    "incident",
    state=Incident,
    edges=[on(START, lead >> scale_up), on(scale_up, mended), on(quietly, escalated)],
)

EXPECTED = {
    "code": "F506",
    "severity": "error",
    "path": ("START", "quietly"),
    "example": None,
    "also": (),
}
NOES = {"lead": ["denied"]}


def shown(ran):
    """The lead said no, and the same was done."""
    assert ran.called == ["quietly"]
    assert ran.run.end == "escalated"
