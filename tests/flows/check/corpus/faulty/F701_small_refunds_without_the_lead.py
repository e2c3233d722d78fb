"""No refund without the lead, says the property; small ones go past it."""

from __future__ import annotations

from pydantic import BaseModel

from guideway import START, End, Flow, approval, fields, never, on, tool, when


class Refund(BaseModel):
    amount: float
    receipt: str | None = None


@tool(effect="idempotent", writes="receipt")
def pay_back(amount: float) -> str:
    return f"{amount} paid back"


t = fields(Refund)
done, denied = End("done"), End("denied", verdict="escalated")
lead = approval("lead", denied=denied)

flow = Flow(
    "desk",
    state=Refund,
    edges=[on(START, when(t.amount > 50) >> lead >> pay_back, pay_back), on(pay_back, done)],
    properties=[never(pay_back).unless(lead)],
)

EXPECTED = {
    "code": "F701",
    "severity": "error",
    "path": ("START", "pay_back"),
    "example": {"then": "pay_back"},
    "also": (),
}


def shown(ran):
    """The money goes out, and nobody was asked."""
    assert ran.called == ["pay_back"]
    assert not [event for event in ran.events if event.kind in ("asked", "decided")]
