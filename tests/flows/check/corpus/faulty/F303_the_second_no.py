"""Behind the escalation the chief says yes, and the explanation of a no is written all the same."""

from __future__ import annotations

from guideway import START, Flow, approval, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, denied, explain, send_note

chief = approval("chief", denied=denied)

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, approval("lead", denied=chief >> explain) >> send_note),
        on(send_note, answered),
        on(explain, answered),
    ],
)

EXPECTED = {
    "code": "F303",
    "severity": "error",
    "path": ("START", "explain"),
    "example": {"reads": {"refusal": None}},
    "also": (),
}
NOES = {"lead": ["denied"]}
