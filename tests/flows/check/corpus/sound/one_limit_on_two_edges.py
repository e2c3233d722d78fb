"""Two ways back share one limit, so that together they are taken twice."""

from __future__ import annotations

from guideway import START, Flow, at_most, on, when
from tests.flows.check.corpus.desks.research import Study, answered, gave_up, judge, plan, t, write

rounds = at_most(2, name="rounds")

flow = Flow(
    "study",
    state=Study,
    edges=[
        on(START, plan),
        on(plan, write),
        on(write, judge),
        on(
            judge,
            when(t.verdict == "good") >> answered,
            when(t.verdict == "thin", rounds) >> plan,
            when(t.verdict == "wrong", rounds) >> write,
            gave_up,
        ),
    ],
)
