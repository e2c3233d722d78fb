"""The face of flows and nodes as the type checkers should accept it."""

from __future__ import annotations

from typing import assert_type

from pydantic import BaseModel

from guideway import START, App, End, Flow, Messages, Run, act, approval, compute, exists, fields, on, think, tool, when


class Ticket(BaseModel):
    message: str
    total: float | None = None
    refund_id: str | None = None
    messages: Messages = []


@compute(writes="total")
def weigh(message: str) -> float:
    return float(len(message))


@tool(effect="once", stakes="high", timeout=10.0, writes="refund_id")
def pay_back(total: float) -> str:
    return str(total)


@think(tools=[pay_back])
def agent(messages: Messages) -> Messages:
    return messages


t = fields(Ticket)
done, no = End("done"), End("no", verdict="escalated")
lead = approval("lead", within="24h", shows=[t.message], denied=no, expired=no)
manager = approval("manager", denied=no, name="manager")
desk = act([pay_back], name="desk", gates={pay_back: [lead, manager]})

flow = Flow(
    "typed",
    state=Ticket,
    edges=[on(START, weigh), on(weigh, when(exists(t.total)) >> lead >> manager >> pay_back, done), on(pay_back, done)],
    on_failure=no,
)

assert_type(weigh("three"), float)
assert_type(pay_back(total=3.0), str)
app: App[Ticket] = flow.compile()
run = app.start({"message": "hello"}, by="web")
assert_type(run, Run[Ticket])
assert_type(run.state.refund_id, str | None)
assert_type(flow.check().ok, bool)
