"""Returns: a label for what was bought lately, by rule in code and a yes of the warehouse, else of its manager."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, AnyMessage
from pydantic import BaseModel, Field

from guideway import (
    NOT_DONE,
    START,
    Budget,
    Context,
    Failure,
    Flow,
    Messages,
    Refusal,
    approval,
    compute,
    exists,
    failed,
    fields,
    on,
    policy,
    think,
    tool,
    when,
)

from .office import ORDERS, Order, needs_person, not_ours, office, said, solved

DAYS = 30
"""How long after the sale something may come back."""


class Return(BaseModel):
    """A case as returns sees it; ``wanted`` is what the desk calls ``message``."""

    customer: str
    wanted: str
    messages: Messages = Field(default_factory=list[AnyMessage])
    order_id: str | None = None
    order: Order | None = None
    label: str | None = None
    told: str | None = None


class Which(BaseModel):
    """Which order the customer wants to send back; None where it is no return."""

    order_id: str | None


@think(output=Which)
def which(wanted: str) -> str:
    """The order that the customer means."""
    return f"You are returns. Which order does the customer want to send back?\n\n{wanted}"


@tool(effect="none", writes="order", timeout=2.0)
def find_order(order_id: str, customer: str) -> Order:
    """The order, where it is this customer's."""
    return {(order.id, order.customer): order for order in ORDERS}[order_id, customer]


def in_time(order: Order) -> str | None:
    """Nothing comes back that was sold more than ``DAYS`` days ago."""
    late = order.days_ago - DAYS
    return None if late <= 0 else f"sold {order.days_ago} days ago, {late} too many"


def sent(context: Context) -> str | Any:
    """What the book says of a label that nobody saw the end of."""
    return office(context).did(context.key) or NOT_DONE


@tool(effect="once", stakes="high", key="order.id", writes="label", timeout=5.0, reconcile=sent)
def send_label(order: Order, context: Context) -> str:
    """Sends a label by which the parcel comes back at our cost."""
    return office(context).does("label for", order.id, context.key)


@compute(writes="told")
def tell(label: str | None, refusal: Refusal | None, failure: Failure | None) -> str:
    """What the customer is told: the label, or why there is none."""
    if failure is not None:
        return "We find no such order of yours."
    why = "" if refusal is None else f" ({refusal.note or refusal.kind})"
    return f"We cannot take it back{why}." if label is None else "The label is on its way."


@compute(writes="messages", name="returns says")
def say(told: str) -> list[AIMessage]:
    """Puts it into the conversation."""
    return said("returns", told)


@compute(writes="messages", name="returns passes on")
def pass_on() -> list[AIMessage]:
    """Says in the conversation that nothing is to be sent back."""
    return said("returns", "Nothing is to be sent back here.")


def returns(within: str | float = "24h") -> Flow[Return]:
    """The department.

    Args:
        within: how long the warehouse has to decide, and then its manager.
    """
    r = fields(Return)
    manager = approval("manager", within=within, shows=[r.wanted], denied=tell, expired=needs_person)
    warehouse = approval("warehouse", within=within, shows=[r.wanted], denied=tell, expired=manager)
    return Flow(
        "returns",
        state=Return,
        edges=[
            on(START, which),
            on(which, when(exists(r.order_id)) >> find_order, pass_on),
            on(
                find_order,
                failed(LookupError) >> tell,
                policy(in_time, violated=tell) >> warehouse >> send_label,
            ),
            on(send_label, tell),
            on(tell, say),
            on(say, solved),
            on(pass_on, not_ours),
        ],
        budget=Budget(steps=8, tokens=10_000),
        on_exhausted=needs_person,
        on_failure=needs_person,
    )
