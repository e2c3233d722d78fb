"""Technical: an agent with tools, that looks at the line, asks the customer, and resets the device behind a gate."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AnyMessage, SystemMessage
from pydantic import BaseModel, Field

from guideway import (
    START,
    Budget,
    Context,
    Flow,
    Messages,
    Tool,
    act,
    approval,
    ask,
    at_most,
    compute,
    exists,
    fields,
    on,
    proposes,
    think,
    tool,
    when,
)

from .office import needs_person, not_ours, office, solved


class Fault(BaseModel):
    """A case as the technicians see it: the line is the customer's."""

    line: str
    messages: Messages = Field(default_factory=list[AnyMessage])
    why_not: str | None = None
    fixed: str | None = None
    advice: str | None = None


@tool(effect="none", timeout=2.0)
def measure(port: int) -> str:
    """Measures a port of the customer's line."""
    return f"port {port}: no signal since 04:12"


@tool(effect="once", stakes="high", timeout=5.0)
def reset_device(port: int, context: Context) -> str:
    """Resets the device at a port of the line; whoever is on the line is cut off for minutes."""
    return office(context).does("reset", f"port {port}", context.key)


@tool(effect="none", writes="why_not")
def not_a_fault(reason: str) -> str:
    """Says that the case is about no fault of the line, and why."""
    return reason


@tool(effect="none", writes="fixed")
def close_fault(advice: str) -> str:
    """Closes the case with an advice for the customer."""
    return advice


TOOLS: list[Tool[..., Any]] = [measure, reset_device, not_a_fault, close_fault]


@think(tools=TOOLS, max_tokens=300)
def technician(messages: Messages, line: str) -> list[AnyMessage]:
    """The conversation so far, also what triage and other departments said."""
    return [SystemMessage(f"You are a technician. The customer's line is {line!r}."), *messages]


@compute(writes="advice")
def advise(fixed: str) -> str:
    """What the customer is told."""
    return fixed


def technical(within: str | float = "24h") -> Flow[Fault]:
    """The department.

    Args:
        within: how long the shift lead, and the customer, have to answer.
    """
    f = fields(Fault)
    shift = approval("shift lead", within=within, expired=needs_person)
    bench = act(TOOLS, name="bench", gates={reset_device: shift})
    customer = ask(
        "customer", question, name="ask the customer", writes="messages", within=within, expired=needs_person
    )
    turns = at_most(8, name="turns")
    return Flow(
        "technical",
        state=Fault,
        edges=[
            on(START, technician),
            on(
                technician,
                when(proposes(), turns) >> bench,
                when(proposes()) >> needs_person,
                when(turns) >> customer,
                needs_person,
            ),
            on(bench, when(exists(f.why_not)) >> not_ours, when(exists(f.fixed)) >> advise, technician),
            on(customer, technician),
            on(advise, solved),
        ],
        budget=Budget(calls=20, tokens=30_000),
        on_exhausted=needs_person,
        on_failure=needs_person,
        accepts={"F601": "a reset that may have happened is for the shift lead to settle: the device cannot be asked"},
    )


def question(messages: Messages) -> str:
    """What the technician said last is what the customer is asked."""
    return str(messages[-1].text)
