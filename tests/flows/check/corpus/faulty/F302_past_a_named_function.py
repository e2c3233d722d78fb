"""Whether there is an order is asked by a function that nobody sees into, so the None is told as one that may be."""

from __future__ import annotations

from guideway import START, Flow, on, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, search_order, work_out


def worth_it(message: str) -> bool:
    """Whether the shop would pay this back at all."""
    return "please" in message


flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, search_order),
        on(search_order, when(worth_it) >> work_out, handed_over),
        on(work_out, answered),
    ],
)

EXPECTED = {
    "code": "F302",
    "severity": "warning",
    "path": ("START", "search_order", "work_out"),
    "example": None,
    "also": (),
}
