"""A draft is written anew three times at most, and then it is what it is."""

from __future__ import annotations

from guideway import START, Flow, at_most, on, when
from tests.flows.check.corpus.desks.research import Study, answered, gave_up, judge, plan, search, t, write

flow = Flow(
    "study",
    state=Study,
    edges=[
        on(START, plan),
        on(plan, search),
        on(search, write),
        on(write, judge),
        on(judge, when(t.verdict == "good") >> answered, when(t.verdict == "thin", at_most(3)) >> plan, gave_up),
    ],
)
