"""A reply that the lead refuses is written anew and shown again, as often as the lead says no."""

from __future__ import annotations

from guideway import START, Flow, approval, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, send_note, write_reply

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, write_reply),
        on(write_reply, approval("lead", denied=write_reply) >> send_note),
        on(send_note, answered),
    ],
)

EXPECTED = {
    "code": "F402",
    "severity": "warning",
    "path": ("START", "write_reply", "write_reply"),
    "example": {"then": "write_reply"},
    "also": (),
}
