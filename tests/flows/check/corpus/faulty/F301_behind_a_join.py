"""No branch makes sure of the title: the one that names the paper may fail, and both come to the same place."""

from __future__ import annotations

from guideway import START, Flow, all_of, failed, on
from tests.flows.check.corpus.desks.papers import Paper, detect, file_away, filed, name

flow = Flow(
    "papers",
    state=Paper,
    edges=[
        on(START, all_of(name, detect)),
        on(name, failed() >> file_away, file_away),
        on(detect, file_away),
        on(file_away, filed),
    ],
)

EXPECTED = {
    "code": "F301",
    "severity": "error",
    "path": ("START", "all_of(name, detect)", "name", "file_away"),
    "example": {"reads": {"title": None}},
    "also": (),
}
