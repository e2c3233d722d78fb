"""A rule of the house stands before the node that needs a title, and no example is led past a rule."""

from __future__ import annotations

from guideway import START, Flow, on, policy
from tests.flows.check.corpus.desks.papers import Paper, by_hand, file_away, filed, sort


def in_english(language: str) -> str | None:
    """The archive takes papers in English."""
    return None if language == "en" else "not in English"


flow = Flow(
    "papers",
    state=Paper,
    edges=[on(START, sort), on(sort, policy(in_english, violated=by_hand) >> file_away), on(file_away, filed)],
)

EXPECTED = {
    "code": "F302",
    "severity": "warning",
    "path": ("START", "sort", "file_away"),
    "example": None,
    "also": (),
}
