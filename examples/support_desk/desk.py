"""The desk: triage gives a case to a department, takes it back at most twice, and hands over what needs a person."""

from __future__ import annotations

from typing import Literal

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from pydantic import BaseModel, Field

from guideway import (
    START,
    Budget,
    End,
    Failure,
    Flow,
    Messages,
    ask,
    at_most,
    compute,
    ended,
    exists,
    failed,
    fields,
    on,
    subflow,
    think,
    when,
)

from .billing import billing
from .office import needs_person, not_ours, said, solved
from .returns import returns
from .technical import technical

BACK = 2
"""How often departments may say "not ours" before a person reads the case."""


class Case(BaseModel):
    """One customer's case."""

    customer: str
    message: str
    messages: Messages = Field(default_factory=list[AnyMessage])
    department: Literal["billing", "technical", "returns", "unclear"] | None = None
    reply: str | None = None


class Triage(BaseModel):
    """Whose case it is."""

    department: Literal["billing", "technical", "returns", "unclear"]


@compute(writes="messages")
def open_case(message: str) -> list[HumanMessage]:
    """The customer's words begin the conversation."""
    return [HumanMessage(message)]


@think(output=Triage)
def triage(messages: Messages) -> str:
    """The conversation, so that what departments said is read too."""
    told = "\n".join(f"{message.name or message.type}: {message.text}" for message in messages)
    return f"Whose case is this: billing, technical or returns?\n\n{told}"


def hand_over(messages: Messages, department: str | None, failure: Failure | None) -> str:
    """What the person who takes over is asked."""
    why = f"{failure.node}: {failure.message}" if failure else f"last at {department}"
    return f"Please answer the customer ({why}).\n\n" + "\n".join(str(message.text) for message in messages)


@compute(writes="messages", name="staff says")
def say(reply: str) -> list[AIMessage]:
    """Puts the person's answer into the conversation."""
    return said("staff", reply)


def desk(within: str | float = "24h") -> Flow[Case]:
    """The desk with its departments.

    Args:
        within: how long people have to decide, in each department and at the hand-over.
    """
    c = fields(Case)
    answered = End("answered", succeeds_if=exists(c.reply))
    handed_over = End("answered by a person", verdict="escalated")
    unanswered = End("unanswered", verdict="failed")

    # billing's state has fields of the same names; the others' have their own words for some
    bill = subflow(billing(within), name="billing")
    fault = subflow(
        technical(within),
        name="technical",
        reads={"line": "customer", "messages": "messages"},
        writes={"reply": "advice", "messages": "messages"},
    )
    parcel = subflow(
        returns(within),
        name="returns",
        reads={"customer": "customer", "wanted": "message", "messages": "messages"},
        writes={"reply": "told", "messages": "messages"},
    )
    staff = ask("staff", hand_over, name="hand over", writes="reply", within=within, expired=unanswered)

    back = at_most(BACK, name="back to triage")  # one counter for all three
    ways = (
        ended(solved) >> answered,
        ended(not_ours) >> when(back) >> triage,
        ended(not_ours, needs_person) >> staff,
    )

    return Flow(
        "support-desk",
        state=Case,
        edges=[
            on(START, open_case),
            on(open_case, triage),
            on(
                triage,
                when(c.department == "billing") >> bill,
                when(c.department == "technical") >> fault,
                when(c.department == "returns") >> parcel,
                staff,
            ),
            on(bill, *ways),
            on(fault, *ways),
            on(parcel, *ways),
            on(staff, failed() >> unanswered, say),
            on(say, handed_over),
        ],
        budget=Budget(steps=60, calls=60, tokens=100_000, keep=Budget(steps=2)),  # two for the hand-over
        on_exhausted=staff,
        on_failure=staff,
    )


support_desk = desk()
