"""The small state that the tests of conditions write about."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, SecretStr

from guideway.guards.fields import fields


class Plan(Enum):
    FREE = "free"
    PAID = "paid"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Address(BaseModel):
    city: str
    postcode: str | None = None


class Order(BaseModel):
    id: str
    total: float
    address: Address | None = None


class Ticket(BaseModel):
    message: str = ""
    intent: Literal["refund", "question", "other"] | None = None
    order_id: str | None = None
    confidence: float = 0.0
    count: int = 0
    price: Decimal | None = None
    order: Order | None = None
    orders: list[Order] = []
    tags: list[str] | None = None
    scores: dict[str, float] = {}
    urgent: bool = False
    plan: Plan | None = None
    level: Level = Level.LOW
    due: date | None = None
    seen: datetime | None = None
    password: SecretStr | None = None
    ticket: UUID | None = None
    extra: Any = None


t: Ticket = fields(Ticket)
