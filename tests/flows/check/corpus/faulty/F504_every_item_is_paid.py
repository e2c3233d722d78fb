"""One yes to the list, and then each refund of it is paid without anybody looking at that one."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from guideway import START, Flow, Item, each, failed, on, tool
from tests.flows.check.corpus.desks.refunds import answered, in_doubt, lead


class Day(BaseModel):
    orders: Annotated[list[str], Field(max_length=50)]
    refunds: list[Item[str]] = []


@tool(effect="once", stakes="high", timeout=10.0)
def refund(order: str) -> str:
    return f"refund of {order}"


refunds = each(refund, name="refunds", item="order", over="orders", into="refunds")

flow = Flow(
    "day",
    state=Day,
    edges=[on(START, lead >> refunds), on(refunds, failed("unknown_effect") >> in_doubt, answered)],
)

EXPECTED = {"code": "F504", "severity": "error", "path": ("START", "refunds"), "example": None, "also": ()}


def shown(ran):
    """No item is paid: each is refused at dispatch."""
    assert "refund" not in ran.called
    assert "NotApproved" in str([event.body for event in ran.events])
