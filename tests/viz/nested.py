"""Flows that fan out, work on items, and hold other flows, for the drawing tests."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from guideway import (
    START,
    Budget,
    End,
    Flow,
    Item,
    Refusal,
    Retry,
    all_of,
    approval,
    ask,
    at_most,
    compute,
    each,
    ended,
    exists,
    failed,
    fields,
    on,
    subflow,
    think,
    tool,
    when,
)

# two branches of five nodes, a gate on one head, a fork in a branch


class Order(BaseModel):
    text: str = ""
    total: float = 0.0
    stock: int | None = None
    credit: bool | None = None
    label: str | None = None
    paid: str | None = None
    mailed: str | None = None


o = fields(Order)


@tool(effect="none", writes="stock", timeout=5)
def count_stock(text: str) -> int:
    return len(text)


@tool(effect="none", writes="credit", timeout=5, retry=Retry(attempts=3))
def check_credit(total: float) -> bool:
    return total < 100


@tool(effect="once", stakes="high", timeout=10, writes="paid", key="text")
def charge(text: str, total: float) -> str:
    return text


@tool(effect="once", stakes="low", timeout=10, writes="label")
def ship(text: str) -> str:
    return text


@tool(effect="idempotent", writes="mailed")
def mail(text: str) -> str:
    return text


@think(writes="mailed")
def explain(text: str, refusal: Refusal | None) -> str:
    return text


closed_ok = End("delivered", succeeds_if=exists(o.label))
stopped = End("stopped", verdict="escalated")
cashier = approval("cashier", within="2h", shows=[o.total], denied=explain, expired=explain)

FIVE = Flow(
    "order",
    state=Order,
    edges=[
        on(START, all_of(count_stock, check_credit)),
        on(count_stock, failed() >> stopped, ship),
        on(check_credit, ship),
        on(ship, closed_ok),
    ],
    budget=Budget(steps=1),
)

notify = mail.named("notify")


@compute(writes="credit")
def audit(total: float) -> bool:
    return total > 0


FORK_IN_BRANCH = Flow(
    "order with branches",
    state=Order,
    edges=[
        on(START, all_of(count_stock, cashier >> charge)),
        on(count_stock, when(o.stock > 0) >> all_of(notify, audit), explain),
        on(notify, ship),
        on(audit, ship),
        on(explain, ship),
        on(charge, failed("declined") >> stopped, ship),
        on(ship, closed_ok),
    ],
    budget=Budget(steps=40, usd=0.5),
    on_exhausted=stopped,
)

# items: a node with a gate for each of them, and a flow for each of them


class Page(BaseModel):
    url: str
    language: str = "en"
    text: str | None = None
    summary: str | None = None


class Study(BaseModel):
    question: str = ""
    language: str = "en"
    queries: list[str] = []
    urls: list[str] = []
    found: list[Item[list[str]]] = []
    pages: list[Item[Page]] = []
    posted: list[Item[str]] = []
    report: str | None = None
    rounds: int = 0
    good: bool | None = None


p, s = fields(Page), fields(Study)


@tool(effect="none", writes="text", timeout=20, retry=Retry(attempts=2))
def fetch(url: str) -> str:
    return url


@think(writes="summary", model="small")
def condense(text: str, language: str) -> str:
    return text


read_ok = End("read", succeeds_if=exists(p.summary))
unreadable = End("unreadable", verdict="failed")

PAGE = Flow(
    "page",
    state=Page,
    edges=[
        on(START, fetch),
        on(fetch, failed("transient") >> at_most(2) >> fetch, failed() >> unreadable, condense),
        on(condense, read_ok),
    ],
    budget=Budget(steps=6, usd=0.02),
)


class Plan(BaseModel):
    queries: list[str]


@think(output=Plan)
def plan(question: str) -> str:
    return question


@tool(effect="none", timeout=8)
def search(query: str) -> list[str]:
    return [query]


@tool(effect="once", stakes="high", timeout=8)
def post(page: str, language: str) -> str:
    return page


@compute(writes="urls")
def choose(found: list[Item[list[str]]]) -> list[str]:
    return []


@think(writes="report", model=["strong", "default"])
def write(question: str, pages: list[Item[Page]]) -> str:
    return question


class Verdict(BaseModel):
    good: bool


@think(output=Verdict)
def judge(report: str) -> str:
    return report


editor = approval("editor", within="1d", quorum=2)
searches = each(search, name="searches", item="query", over="queries", into="found", tolerate=0.1)
reading = each(PAGE, name="reading", item="url", over="urls", into="pages", at_once=8, tolerate=3)
posting = each(editor >> post, name="posting", item="page", over="urls", into="posted", at_once=1)
published = End("published", succeeds_if=exists(s.report))
short = End("short", verdict="partial")

RESEARCH = Flow(
    "research",
    state=Study,
    label="Deep research",
    edges=[
        on(START, plan),
        on(plan, searches),
        on(searches, failed() >> short, choose),
        on(choose, reading),
        on(reading, failed() >> short, write),
        on(write, judge),
        on(judge, when(s.good) >> posting, at_most(3) >> plan, short),
        on(posting, published),
    ],
    budget=Budget(steps=80, usd=2, keep=Budget(usd=0.2)),
    on_exhausted=write,
)

# flows within flows: a desk with departments, one of which has a department of its own


class Case(BaseModel):
    message: str = ""
    department: Literal["billing", "technical", "other"] | None = None
    reply: str | None = None
    amount: float = 0.0
    receipt: str | None = None


class Bill(BaseModel):
    question: str = ""
    amount: float = 0.0
    answer: str | None = None
    receipt: str | None = None


b, k = fields(Bill), fields(Case)


@tool(effect="none", writes="amount", timeout=5)
def look_up_bill(question: str) -> float:
    return 0.0


@tool(effect="once", stakes="high", timeout=10, writes="receipt", key="question")
def pay_back(question: str, amount: float) -> str:
    return question


@think(writes="answer")
def answer_bill(question: str, amount: float, refusal: Refusal | None) -> str:
    return question


paid, refused = End("paid", succeeds_if=exists(b.receipt)), End("refused", verdict="partial")
lead = approval("lead", within="24h", shows=[b.amount], denied=refused, expired=refused, unless=b.amount < 20)

REFUND = Flow(
    "refund",
    state=Bill,
    edges=[on(START, lead >> pay_back), on(pay_back, failed("unknown_effect") >> refused, paid)],
    budget=Budget(usd=0.05),
)

refund = subflow(REFUND, name="refund")
answered_bill = End("answered", succeeds_if=exists(b.answer))
not_ours = End("not ours", verdict="partial")
too_large = End("too large", verdict="escalated")

BILLING = Flow(
    "billing",
    state=Bill,
    label="Billing desk",
    edges=[
        on(START, look_up_bill),
        on(look_up_bill, failed(LookupError) >> not_ours, when(b.amount > 500) >> too_large, refund),
        on(refund, ended(refused) >> answer_bill, answered_bill),
        on(answer_bill, answered_bill),
    ],
    budget=Budget(steps=12, usd=0.2),
    on_exhausted=not_ours,
)


@think(output=Literal["billing", "technical", "other"], writes="department")
def triage(message: str) -> str:
    return message


@think(writes="reply")
def reply(message: str) -> str:
    return message


@compute(writes="reply")
def thank(message: str) -> str:
    return message


closed = End("closed", succeeds_if=exists(k.reply))
to_person = End("to a person", verdict="escalated")
person = ask("agent", "What shall we answer?", name="person", writes="reply", within="4h", expired=to_person)
billing = subflow(
    BILLING,
    name="billing",
    reads={"question": "message", "amount": "amount"},
    writes={"reply": "answer", "receipt": "receipt"},
)
second = subflow(REFUND, name="goodwill", reads={"question": "message"}, writes={"receipt": "receipt"})

SUPPORT = Flow(
    "support",
    state=Case,
    label="Support desk",
    edges=[
        on(START, triage),
        on(
            triage,
            when(k.department == "billing") >> billing,
            when(k.department == "technical") >> reply,
            person,
        ),
        on(
            billing,
            ended(not_ours) >> at_most(1) >> triage,
            ended("escalated") >> person,
            failed() >> to_person,
            thank,
        ),
        on(reply, second),
        on(person, closed),
        on(second, ended(refused, "failed") >> person, thank),
        on(thank, closed),
    ],
    budget=Budget(steps=60, usd=1),
    on_failure=to_person,
)
