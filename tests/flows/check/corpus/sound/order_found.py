"""The search may find no order; the way to what needs one asks first whether there is one."""

from __future__ import annotations

from pydantic import BaseModel

from guideway import START, End, Flow, compute, exists, fields, on, tool, when


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


t = fields(Ticket)
done, not_found = End("done"), End("not found", verdict="escalated")

flow = Flow(
    "desk",
    state=Ticket,
    edges=[
        on(START, find_order),
        on(find_order, when(exists(t.order)) >> work_out, not_found),
        on(work_out, done),
    ],
)
