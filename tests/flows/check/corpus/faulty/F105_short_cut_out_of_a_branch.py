"""In one branch a paper in a strange language is handed to a person at once, while the other still works on it."""

from __future__ import annotations

from guideway import START, Flow, all_of, on, when
from tests.flows.check.corpus.desks.papers import Paper, by_hand, detect, file_away, filed, name, t

flow = Flow(
    "papers",
    state=Paper,
    edges=[
        on(START, all_of(name, detect)),
        on(name, file_away),
        on(detect, when(t.language == "xx") >> by_hand, file_away),
        on(file_away, filed),
    ],
)

EXPECTED = {
    "code": "F105",
    "severity": "error",
    "path": ("START", "all_of(name, detect)"),
    "example": {"fork": "all_of(name, detect)"},
    "also": ("F302",),
}
GIVES = {"detect": ["xx"], "name": ["a title"]}
