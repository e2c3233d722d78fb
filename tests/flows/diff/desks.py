"""A refund desk in as many versions as its parts can be changed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from guideway import (
    START,
    Budget,
    End,
    Flow,
    approval,
    at_most,
    compute,
    exists,
    failed,
    fields,
    on,
    some,
    think,
    tool,
    when,
)


class Order(BaseModel):
    """An order."""

    id: str
    total: float = Field(ge=0)


class Ticket(BaseModel):
    """The state."""

    message: str
    intent: Literal["refund", "other"] | None = None
    order: Order | None = None
    tries: int = 0
    refund: str | None = None


class Reading(BaseModel):
    """What a model reads in a message."""

    intent: Literal["refund", "other"]
    order: Order | None


@think(output=Reading)
def read(message: str) -> str:
    return message


@tool(effect="once", stakes="high", timeout=10.0, writes="refund")
def pay_back(order: Order) -> str:
    return f"paid {order.total}"


@compute(writes="tries")
def look(tries: int) -> int:
    return tries + 1


def urgent(message: str) -> bool:
    """Whether it is."""
    return "now" in message


t = fields(Ticket)
no = End("no", verdict="escalated")
paid = End("paid")
CHEAP = some(t.order).total < 50


def lead(**options: Any) -> Any:
    """The lead's approval."""
    told = {"within": "24h", "shows": [t.message], "unless": CHEAP, "denied": no, "expired": no} | options
    return approval("lead", **told)


def desk(*edges: Any, gate: Any = None, limit: Any = 2, paying: Any = None, **options: Any) -> Flow[Ticket]:
    """The desk; ``edges`` take the place of the row of ``read``."""
    gate = lead() if gate is None else gate
    known = limit if not isinstance(limit, int) else at_most(limit)
    refund = when(t.intent == "refund", exists(t.order)) >> gate >> pay_back
    row = edges or (refund, when(known) >> read, no)
    told = {"state": Ticket, "budget": Budget(steps=20)} | options
    rows = [on(START, read), on(read, *row), on(pay_back, *(paying or (failed(LookupError) >> no, paid)))]
    return Flow("refunds", edges=rows, **told)
