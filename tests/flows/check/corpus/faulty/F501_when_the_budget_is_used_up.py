"""A used-up budget rolls the service back, and nobody is asked."""

from __future__ import annotations

from guideway import START, Budget, Flow, on, when
from tests.flows.check.corpus.desks.incidents import Incident, mended, probe, roll_back, t

flow = Flow(
    "incident",
    state=Incident,
    edges=[
        on(START, probe),
        on(probe, when(t.healthy == True) >> mended, probe),  # noqa: E712  # an expression, not a truth value
        on(roll_back, mended),
    ],
    budget=Budget(steps=5, keep=Budget(steps=1)),
    on_exhausted=roll_back,
)

EXPECTED = {"code": "F501", "severity": "error", "path": ("START", "probe", "roll_back"), "example": None, "also": ()}
GIVES = {"probe": [False]}
