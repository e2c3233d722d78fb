"""What is filed was read, says the property; letters are filed at once."""

from __future__ import annotations

from guideway import START, Flow, always, on, when
from tests.flows.check.corpus.desks.papers import Paper, detect, filed, name, sort, t

flow = Flow(
    "papers",
    state=Paper,
    edges=[on(START, sort), on(sort, when(t.kind == "letter") >> name, detect), on(detect, name), on(name, filed)],
    properties=[always(detect).before(name)],
)

EXPECTED = {
    "code": "F701",
    "severity": "error",
    "path": ("START", "sort", "name"),
    "example": {"steps": [{"node": "sort", "update": {"kind": "letter"}}]},
    "also": (),
}


def shown(ran):
    """The paper is named, and its language was not looked at before."""
    assert ran.called == ["sort", "name"]
