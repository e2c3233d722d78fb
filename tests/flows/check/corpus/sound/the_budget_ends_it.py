"""A round without a limit, under a budget of steps that keeps one for the summary."""

from __future__ import annotations

from guideway import START, Budget, Flow, on, when
from tests.flows.check.corpus.desks.research import Study, answered, gave_up, judge, t, write

finish = write.named("finish")

flow = Flow(
    "study",
    state=Study,
    edges=[
        on(START, write),
        on(write, judge),
        on(judge, when(t.verdict == "good") >> answered, write),
        on(finish, gave_up),
    ],
    budget=Budget(steps=20, calls=100, keep=Budget(steps=1, calls=3)),
    on_exhausted=finish,
)
