"""An edge asks for an order that exists, and for none."""

from __future__ import annotations

from guideway import START, Flow, exists, none_of, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, search_order, t

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, search_order),
        on(search_order, when(exists(t.order), none_of(exists(t.order))) >> handed_over, answered),
    ],
)

EXPECTED = {"code": "F203", "severity": "warning", "path": ("START", "search_order"), "example": None, "also": ()}
