"""Billing: finds the charge that a customer means, and pays it back when the lead says yes."""

from __future__ import annotations

from typing import Any, Literal

from langchain_core.messages import AIMessage, AnyMessage
from pydantic import BaseModel, Field

from guideway import (
    NOT_DONE,
    START,
    Budget,
    Context,
    Flow,
    Messages,
    Refusal,
    Retry,
    approval,
    compute,
    exists,
    fields,
    on,
    think,
    tool,
    when,
)

from .office import CHARGES, Charge, needs_person, not_ours, office, said, solved


class Bill(BaseModel):
    """A case as billing sees it. The fields that the desk has too are given and taken by their names."""

    customer: str
    message: str
    messages: Messages = Field(default_factory=list[AnyMessage])
    charges: list[Charge] = Field(default_factory=list[Charge])
    wish: Literal["refund", "question", "not ours"] | None = None
    charge_id: str | None = None
    charge: Charge | None = None
    receipt: str | None = None
    reply: str | None = None


class Reading(BaseModel):
    """What billing understood."""

    wish: Literal["refund", "question", "not ours"]
    charge_id: str | None = None


@tool(effect="none", writes="charges", retry=Retry(attempts=3, pause=0.01), timeout=2.0)
def look_up(customer: str) -> list[Charge]:
    """The customer's charges."""
    return [charge for charge in CHARGES if charge.customer == customer]


@think(output=Reading, name="billing reads")
def read(message: str, charges: list[Charge]) -> str:
    """What the customer wants of billing."""
    listed = "; ".join(f"{charge.id}: {charge.what}, {charge.euros} euros" for charge in charges)
    return f"You are billing. Charges: {listed or 'none'}. What does the customer want of you?\n\n{message}"


@compute(writes="charge")
def pick(charge_id: str, charges: list[Charge]) -> Charge:
    """The charge that the model named, which must be one of the customer's."""
    return {charge.id: charge for charge in charges}[charge_id]


def paid_back(context: Context) -> str | Any:
    """What the book says of a payment that nobody saw the end of."""
    return office(context).did(context.key) or NOT_DONE


@tool(effect="once", stakes="high", key="charge.id", writes="receipt", timeout=5.0, reconcile=paid_back)
def pay_back(charge: Charge, context: Context) -> str:
    """Pays a charge back; each charge once, whatever case it came up in."""
    return office(context).does("paid back", charge.id, context.key)


@think(writes="reply", name="billing writes")
def write(message: str, receipt: str | None, refusal: Refusal | None) -> str:
    """The reply to the customer."""
    came = f"receipt: {receipt}" if receipt else f"refused: {refusal.note}" if refusal else "nothing to pay"
    return f"You are billing. Answer the customer ({came}).\n\n{message}"


@compute(writes="messages", name="billing says")
def say(reply: str) -> list[AIMessage]:
    """Puts the reply into the conversation."""
    return said("billing", reply)


@compute(writes="messages", name="billing passes on")
def pass_on() -> list[AIMessage]:
    """Says in the conversation that this is no case of billing, so that triage can read it."""
    return said("billing", "This is not about a charge.")


def billing(within: str | float = "24h") -> Flow[Bill]:
    """The department.

    Args:
        within: how long the lead has to decide about a refund.
    """
    b = fields(Bill)
    lead = approval("lead", within=within, shows=[b.message], denied=write, expired=needs_person)
    return Flow(
        "billing",
        state=Bill,
        edges=[
            on(START, look_up),
            on(look_up, read),
            on(
                read,
                when(b.wish == "not ours") >> pass_on,
                when(b.wish == "refund", exists(b.charge_id)) >> pick,
                when(b.wish == "question") >> write,
                needs_person,
            ),
            on(pick, lead >> pay_back),  # no such charge: on_failure
            on(pay_back, write),
            on(write, say),
            on(say, solved),
            on(pass_on, not_ours),
        ],
        budget=Budget(steps=8, calls=10, tokens=20_000),
        on_exhausted=needs_person,
        on_failure=needs_person,
    )
