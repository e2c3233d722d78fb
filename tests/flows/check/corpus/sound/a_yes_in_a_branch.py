"""What is at stake runs in a branch, behind an approval of its own there; a no joins, as all else does."""

from __future__ import annotations

from guideway import START, Flow, all_of, approval, on
from tests.flows.check.corpus.desks.incidents import Incident, mended, open_ticket, probe, read_logs, roll_back

lead = approval("lead", denied=open_ticket)

flow = Flow(
    "incident",
    state=Incident,
    edges=[
        on(START, probe),
        on(probe, all_of(lead >> roll_back, read_logs)),
        on(roll_back, open_ticket),
        on(read_logs, open_ticket),
        on(open_ticket, mended),
    ],
)
