"""A thin draft is written anew three times; nothing says where the fourth goes."""

from __future__ import annotations

from guideway import START, Flow, at_most, on, one_of, when
from tests.flows.check.corpus.desks.research import Study, answered, judge, t, write

flow = Flow(
    "study",
    state=Study,
    edges=[
        on(START, write),
        on(write, judge),
        on(judge, when(t.verdict == "good") >> answered, when(one_of(t.verdict, "thin", "wrong"), at_most(3)) >> write),
    ],
)

EXPECTED = {"code": "F202", "severity": "warning", "path": ("START", "write", "judge"), "example": None, "also": ()}
