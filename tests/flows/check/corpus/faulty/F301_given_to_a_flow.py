"""The billing flow must be given an order, and the desk may have none."""

from __future__ import annotations

from pydantic import BaseModel

from guideway import START, Flow, on, subflow
from tests.flows.check.corpus.desks.refunds import Order, Ticket, answered, search_order, work_out


class Bill(BaseModel):
    order: Order
    amount: float = 0.0


billing = subflow(Flow("bill", state=Bill, edges=[on(START, work_out), on(work_out, answered)]), name="billing")

flow = Flow("desk", state=Ticket, edges=[on(START, search_order), on(search_order, billing), on(billing, answered)])

EXPECTED = {
    "code": "F301",
    "severity": "error",
    "path": ("START", "search_order", "billing"),
    "example": {"reads": {"order": None}},
    "also": (),
}
