"""After the lead's no a letter is written, and behind the letter the refund is led to again, without a question."""

from __future__ import annotations

from guideway import START, Flow, approval, on
from tests.flows.check.corpus.desks.incidents import Incident, mended, open_ticket, probe, scale_up

lead = approval("lead", denied=open_ticket)

flow = Flow(
    "incident",
    state=Incident,
    edges=[
        on(START, probe),
        on(probe, lead >> scale_up),
        on(open_ticket, scale_up),
        on(scale_up, mended),
    ],
)

EXPECTED = {
    "code": "F506",
    "severity": "error",
    "path": ("START", "probe", "open_ticket", "scale_up"),
    "example": {"then": "scale_up"},
    "also": (),
}


def shown(ran):
    """The lead said no, and it was done all the same."""
    denied = [event for event in ran.events if event.kind == "gate"]
    assert denied
    assert ran.called == ["probe", "open_ticket", "scale_up"]
    assert (ran.run.status, ran.run.verdict) == ("ended", "success")
