"""The agent as a flow: it hears the customer, thinks, acts; a supervisor approves every write before it happens."""

from __future__ import annotations

from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from guideway import (
    START,
    Context,
    End,
    Flow,
    Messages,
    act,
    approval,
    ask,
    at_most,
    compute,
    contains,
    exists,
    fields,
    on,
    proposes,
    think,
    when,
)

from .recorded import STOP
from .served import READING, WRITING, office

TURNS = 30
"""How often the agent may speak or act in one conversation; the recorded ones were cut there too."""


class Conversation(BaseModel):
    """One customer at the desk."""

    heard: str
    messages: Messages = Field(default_factory=list[AnyMessage])
    handed_over: str | None = None


@compute(writes="messages")
def hear(heard: str) -> list[HumanMessage]:
    """Puts what the customer said into the conversation."""
    return [HumanMessage(heard)]


@think(tools=[*READING, *WRITING])
def agent(messages: Messages, context: Context) -> list[AnyMessage]:
    """The policy, and the conversation so far."""
    return [SystemMessage(office(context).policy), *messages]


c = fields(Conversation)

served = End("served")
transferred = End("transferred", verdict="escalated")
escalated = End("escalated", verdict="escalated")
cut_off = End("cut off", verdict="partial")

customer = ask("customer", "What does the customer say?", name="customer", writes="heard")
supervisor = approval("supervisor", denied=escalated, shows=[c.heard])
desk = act([*READING, *WRITING], name="desk", gates=dict.fromkeys(WRITING, supervisor))
turns = at_most(TURNS)

airline_desk = Flow(
    "airline-desk",
    state=Conversation,
    edges=[
        on(START, hear),
        on(hear, when(turns) >> agent, cut_off),
        on(agent, when(proposes()) >> desk, customer),
        on(desk, when(exists(c.handed_over)) >> transferred, when(turns) >> agent, cut_off),
        on(customer, when(contains(c.heard, STOP)) >> served, hear),
    ],
)
