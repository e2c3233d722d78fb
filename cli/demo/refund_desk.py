"""A refund desk: reads a message, finds the order, asks a lead, pays back once, replies.

The model is a script, so there is no key and no network; the bank is a file to which each payment is appended.
`app` is what runs: `guideway run guideway.cli.demo.refund_desk:app '{"message": "..."}'`.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from ...flows.ends import End
from ...flows.flow import Flow
from ...flows.rows import START, on
from ...guards.budgets import Budget
from ...guards.fields import fields
from ...guards.functions import exists
from ...guards.gates import approval
from ...guards.outcomes import failed
from ...guards.retry import Retry
from ...guards.when import when
from ...nodes.calls import NOT_DONE, NotDone
from ...nodes.context import Context
from ...nodes.outcome import Refusal
from ...nodes.think import think
from ...nodes.tool import tool

if TYPE_CHECKING:
    from ...runs.app import App

ORDERS = {"17": 42.50, "18": 310.00}
"""The shop's orders: what each came to."""

MESSAGE = "Order 17 arrived broken, please refund."
"""The input that ships with the flow."""


class Order(BaseModel):
    """An order of the shop."""

    id: str
    total: float


class Ticket(BaseModel):
    """The state: a customer's message and what became of it."""

    message: str
    intent: Literal["refund", "question", "other"] | None = None
    order_id: str | None = None
    confidence: float = 0.0
    order: Order | None = None
    refund_id: str | None = None
    reply: str | None = None


class Reading(BaseModel):
    """What the model reads out of a message."""

    intent: Literal["refund", "question", "other"]
    order_id: str | None
    confidence: float


class Bank:
    """The outside world: a file, to which every payment is appended, and from which nothing is ever taken.

    Args:
        ledger: the file's path.
    """

    def __init__(self, ledger: Path) -> None:
        self.ledger = ledger

    def pay(self, order: Order, key: str) -> str:
        """Pays an order back, however often it is asked.

        Args:
            order: the order.
            key: the idempotency key that came with the call; this bank only writes it down.
        """
        number = len(self.payments()) + 1
        line = {
            "refund": f"R{number:04}",
            "order": order.id,
            "usd": order.total,
            "key": key,
            "pid": os.getpid(),
            "at": time.time(),
        }
        with self.ledger.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return f"R{number:04}"

    def payments(self) -> list[dict[str, Any]]:
        """The payments that were made, in order."""
        if not self.ledger.exists():
            return []
        return [json.loads(line) for line in self.ledger.read_text(encoding="utf-8").splitlines()]


@think(output=Reading)
def read(message: str) -> str:
    """Understands what the customer wants."""
    return f"Classify this message and find the order id.\n\n{message}"


@tool(effect="none", writes="order", retry=Retry(attempts=3), timeout=5.0)
def find_order(order_id: str) -> Order:
    """Looks the order up."""
    if order_id not in ORDERS:
        raise LookupError(f"there is no order {order_id}")
    return Order(id=order_id, total=ORDERS[order_id])


def was_paid(order: Order, context: Context) -> str | NotDone:
    """Asks the bank whether an order was paid back: what a crash in the middle of a payment is settled by."""
    bank: Bank = context.deps
    paid = [payment["refund"] for payment in bank.payments() if payment["order"] == order.id]
    return paid[0] if paid else NOT_DONE


@tool(effect="once", stakes="high", key="order.id", writes="refund_id", timeout=10.0, reconcile=was_paid)
def pay_back(order: Order, context: Context) -> str:
    """Pays the order back; the answer is the refund's number."""
    bank: Bank = context.deps
    return bank.pay(order, context.key)


@think(writes="reply")
def write_reply(message: str, refund_id: str | None, refusal: Refusal | None) -> str:
    """Writes to the customer."""
    refused = f"\nIt was refused: {refusal.note or refusal.kind}." if refusal else ""
    return f"Write a reply to the customer. Refund: {refund_id}.{refused}\n\n{message}"


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


def app(store: str = "guideway.db") -> App[Ticket]:
    """The refund desk with its model and its bank; Ann is the only lead.

    Args:
        store: the store's path; the bank's ledger lies beside it.
    """
    from ...testing.models import ScriptedModel

    return refund_desk.compile(
        store=store,
        models={"default": ScriptedModel(answer)},
        deps=Bank(Path(store).absolute().parent / "ledger.jsonl"),
        roles={"lead": {"ann"}},
    )


def answer(prompt: str) -> Reading | str:
    """What the scripted model says: a function of the prompt, so that a crash shifts nothing.

    Args:
        prompt: what it is asked.
    """
    if prompt.startswith("Classify"):
        order = re.search(r"[Oo]rder (\d+)", prompt)
        wants: Literal["refund", "question"] = "refund" if "refund" in prompt.lower() else "question"
        return Reading(intent=wants, order_id=order[1] if order else None, confidence=0.93 if order else 0.4)
    refund = re.search(r"Refund: (R\d+)", prompt)
    if refund:
        return f"We are sorry that your order arrived broken. We have paid you back: refund {refund[1]}."
    return "We are sorry, but we cannot pay this order back."
