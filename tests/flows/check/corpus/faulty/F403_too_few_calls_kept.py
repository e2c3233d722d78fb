"""Two calls are needed on the way out, and one is kept."""

from __future__ import annotations

from guideway import START, Budget, Flow, on, when
from tests.flows.check.corpus.desks.research import Study, answered, gave_up, judge, t, write

finish, check = write.named("finish"), judge.named("check")

flow = Flow(
    "study",
    state=Study,
    edges=[
        on(START, write),
        on(write, judge),
        on(judge, when(t.verdict == "good") >> answered, write),
        on(finish, check),
        on(check, gave_up),
    ],
    budget=Budget(steps=20, calls=10, keep=Budget(steps=2, calls=1)),
    on_exhausted=finish,
)

EXPECTED = {
    "code": "F403",
    "severity": "warning",
    "path": ("START", "write", "finish", "check", "gave up"),
    "example": None,
    "also": (),
}
