"""The search may find no order, and the refund that follows cannot do without one."""

from __future__ import annotations

from pydantic import BaseModel

from guideway import START, End, Flow, compute, on, tool


class Order(BaseModel):
    id: str
    total: float


class Ticket(BaseModel):
    message: str
    order: Order | None = None
    owed: float = 0.0


@tool(effect="none", writes="order")
def find_order(message: str) -> Order | None:
    return Order(id=message, total=40.0) if message else None


@compute(writes="owed")
def work_out(order: Order) -> float:
    return order.total


done = End("done")

flow = Flow("desk", state=Ticket, edges=[on(START, find_order), on(find_order, work_out), on(work_out, done)])

EXPECTED = {
    "code": "F301",
    "severity": "error",
    "path": ("START", "find_order", "work_out"),
    "example": {"steps": [{"node": "find_order", "update": {"order": None}}], "reads": {"order": None}},
    "also": (),
}
