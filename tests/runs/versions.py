"""A desk in versions: what an author changes between two deployments, one thing at a time."""

from __future__ import annotations

import operator
from typing import Annotated, Any

from pydantic import BaseModel

from guideway import START, Budget, Context, End, Flow, approval, at_most, compute, fields, on, tool, when

PAID: list[dict[str, Any]] = []
"""What the world was told to pay: arguments, by whom ever."""


class Order(BaseModel):
    """The state of the first version."""

    text: str = ""
    amount: float = 0.0
    trail: Annotated[list[str], operator.add] = []
    receipt: str | None = None
    round: int = 0


@compute(writes="trail")
def look(text: str) -> list[str]:
    """Looks at the order."""
    return [f"looked at {text}"]


NO = End("no", verdict="escalated")


def pays(name: str = "pay", tariff: str = "", **options: Any) -> Any:
    """The tool that pays; another tariff is another body."""
    if tariff:

        def body(amount: float, context: Context) -> str:
            """Pays by another tariff."""
            PAID.append({"amount": amount, "key": context.key, "tariff": tariff})
            return f"paid {amount} by {tariff}"
    else:

        def body(amount: float, context: Context) -> str:
            """Pays."""
            PAID.append({"amount": amount, "key": context.key})
            return f"paid {amount}"

    return tool(body, name=name, effect="once", stakes="high", timeout=5.0, writes="receipt", **options)


def desk(
    *,
    state: type[BaseModel] = Order,
    pay: Any = None,
    first: Any = look,
    gates: tuple[Any, ...] | None = None,
    migrations: Any = (),
    limit: int = 2,
    extra: tuple[Any, ...] = (),
    budget: Budget | None = None,
) -> Flow[Any]:
    """Looks, asks, pays; small amounts are looked at again first, twice at most."""
    t: Any = fields(state)
    pay = pays() if pay is None else pay
    asked = gates or (approval("lead", denied=NO),)
    edge: Any = asked[0]
    for gate in (*asked[1:], pay):
        edge = edge >> gate
    return Flow(
        "desk",
        state=state,
        edges=[
            on(START, first),
            on(first, *extra, when(t.amount < 10.0, at_most(limit)) >> first, edge),
            on(pay, End("paid")),
        ],
        budget=budget,
        migrations=migrations,
    )
