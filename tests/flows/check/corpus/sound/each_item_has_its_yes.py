"""Every refund of the day is looked at before it is paid."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from guideway import START, Flow, Item, approval, each, failed, on, tool
from tests.flows.check.corpus.desks.refunds import answered, in_doubt


class Day(BaseModel):
    orders: Annotated[list[str], Field(max_length=50)]
    refunds: list[Item[str]] = []


@tool(effect="once", stakes="high", timeout=10.0)
def refund(order: str) -> str:
    return f"refund of {order}"


refunds = each(approval("lead") >> refund, name="refunds", item="order", over="orders", into="refunds")

flow = Flow("day", state=Day, edges=[on(START, refunds), on(refunds, failed("unknown_effect") >> in_doubt, answered)])
