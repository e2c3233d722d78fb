"""A region is gone through again, three times at most."""

from __future__ import annotations

from guideway import START, Flow, all_of, at_most, on, when
from tests.flows.check.corpus.desks.incidents import Incident, count_errors, mended, probe, read_logs, still_broken, t

look = all_of(read_logs, count_errors)

flow = Flow(
    "incident",
    state=Incident,
    edges=[
        on(START, look),
        on(read_logs, probe),
        on(count_errors, probe),
        on(probe, when(t.errors == 0) >> mended, when(at_most(3)) >> look, still_broken),
    ],
)
