"""The first page of the design, authored as written there: the flow that tests import, type-check and time."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from guideway import START, Budget, End, Flow, Refusal, Retry, approval, exists, failed, fields, on, think, tool, when


class Order(BaseModel):
    id: str
    total: float


class Ticket(BaseModel):
    message: str
    intent: Literal["refund", "question", "other"] | None = None
    order_id: str | None = None
    confidence: float = 0.0
    order: Order | None = None
    refund_id: str | None = None
    reply: str | None = None


class Reading(BaseModel):
    intent: Literal["refund", "question", "other"]
    order_id: str | None
    confidence: float


@think(output=Reading)
def read(message: str) -> str:
    return f"Classify this message and find the order id.\n\n{message}"


@tool(effect="none", writes="order", retry=Retry(attempts=3), timeout=5.0)
def find_order(order_id: str) -> Order:
    return Order(id=order_id, total=40.0)


@tool(effect="once", stakes="high", key="order.id", writes="refund_id", timeout=10.0)
def pay_back(order: Order) -> str:
    return f"refund of {order.id}"


@think(writes="reply")
def write_reply(message: str, refund_id: str | None, refusal: Refusal | None) -> str:
    return f"Answer the customer. Refund: {refund_id}. Refused because: {refusal}.\n\n{message}"


t = fields(Ticket)

answered = End("answered", succeeds_if=exists(t.reply))
handed_over = End("handed over", verdict="escalated")
gave_up = End("gave up", verdict="partial")

lead = approval("lead", within="24h", shows=[t.message], denied=write_reply, expired=handed_over)

refund_desk = Flow(
    "refund-desk",
    state=Ticket,
    edges=[
        on(START, read),
        on(
            read,
            when(t.confidence < 0.7) >> handed_over,
            when(t.intent == "refund", exists(t.order_id)) >> find_order,
            write_reply,
        ),
        on(find_order, failed(LookupError) >> handed_over, lead >> pay_back),
        on(pay_back, write_reply),
        on(write_reply, answered),
    ],
    budget=Budget(steps=20, usd=0.10, tokens=50_000, seconds=120),
    on_exhausted=gave_up,
    on_failure=handed_over,
)
