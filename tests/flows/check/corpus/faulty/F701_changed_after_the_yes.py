"""After the lead has said yes nothing is worked out anew, says the property; a round does."""

from __future__ import annotations

from guideway import START, Flow, at_most, never, on, when
from tests.flows.check.corpus.desks.refunds import (
    Ticket,
    answered,
    find_order,
    lead,
    send_note,
    t,
    work_out,
)

looked = find_order.bind(order_id="message")

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, looked),
        on(looked, work_out),
        on(work_out, lead >> send_note),
        on(send_note, when(t.amount > 100, at_most(1)) >> looked, answered),
    ],
    properties=[never(work_out).after(send_note)],
)

EXPECTED = {
    "code": "F701",
    "severity": "error",
    "path": ("START", "find_order", "work_out", "send_note", "find_order", "work_out"),
    "example": {"then": "work_out"},
    "also": (),
}


def shown(ran):
    """The amount is worked out again behind the note."""
    assert ran.called[:5] == ["find_order", "work_out", "send_note", "find_order", "work_out"]
