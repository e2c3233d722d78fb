"""When the budget is used up the draft is to be finished by a model, and nothing is kept to pay it."""

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
    budget=Budget(steps=10),
    on_exhausted=finish,
)

EXPECTED = {
    "code": "F403",
    "severity": "warning",
    "path": ("START", "write", "finish", "gave up"),
    "example": {"spent": {"steps": 10}, "verdict": "failed"},
    "also": (),
}
