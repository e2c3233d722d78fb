"""One branch files the paper, the other hands it to a person: they never come together."""

from __future__ import annotations

from guideway import START, Flow, all_of, on
from tests.flows.check.corpus.desks.papers import Paper, by_hand, detect, filed, name

flow = Flow("papers", state=Paper, edges=[on(START, all_of(name, detect)), on(name, filed), on(detect, by_hand)])

EXPECTED = {
    "code": "F105",
    "severity": "error",
    "path": ("START", "all_of(name, detect)"),
    "example": {"fork": "all_of(name, detect)"},
    "also": (),
}
