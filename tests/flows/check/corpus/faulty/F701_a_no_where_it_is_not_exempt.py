"""Whoever said no is told to the books, says the property; by default the gate is exempt, and above that it is not."""

from __future__ import annotations

from pydantic import BaseModel

from guideway import START, End, Flow, always, approval, compute, fields, on


class Refund(BaseModel):
    amount: float = 0.0
    note: str | None = None
    booked: bool = False


@compute(writes="note")
def write_note(amount: float) -> str:
    return f"no {amount}"


@compute(writes="booked")
def book(note: str | None) -> bool:
    return note is not None


t = fields(Refund)
done = End("done")
lead = approval("lead", denied=write_note, unless=t.amount < 50)

flow = Flow(
    "desk",
    state=Refund,
    edges=[on(START, lead >> book), on(write_note, done), on(book, done)],
    properties=[always(write_note).leads_to(book)],
)

EXPECTED = {
    "code": "F701",
    "severity": "error",
    "path": ("START", "write_note", "done"),
    "example": {"noes": {"lead": "denied"}, "then": "done"},
    "also": ("F503",),
}


def shown(ran):
    """The lead says no, a note is written, and nothing is booked."""
    assert ran.called == ["write_note"]
    assert ran.run.end == "done"
