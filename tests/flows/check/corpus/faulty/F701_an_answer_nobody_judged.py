"""Every draft is judged, says the property; one that is empty goes out as it is."""

from __future__ import annotations

from guideway import START, Flow, always, length, on, when
from tests.flows.check.corpus.desks.research import Study, answered, gave_up, judge, t, write

flow = Flow(
    "study",
    state=Study,
    edges=[
        on(START, write),
        on(write, when(length(t.draft) < 5) >> answered, judge),
        on(judge, when(t.verdict == "good") >> answered, gave_up),
    ],
    properties=[always(write).leads_to(judge)],
)

EXPECTED = {
    "code": "F701",
    "severity": "error",
    "path": ("START", "write", "answered"),
    "example": {"then": "answered"},
    "also": (),
}


def shown(ran):
    """The run ends well, and nobody has judged."""
    assert ran.called == ["write"]
    assert (ran.run.verdict, ran.run.end) == ("success", "answered")
