"""What fails inside is caught around it as any failure is."""

from __future__ import annotations

from guideway import START, Flow, failed, on, subflow, when
from tests.flows.check.corpus.desks.research import Study, answered, gave_up, judge, t, wrong

judged = subflow(
    Flow(
        "judging",
        state=Study,
        edges=[on(START, judge), on(judge, when(t.verdict == "wrong") >> wrong, answered)],
    ),
    name="judging",
)

flow = Flow("study", state=Study, edges=[on(START, judged), on(judged, failed() >> gave_up, answered)])
