"""Conditions that both type checkers accept in strict mode."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from pydantic import BaseModel

from guideway import (
    Condition,
    Messages,
    any_of,
    at_most,
    contains,
    exists,
    fields,
    first,
    last,
    length,
    none_of,
    one_of,
    proposes,
    some,
    when,
)


class Plan(Enum):
    FREE = "free"
    PAID = "paid"


class Order(BaseModel):
    id: str
    total: float


class Ticket(BaseModel):
    message: str
    messages: Messages = []
    intent: Literal["refund", "question"] | None = None
    order_id: str | None = None
    confidence: float | None = None
    count: int = 0
    urgent: bool = False
    order: Order | None = None
    orders: list[Order] = []
    tags: list[str] | None = None
    scores: dict[str, float] = {}
    plan: Plan = Plan.FREE


class Refund:
    name = "refund"


def is_urgent(message: str) -> bool:
    """A named condition."""
    return "now" in message


t = fields(Ticket)

joined: Condition = exists(t.order_id) & (t.count < 3)
turned: Condition = (t.count < 3) & exists(t.order_id)
either: Condition = t.urgent | exists(t.order_id) | is_urgent

when(t.count < 3, t.intent == "refund", exists(t.order), t.urgent, is_urgent, at_most(3))
when((t.count < 3) & (t.count > 1), none_of(t.urgent, is_urgent), any_of(t.urgent, joined))
when(some(t.confidence) < 0.7, some(t.order).total + t.count * 2 > 50)
when(length(t.tags) > 3, first(t.orders).total > 3, last(t.tags) == "vip", length(t.message) < t.count)
when(contains(t.tags, "vip"), contains(t.message, "now"), contains(t.scores, "anger"), contains(t.tags, t.message))
when(one_of(t.intent, "refund", "question"), one_of(t.plan, Plan.FREE, Plan.PAID), t.plan == Plan.PAID)
when(proposes(), proposes(Refund()), proposes(stakes="high"))
