"""So many calls are kept for the summary that none is left for the work."""

from __future__ import annotations

from guideway import START, Budget, Flow, on
from tests.flows.check.corpus.desks.research import Study, answered, gave_up, judge, write

finish = write.named("finish")

flow = Flow(
    "study",
    state=Study,
    edges=[on(START, write), on(write, judge), on(judge, answered), on(finish, gave_up)],
    budget=Budget(steps=10, calls=4, keep=Budget(steps=1, calls=3)),
    on_exhausted=finish,
)

EXPECTED = {
    "code": "F405",
    "severity": "warning",
    "path": ("START", "write", "judge", "answered"),
    "example": {"spent": {"calls": 1}},
    "also": (),
}
