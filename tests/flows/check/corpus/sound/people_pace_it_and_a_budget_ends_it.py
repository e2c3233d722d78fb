"""A conversation that goes on as long as the customer likes, for a month at most."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from guideway import START, Budget, End, Flow, ask, fields, on, think, when


class Talk(BaseModel):
    last: str = ""
    topic: Literal["more", "bye"] | None = None


@think(output=Literal["more", "bye"], writes="topic")
def listen(last: str) -> str:
    return f"Is this a goodbye? {last}"


t = fields(Talk)
over = End("over")
customer = ask("customer", "How can we help?", writes="last")

flow = Flow(
    "talk",
    state=Talk,
    edges=[on(START, customer), on(customer, listen), on(listen, when(t.topic == "bye") >> over, customer)],
    budget=Budget(steps=200),
    on_exhausted=over,
)
