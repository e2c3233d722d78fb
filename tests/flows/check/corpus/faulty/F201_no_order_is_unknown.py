"""Dear orders to the lead, cheap ones paid at once; where there is no order neither is known to be true."""

from __future__ import annotations

from guideway import START, Flow, on, some, when
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over, search_order, t

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, search_order),
        on(search_order, when(some(t.order).total >= 50) >> handed_over, when(some(t.order).total < 50) >> answered),
    ],
)

EXPECTED = {"code": "F201", "severity": "error", "path": ("START", "search_order"), "example": None, "also": ()}


def shown(ran):
    """The run is stuck without an order."""
    assert ran.run.error.type == "NoWayOn"
    assert ran.run.state.order is None
