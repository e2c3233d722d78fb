"""A question that may go unanswered; what it was to give is only read where it was given."""

from __future__ import annotations

from pydantic import BaseModel

from guideway import START, End, Flow, ask, compute, on


class Case(BaseModel):
    text: str
    address: str | None = None


@compute(writes="text")
def print_label(address: str) -> str:
    return f"To: {address}"


sent, kept = End("sent"), End("kept here", verdict="partial")
customer = ask("customer", "Where shall we send it?", writes="address", within="48h", expired=kept)

flow = Flow("parcel", state=Case, edges=[on(START, customer), on(customer, print_label), on(print_label, sent)])
