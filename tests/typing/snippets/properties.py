"""Properties, as an author writes them."""

from __future__ import annotations

from pydantic import BaseModel

from guideway import (
    START,
    End,
    Flow,
    Property,
    always,
    approval,
    at_most_once,
    compute,
    ended,
    enforced,
    exists,
    fields,
    never,
    on,
)  # fmt: skip


class Ticket(BaseModel):
    """A state."""

    total: float
    receipt: str | None = None


@compute(writes="receipt")
def pay(total: float) -> str:
    """A node."""
    return str(total)


def is_vip(total: float) -> bool:
    """A named condition."""
    return total > 5


t = fields(Ticket)
done = End("done")
lead = approval("lead", denied=done)

right: list[Property] = [
    never(pay).unless(lead),
    never(pay).unless((lead, t.total < 5, is_vip)),
    never(ended("success")).after(pay),
    always(pay).leads_to((done, exists(t.receipt))),
    always(is_vip).before(pay),
    enforced(at_most_once((pay,))),
    at_most_once(pay).enforced(),
]
flow = Flow("desk", state=Ticket, edges=[on(START, pay), on(pay, done)], properties=right)

never("pay").unless(lead)  # wrong: mypy[arg-type] pyright[reportArgumentType]
never(pay).before(lead)  # wrong: mypy[attr-defined] pyright[reportAttributeAccessIssue]
always(pay).unless(lead)  # wrong: mypy[attr-defined] pyright[reportAttributeAccessIssue]
enforced(never(pay))  # wrong: mypy[arg-type] pyright[reportArgumentType]
