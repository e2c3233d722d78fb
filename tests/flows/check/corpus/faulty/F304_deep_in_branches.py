"""A branch of a branch names the paper, and so does the other branch, in the end."""

from __future__ import annotations

from guideway import START, Flow, all_of, on
from tests.flows.check.corpus.desks.papers import Paper, detect, file_away, filed, name, sort, sum_up

again, noted = name.named("name_again"), detect.named("detect_again")

flow = Flow(
    "papers",
    state=Paper,
    edges=[
        on(START, all_of(sort, again)),
        on(sort, all_of(name, sum_up)),
        on(name, noted),
        on(sum_up, noted),
        on(noted, file_away),
        on(again, file_away),
        on(file_away, filed),
    ],
)

EXPECTED = {
    "code": "F304",
    "severity": "error",
    "path": ("START", "all_of(sort, name_again)", "sort", "all_of(name, sum_up)", "name"),
    "example": {"field": "title"},
    "also": (),
}
GIVES = {"name": ["one"], "name_again": ["other"], "sort": ["letter"]}
