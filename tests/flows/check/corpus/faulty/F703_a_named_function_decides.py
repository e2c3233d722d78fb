"""Whether anybody has looked hangs on a function that the checks do not call: it is watched while a run goes."""

from __future__ import annotations

from guideway import START, Flow, always, on, when
from tests.flows.check.corpus.desks.papers import Paper, detect, filed, name


def short(pages: list[str]) -> bool:
    """Whether a paper is a note."""
    return len(pages) < 2


flow = Flow(
    "papers",
    state=Paper,
    edges=[on(START, when(short) >> name, detect), on(detect, name), on(name, filed)],
    properties=[always(detect).before(name)],
)

EXPECTED = {"code": "F703", "severity": "fact", "path": ("START", "name"), "example": None, "also": ()}
