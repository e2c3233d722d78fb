"""A payment whose result is unknown asks the bank; so it may be tried again."""

from __future__ import annotations

from pydantic import BaseModel

from guideway import NOT_DONE, START, End, Flow, Retry, approval, on, tool


class Payment(BaseModel):
    account: str
    amount: float
    receipt: str | None = None


def receipt_of(account: str, amount: float) -> object:
    """Asks the bank."""
    return f"{amount} to {account}" if amount else NOT_DONE


@tool(
    effect="once",
    stakes="high",
    writes="receipt",
    timeout=10.0,
    reconcile=receipt_of,
    retry=Retry(attempts=2),
    key="account",
)
def transfer(account: str, amount: float) -> str:
    return f"{amount} to {account}"


paid, denied = End("paid"), End("denied", verdict="escalated")

flow = Flow(
    "payment",
    state=Payment,
    edges=[on(START, approval("treasurer", denied=denied) >> transfer), on(transfer, paid)],
)
