"""Diagrams and flows that the drawing tests share, and text that strangers would send."""

from __future__ import annotations

from hypothesis import strategies as st
from pydantic import BaseModel

from guideway import (
    START,
    Budget,
    End,
    Flow,
    Messages,
    Refusal,
    Retry,
    act,
    approval,
    ask,
    at_most,
    compute,
    contains,
    exists,
    failed,
    fields,
    on,
    policy,
    proposes,
    think,
    tool,
    when,
)
from guideway.viz.model import Cluster, Diagram, Edge, Line, Mark, Node, Part

NASTY = [
    'x"]; evil [label="',
    "</text><script>alert(1)</script>",
    "<a href='javascript:alert(1)' xlink:href='x'>",
    "a --> b",
    '"]\nn99["evil"]\nn0 --> n99',
    "%%{init: {'theme': 'dark'}}%%",
    "end\nsubgraph x",
    "click n0 href",
    "\\N \\G \\E \\T \\l \\\\",
    "&lt;b&gt; &#0; &#xD800;",
    "]]> -- > <!-- x -->",
    "\u202egnp.exe\u2066",
    "\x00\x07\x1b[31m",
    "\ud800 \uffff \ue000",
    "e" + "\u0301" * 50,
    "`md` **b** #quot; ;",
    "中文 עברית Ж",
    "a" * 10_000,
    "",
    " ",
]
TEXT = st.one_of(st.sampled_from(NASTY), st.text(max_size=60), st.text(alphabet="<>&\"'\\[]{}|;#%\n-", max_size=20))


def every_place(said: str) -> Diagram:
    """A diagram of each kind of thing, with the same text wherever text stands."""
    line, mark = Line(said, "quote"), Mark("high", said)
    nodes = [
        Node("start", "start", said),
        Node("do", "act", said, (line,), (), (Part(said, "tool", (mark,), (line,)), Part(said, "approval"))),
        Node("pay", "tool", said, (line,), (mark, Mark("once", said)), cluster="frame"),
        Node("gate", "approval", said, (line,), (Mark("exempt", said),)),
        Node("rule", "policy", said, (line,)),
        Node("over", "end", said, (line,), verdict="escalated"),
        Node("any", "anywhere", said, (line,)),
        Node("many", "each", said, (line,), (mark,), (Part(said, "think", (), (line,)), Part(said, "approval"))),
        Node("shut", "subflow", said, (line,), (mark,), cluster="region"),
        Node("fork", "fork", said, (line,), cluster="region"),
        Node("join", "join", said, cluster="region"),
        Node("inner", "start", said, cluster="flow"),
        Node("inner over", "end", said, (line,), verdict="success", cluster="flow"),
        Node("deep", "start", said, cluster="items"),
    ]
    edges = [
        Edge("start", "do", "step", 1, (said, said)),
        Edge("do", "gate", "failed", 2, (said,)),
        Edge("gate", "pay", "yes", None, (said,)),
        Edge("gate", "rule", "no", None, (said,)),
        Edge("any", "over", "anywhere", None, (said,)),
        Edge("pay", "over"),
        Edge("fork", "shut", "branch", None, (said,)),
        Edge("shut", "join"),
        Edge("join", "flow", "step", None, (said,)),
        Edge("inner", "items", "step", None, (said,)),
        Edge("items", "inner over", "step", 1, (said,)),
        Edge("inner over", "many", "ended", 1, (said,)),
        Edge("flow", "over", "failed", 2, (said,)),
    ]
    clusters = [
        Cluster("frame", said),
        Cluster("region", said, None, "region", (line,)),
        Cluster("flow", said, None, "subflow", (line,), "inner"),
        Cluster("items", said, "flow", "each", (line,), "deep"),
    ]
    return Diagram(said, (said, said), tuple(nodes), tuple(edges), tuple(clusters))


# an agent's desk: a loop, gates per tool, a customer


class Chat(BaseModel):
    messages: Messages = []
    customer: str = ""
    total: float = 0.0
    tries: int = 0
    note: str | None = None


c = fields(Chat)


@tool(effect="none", timeout="3s", retry=Retry(attempts=3))
def look_up(order_id: str) -> str:
    return order_id


@tool(effect="once", stakes="high", timeout=10, key="order_id")
def refund(order_id: str, amount: float) -> str:
    return order_id


@tool(effect="idempotent")
def note_down(text: str) -> str:
    return text


TOOLS = [look_up, refund, note_down]


@think(tools=TOOLS, model=["openai:gpt-4o", "strong"])
def agent(messages: Messages) -> Messages:
    return messages


@compute(writes="note")
def sum_up(total: float) -> str:
    return str(total)


@tool(effect="once", stakes="high", timeout=10, writes="note")
def pay(total: float, refusal: Refusal | None) -> str:
    return str(total)


def fair(total: float) -> str | None:
    return None if total < 100 else "too much"


solved = End("solved", succeeds_if=exists(c.note))
human = End("to a human", verdict="escalated")
ran_out = End("ran out", verdict="partial")

boss = approval("boss", within="4h", denied=human, expired=human, quorum=2)
supervisor = approval(
    "supervisor", within="30m", expired=boss, question="May it?", shows=[c.customer, c.total], unless=c.total < 50
)
customer = ask("customer", "What else?", writes="messages", within="1h", expired=sum_up)
do = act(TOOLS, name="do", gates={refund: [policy(fair), supervisor]})
rounds = at_most(8, name="rounds")

DESK = Flow(
    "desk",
    state=Chat,
    label="The desk",
    edges=[
        on(START, agent),
        on(
            agent,
            failed("transient") >> at_most(1) >> agent,
            when(proposes(), rounds) >> do,
            when(rounds) >> customer,
            ran_out,
        ),
        on(do, failed("unknown_effect", "bug") >> human, agent),
        on(customer, when(contains(c.messages, "bye")) >> sum_up, agent),
        on(sum_up, solved),
    ],
    budget=Budget(steps=40, usd=1.5, seconds=90, deadline="2h", keep=Budget(steps=2)),
    on_exhausted=sum_up,
)

# escalation from gate to gate, and two edges with gates into one node

director = approval("director", within="2d", denied=human, expired=human, not_by=())
manager = approval("manager", within="24h", denied=sum_up, expired=director, name="the manager")
lawful = policy(fair, violated=human, name="lawful")

ESCALATION = Flow(
    "escalation",
    state=Chat,
    edges=[
        on(START, sum_up),
        on(
            sum_up,
            when((c.total > 100) | (c.tries > 3), exists(c.customer)) >> lawful >> manager >> pay,
            when(c.total > 10) >> manager >> pay,
            human,
        ),
        on(pay, solved),
    ],
    on_failure=director >> sum_up,
)
