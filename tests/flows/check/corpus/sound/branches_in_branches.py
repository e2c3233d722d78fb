"""A region in a branch of a region; each joins at a node of its own."""

from __future__ import annotations

from guideway import START, Flow, all_of, on
from tests.flows.check.corpus.desks.papers import Paper, detect, file_away, filed, name, sort, sum_up

flow = Flow(
    "papers",
    state=Paper,
    edges=[
        on(START, all_of(name, detect)),
        on(name, all_of(sort, sum_up)),
        on(sort, file_away),
        on(sum_up, file_away),
        on(detect, file_away),
        on(file_away, filed),
    ],
)
