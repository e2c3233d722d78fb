"""Mistakes in conditions that the type checkers catch in the author's editor, each on a line that says so."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from guideway import contains, exists, fields, first, length, proposes, some, when


class Order(BaseModel):
    id: str
    total: float


class Ticket(BaseModel):
    message: str
    intent: Literal["refund", "question"] | None = None
    confidence: float | None = None
    count: int = 0
    order: Order | None = None
    tags: list[str] = []


t = fields(Ticket)

when(t.confidance < 3)  # wrong: mypy[attr-defined] pyright[reportAttributeAccessIssue]
when(some(t.order).totl < 3)  # wrong: mypy[attr-defined] pyright[reportAttributeAccessIssue]
when(t.intent == "refnud")  # wrong: mypy[comparison-overlap] pyright[reportUnnecessaryComparison]
when(t.count == "three")  # wrong: mypy[comparison-overlap] pyright[reportUnnecessaryComparison]
when(t.order.total > 50)  # wrong: mypy[union-attr] pyright[reportOptionalMemberAccess]
when(t.count < "three")  # wrong: mypy[operator] pyright[reportOperatorIssue]
when(t.confidence < 0.7)  # wrong: mypy[operator] pyright[reportOptionalOperand]
when(t.message + 1 > 3)  # wrong: mypy[operator] pyright[reportOperatorIssue]
when(t.count)  # wrong: mypy[arg-type] pyright[reportArgumentType]
when(t.count & exists(t.order))  # wrong: mypy[operator] pyright[reportOperatorIssue]
when(~exists(t.order))  # wrong: mypy[operator] pyright[reportOperatorIssue]
when(length(t.count) > 3)  # wrong: mypy[arg-type] pyright[reportArgumentType]
when(first(t.count) > 3)  # wrong: mypy[arg-type] pyright[reportArgumentType]
when(contains(t.tags, 3))  # wrong: mypy[misc] pyright[reportArgumentType]
when(proposes("refund"))  # wrong: mypy[arg-type] pyright[reportArgumentType]
when(proposes(stakes="hihg"))  # wrong: mypy[arg-type] pyright[reportArgumentType]
