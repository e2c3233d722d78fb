"""What is paid has its receipt, says the property; where the receipt fails the run is handed over."""

from __future__ import annotations

from guideway import START, Flow, always, compute, on
from tests.flows.check.corpus.desks.refunds import Ticket, answered, handed_over


@compute(writes="amount")
def pay(message: str) -> float:
    return float(len(message))


@compute(writes="reply")
def write_receipt(amount: float) -> str:
    return f"{amount} paid"


flow = Flow(
    "desk",
    state=Ticket,
    edges=[on(START, pay), on(pay, write_receipt), on(write_receipt, answered)],
    on_failure=handed_over,
    properties=[always(write_receipt).before(answered), always(pay).leads_to(write_receipt)],
)

EXPECTED = {"code": "F702", "severity": "warning", "path": ("START", "pay", "handed over"), "example": None, "also": ()}
