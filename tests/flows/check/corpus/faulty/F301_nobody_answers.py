"""A question that nobody answers in time leads to what needs the answer."""

from __future__ import annotations

from pydantic import BaseModel

from guideway import START, End, Flow, ask, compute, on


class Case(BaseModel):
    text: str
    address: str | None = None


@compute(writes="text")
def print_label(address: str) -> str:
    return f"To: {address}"


sent = End("sent")
customer = ask("customer", "Where shall we send it?", writes="address", within="48h", expired=print_label)

flow = Flow("parcel", state=Case, edges=[on(START, customer), on(customer, print_label), on(print_label, sent)])

EXPECTED = {
    "code": "F301",
    "severity": "error",
    "path": ("START", "customer", "print_label"),
    "example": {"reads": {"address": None}},
    "also": (),
}
NOES = {"customer": ["expired"]}
