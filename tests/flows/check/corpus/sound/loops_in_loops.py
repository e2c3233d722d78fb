"""A round in a round, each with its limit."""

from __future__ import annotations

from guideway import START, Flow, at_most, length, on, when
from tests.flows.check.corpus.desks.research import Study, answered, gave_up, judge, plan, search, t, write

flow = Flow(
    "study",
    state=Study,
    edges=[
        on(START, plan),
        on(plan, search),
        on(search, when(length(t.sources) == 0, at_most(2)) >> plan, write),
        on(write, when(t.draft == "", at_most(2)) >> write, judge),
        on(judge, when(t.verdict == "good") >> answered, when(at_most(3)) >> plan, gave_up),
    ],
)
