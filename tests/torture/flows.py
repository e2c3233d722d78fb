"""The flows that are tortured, each with its people: what they decide, and what the run must come to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel

from guideway import (
    NOT_DONE,
    START,
    Budget,
    Context,
    End,
    Failure,
    Flow,
    FromState,
    Messages,
    Refusal,
    Retry,
    act,
    approval,
    ask,
    at_most,
    compute,
    enforced,
    exists,
    failed,
    fields,
    never,
    on,
    policy,
    proposes,
    think,
    tool,
    when,
)
from tests.first_page import Order, Reading, Ticket, read, write_reply


class Declined(Exception):
    """The world says no, and proves by it that nothing was done."""


class Away(ConnectionError):
    """Nobody answers."""


# The first page


@tool(effect="none", writes="order", retry=Retry(attempts=3, pause=0.001), timeout=5.0)
def find_order(order_id: str, context: Context) -> Order:
    """The order; the first try finds nobody."""
    if context.attempt == 1:
        raise Away("the shop does not answer")
    return Order(id=order_id, total=40.0)


@tool(effect="once", stakes="high", key="order.id", writes="refund_id", timeout=10.0)
def pay_back(order: Order, context: Context) -> str:
    """Money back."""
    return str(context.deps.does("pay_back", context.key, order.id))


def first_page() -> Flow[Ticket]:
    """The first page of the design, with tools that act on the world."""
    t = fields(Ticket)
    answered = End("answered", succeeds_if=exists(t.reply))
    handed_over = End("handed over", verdict="escalated")
    gave_up = End("gave up", verdict="partial")
    lead = approval("lead", within="24h", shows=[t.message], denied=write_reply, expired=handed_over)
    return Flow(
        "refund-desk",
        state=Ticket,
        edges=[
            on(START, read),
            on(
                read,
                when(t.confidence < 0.7) >> handed_over,
                when(t.intent == "refund", exists(t.order_id)) >> find_order,
                write_reply,
            ),
            on(find_order, failed(LookupError) >> handed_over, lead >> pay_back),
            on(pay_back, write_reply),
            on(write_reply, answered),
        ],
        budget=Budget(steps=20, usd=0.10, tokens=50_000, seconds=120),
        on_exhausted=gave_up,
        on_failure=handed_over,
    )


MOMENT = r"\d{4}-\d\d-\d\dT[\d:]+Z"
"""What a refusal tells of its time, which no two runs share."""


def desk_model(prompt: str) -> Any:
    """What the model of the first page answers."""
    if prompt.startswith("Classify"):
        return Reading(intent="refund", order_id="17", confidence=0.9)
    return f"Dear customer: {re.sub(MOMENT, '...', prompt.splitlines()[0])}"


# A loop with limits, failures and retries


class Parcel(BaseModel):
    weight: int = 0
    tries: int = 0
    label: str | None = None
    sent: str | None = None
    told: str | None = None
    trail: Annotated[list[str], lambda old, new: [*old, *new]] = []


class Packed(BaseModel):
    weight: int
    trail: list[str]


@compute
def pack(weight: int, tries: int) -> Packed:
    """One more thing into the parcel."""
    return Packed(weight=weight + 1, trail=[f"packed {weight + 1} after {tries}"])


@tool(effect="idempotent", writes="label", retry=Retry(attempts=3, pause=0.001))
def print_label(weight: int, context: Context) -> str:
    """A label; the first try finds no printer."""
    if context.attempt == 1:
        raise Away("the printer does not answer")
    return f"label of {weight}"


@tool(effect="once", stakes="low", timeout=10.0, writes="sent", not_done=Declined)
def send(label: str, tries: int, context: Context) -> str:
    """The parcel on its way; the world declines twice."""
    if tries < 2:
        raise Declined(f"not yet, after {tries} tries")
    return str(context.deps.does("send", context.key, label))


@tool(effect="once", stakes="low", timeout=10.0, writes="told")
def tell(sent: str, context: Context) -> str:
    """A message to the customer."""
    return str(context.deps.does("tell", context.key, sent))


class Again(BaseModel):
    tries: int
    trail: list[str]


@compute
def count_try(tries: int, failure: Failure | None) -> Again:
    """One try more."""
    return Again(tries=tries + 1, trail=[f"failed: {failure.category if failure else None}"])


def loop() -> Flow[Parcel]:
    """Packs until it is heavy enough, and sends until it is not declined."""
    t = fields(Parcel)
    gone = End("gone", succeeds_if=exists(t.sent))
    stays = End("stays", verdict="partial")
    rounds = at_most(4, name="rounds")
    return Flow(
        "parcel",
        state=Parcel,
        edges=[
            on(START, pack),
            on(pack, when(t.weight < 3, rounds) >> pack, print_label),
            on(print_label, send),
            on(send, failed(Declined) >> count_try, tell),
            on(count_try, when(rounds) >> print_label, stays),
            on(tell, gone),
        ],
        budget=Budget(steps=40),
        on_failure=stays,
    )


# An agent that calls tools


class Talk(BaseModel):
    messages: Messages = []
    account: str = "a-1"
    said: str | None = None


class Said(BaseModel):
    said: str


@tool(effect="none")
def look_up(name: str, account: Annotated[str, FromState]) -> str:
    """Reads."""
    return f"{name} of {account}"


@tool(effect="once", stakes="high", timeout=10.0)
def refund(amount: int, account: Annotated[str, FromState], context: Context) -> str:
    """Pays."""
    return str(context.deps.does("refund", context.key, f"{amount} to {account}"))


@tool(effect="once", stakes="high", timeout=10.0)
def delete(account: Annotated[str, FromState], context: Context) -> str:
    """Deletes."""
    return str(context.deps.does("delete", context.key, account))


@tool(effect="idempotent")
def remember(note: str, context: Context) -> str:
    """Writes a note that may be written twice."""
    return f"remembered {note}"


def small(call: Any) -> str | None:
    """A rule about a call."""
    return None if call.arguments.get("amount", 0) <= 100 else "more than 100"


TOOLS = [look_up, refund, delete, remember]


@think(tools=TOOLS)
def reason(messages: Messages) -> list[Any]:
    """The conversation so far."""
    return list(messages)


def agent() -> Flow[Talk]:
    """An agent loop: the model proposes, gates decide call by call, a person is asked."""
    t = fields(Talk)
    done = End("done", succeeds_if=exists(t.said))
    lead = approval("lead")
    manager = approval("manager")
    do = act(TOOLS, name="do", gates={refund: [policy(small), lead], delete: manager})
    customer = ask("customer", "Is that all?", writes="said")
    return Flow(
        "agent",
        state=Talk,
        edges=[
            on(START, reason),
            on(reason, when(proposes(), at_most(6)) >> do, customer),
            on(do, reason),
            on(customer, done),
        ],
        budget=Budget(steps=30, tokens=500_000),
    )


SCRIPT = [
    [("look_up", {"name": "balance"}), ("refund", {"amount": 30}), ("remember", {"note": "hello"})],
    [("delete", {}), ("refund", {"amount": 40}), ("nothing", {}), ("refund", {"amount": 500})],
    [("refund", {"amount": "much"})],
]


def agent_model(prompt: Any) -> Any:
    """What the agent's model answers, by how often it was answered before."""
    turn = sum(message.type == "ai" for message in prompt.request.messages)
    if turn < len(SCRIPT):
        return [{"name": name, "args": args, "id": f"c{turn}.{n}"} for n, (name, args) in enumerate(SCRIPT[turn])]
    return "That is all."


# Escalation, exemption, rules


class Claim(BaseModel):
    amount: int
    paid: str | None = None
    told: str | None = None
    note: str | None = None


@tool(effect="once", stakes="high", timeout=10.0, writes="paid")
def pay(amount: int, context: Context) -> str:
    """Pays."""
    return str(context.deps.does("pay", context.key, amount))


@compute(writes="told")
def explain(refusal: Refusal | None) -> str:
    """Why not."""
    return f"{refusal.kind} by {refusal.gate}" if refusal else "no reason"


@compute(writes="note")
def look(amount: int) -> str:
    """A look at the claim."""
    return f"claims {amount}"


WITHIN = 0.15


def escalation() -> Flow[Claim]:
    """Nobody decides in time, so the manager decides about the same call."""
    manager = approval("manager", denied=explain)
    lead = approval("lead", within=WITHIN, denied=explain, expired=manager)
    return Flow(
        "escalation",
        state=Claim,
        edges=[
            on(START, look),
            on(look, lead >> pay),
            on(pay, End("paid")),
            on(explain, End("no", verdict="escalated")),
        ],
        budget=Budget(steps=10),
    )


def honest(amount: int) -> str | None:
    """A rule over the state."""
    return None if amount < 1000 else "nobody claims that much"


def rules(amount_exempt: int = 50) -> Flow[Claim]:
    """A rule, then an approval that small amounts need not."""
    t = fields(Claim)
    lead = approval("lead", denied=explain, unless=t.amount < amount_exempt)
    rule = policy(honest, violated=explain)
    return Flow(
        "rules",
        state=Claim,
        edges=[
            on(START, look),
            on(look, rule >> lead >> pay),
            on(pay, End("paid", verdict="success")),
            on(explain, End("no", verdict="escalated")),
        ],
        budget=Budget(steps=10),
    )


# A budget that is used up


class Work(BaseModel):
    rounds: int = 0
    done: str | None = None
    summary: str | None = None


@compute(writes="rounds")
def work(rounds: int) -> int:
    """One round."""
    return rounds + 1


@tool(effect="once", stakes="low", timeout=10.0, writes="done")
def deliver(rounds: int, context: Context) -> str:
    """Delivers a round."""
    return str(context.deps.does("deliver", context.key, rounds))


@think(writes="summary")
def sum_up(rounds: int) -> str:
    """What there is so far."""
    return f"Sum up {rounds} rounds."


def budget() -> Flow[Work]:
    """Works until the steps are used up, and sums up with what was kept for that."""
    t = fields(Work)
    return Flow(
        "budget",
        state=Work,
        edges=[
            on(START, work),
            on(work, when(t.rounds < 100) >> deliver, End("all")),
            on(deliver, work),
            on(sum_up, End("summed up", verdict="partial")),
        ],
        budget=Budget(steps=8, tokens=100_000, keep=Budget(steps=1, tokens=50_000)),
        on_exhausted=sum_up,
    )


# A tool that asks the world


def asked_world(amount: int, context: Context) -> Any:
    """What the world knows about the call."""
    found = context.deps.found(context.key)
    return NOT_DONE if found is None else found


@tool(effect="once", stakes="low", timeout=10.0, writes="paid", reconcile=asked_world)
def pay_known(amount: int, context: Context) -> str:
    """Pays, where the world can be asked whether it did."""
    return str(context.deps.does("pay_known", context.key, amount))


def reconciled() -> Flow[Claim]:
    """A once-only tool that settles itself."""
    return Flow(
        "reconciled",
        state=Claim,
        edges=[on(START, look), on(look, pay_known), on(pay_known, explain), on(explain, End("paid"))],
        budget=Budget(steps=10),
    )


# A property that is watched


def watched() -> Flow[Work]:
    """Delivers once with an approval; the second time has none, and is forbidden."""
    t = fields(Work)
    kept = End("kept", verdict="partial")
    return Flow(
        "watched",
        state=Work,
        edges=[
            on(START, work),
            on(work, when(t.rounds < 2) >> approval("lead", denied=kept) >> deliver, deliver),
            on(deliver, failed("forbidden") >> kept, work),
        ],
        properties=[enforced(never(deliver).unless(approval("lead", denied=kept)))],
        budget=Budget(steps=10),
    )


Decision = Literal["approve", "deny", "expire", "leave"]


@dataclass(frozen=True)
class Scenario:
    """A flow, its input, and its people.

    Args:
        flow: makes the flow.
        given: the input.
        model: what the model answers.
        decides: what a person decides about a request, from its role and its call; a dict changes arguments.
        answer: what a person answers.
        quiet: seconds that people wait before they look into the ledger: a call that timed out may act yet.
    """

    flow: Callable[[], Flow[Any]]
    given: dict[str, Any]
    model: Callable[..., Any] = field(default=lambda prompt: f"Answer to {prompt}")
    decides: Callable[[Any], Decision | dict[str, Any]] = field(default=lambda request: "approve")
    answer: Any = "yes"
    quiet: float = 0.0


def _agents_people(request: Any) -> Decision:
    if request.role == "manager":
        return "deny"
    return "deny" if json.dumps(request.call.arguments).find("500") >= 0 else "approve"


SCENARIOS: dict[str, Scenario] = {
    "first_page": Scenario(first_page, {"message": "Order 17 arrived broken, please refund."}, desk_model),
    "denied": Scenario(first_page, {"message": "Order 17 arrived broken."}, desk_model, decides=lambda request: "deny"),
    "loop": Scenario(loop, {}),
    "agent": Scenario(
        agent,
        {"messages": [{"role": "user", "content": "Refund 30, please.", "id": "m0"}]},
        agent_model,
        decides=_agents_people,
    ),
    "escalation": Scenario(
        escalation, {"amount": 7}, decides=lambda request: "expire" if request.role == "lead" else "approve"
    ),
    "rules_asked": Scenario(rules, {"amount": 70}),
    "rules_exempt": Scenario(rules, {"amount": 7}),
    "rules_violated": Scenario(rules, {"amount": 7000}),
    "budget": Scenario(budget, {}),
    "reconciled": Scenario(reconciled, {"amount": 7}),
}

WATCHED: dict[str, Scenario] = {"watched": Scenario(watched, {})}

__all__ = ["SCENARIOS", "WATCHED", "Scenario"]
