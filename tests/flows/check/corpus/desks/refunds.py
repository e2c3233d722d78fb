"""A refund desk: what its flows carry, and the nodes and ends that they share."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from guideway import End, Failure, Refusal, approval, compute, fields, think, tool


class Order(BaseModel):
    """An order as the shop knows it."""

    id: str
    total: float


class Ticket(BaseModel):
    """What a customer wrote, and what came of it."""

    message: str
    intent: Literal["refund", "question", "other"] | None = None
    confidence: float = 0.0
    order_id: str | None = None
    order: Order | None = None
    amount: float = 0.0
    refund_id: str | None = None
    reply: str | None = None


class Reading(BaseModel):
    """What a model reads out of a message."""

    intent: Literal["refund", "question", "other"]
    order_id: str | None
    confidence: float


t = fields(Ticket)


@think(output=Reading)
def read(message: str) -> str:
    return f"Classify this message and find the order id.\n\n{message}"


@tool(effect="none", writes="order")
def find_order(order_id: str) -> Order:
    return Order(id=order_id, total=40.0)


@tool(effect="none", writes="order")
def search_order(message: str) -> Order | None:
    return Order(id=message, total=40.0) if message else None


@compute(writes="amount")
def work_out(order: Order) -> float:
    return order.total


@tool(effect="once", stakes="high", key="order_id", writes="refund_id", timeout=10.0)
def pay_back(order_id: str | None, amount: float) -> str:
    return f"{amount} for {order_id}"


@tool(effect="idempotent", writes="reply")
def send_note(message: str) -> str:
    return message


@think(writes="reply")
def write_reply(message: str, refund_id: str | None) -> str:
    return f"Answer the customer. Refund: {refund_id}.\n\n{message}"


@think(writes="reply")
def explain(message: str, refusal: Refusal) -> str:
    return f"Say why not: {refusal.note}\n\n{message}"


@think(writes="reply")
def apologise(message: str, failure: Failure) -> str:
    return f"Say what went wrong: {failure.message}\n\n{message}"


answered = End("answered")
handed_over = End("handed over", verdict="escalated")
denied = End("denied", verdict="escalated")
in_doubt = End("in doubt", verdict="escalated")
lost = End("lost", verdict="failed")

lead = approval("lead", denied=denied)
