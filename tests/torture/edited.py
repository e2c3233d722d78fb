"""Calls whose arguments people change before they let them run, tortured like the others."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from guideway import START, Budget, Context, End, Flow, Item, approval, each, on, tool
from tests.torture.flows import Scenario, agent, agent_model, escalation, rules


class Payroll(BaseModel):
    """The state of a flow that pays a list."""

    amounts: list[int] = [10, 20, 30]
    paid: list[Item[str]] = []


@tool(effect="once", stakes="high", timeout=10.0)
def pay_one(amount: int, context: Context) -> str:
    """Pays one of a list."""
    return str(context.deps.does("pay_one", context.key, amount))


def payroll() -> Flow[Payroll]:
    """Every item of a list is approved by itself."""
    all_paid = each(approval("lead") >> pay_one, name="all", item="amount", over="amounts", into="paid", at_once=1)
    return Flow(
        "payroll",
        state=Payroll,
        edges=[on(START, all_paid), on(all_paid, End("paid"))],
        budget=Budget(steps=10),
    )


def _edge(request: Any) -> Any:
    """Two people change it, the second to what would need nobody's yes; the third lets it run."""
    return ({"amount": 60}, {"amount": 45}, "approve")[len(request.edited)]


def _escalated(request: Any) -> Any:
    if request.role == "lead":
        return "expire"
    return "approve" if request.edited else {"amount": 5}


def _agent(request: Any) -> Any:
    """One is changed and let run, one is changed to what a policy refuses, one is changed and then refused."""
    amount = request.call.arguments.get("amount")
    if request.edited:
        return "deny" if request.call.tool == "delete" else "approve"
    if request.call.tool == "delete":
        return "deny"
    return {30: {"amount": 20}, 40: {"amount": 400}}.get(amount, "deny")


def _item(request: Any) -> Any:
    return {"amount": 21} if request.call.arguments["amount"] == 20 else "approve"


EDITED: dict[str, Scenario] = {
    "edited_edge": Scenario(rules, {"amount": 70}, decides=_edge),
    "edited_escalated": Scenario(escalation, {"amount": 7}, decides=_escalated),
    "edited_agent": Scenario(
        agent,
        {"messages": [{"role": "user", "content": "Refund 30, please.", "id": "m0"}]},
        agent_model,
        decides=_agent,
    ),
    "edited_items": Scenario(payroll, {}, decides=_item),
}
"""By name."""
