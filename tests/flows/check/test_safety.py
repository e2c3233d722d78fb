"""F5: what is at stake carries an approval on that very edge. F6: effects whose result may stay unknown."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from guideway import (
    START,
    Budget,
    End,
    Flow,
    Messages,
    act,
    approval,
    ask,
    compute,
    failed,
    fields,
    on,
    policy,
    think,
    tool,
    when,
)
from guideway.flows.check import Report, check


class S(BaseModel):
    """The state of every case."""

    n: int = 0
    name: str | None = None
    messages: Messages = []


t = fields(S)


@compute(writes="n")
def a(n: int) -> int:
    return n


@tool(effect="once", stakes="high", timeout=1.0, writes="name")
def pay(n: int) -> str:
    return "paid"


def small(n: int) -> str | None:
    return None if n < 9 else "too much"


good, bad = End("good"), End("bad", verdict="failed")
lead = approval("lead", denied=bad)
after_pay = on(pay, failed("unknown_effect") >> bad, good)


def report(*rows: Any, **options: Any) -> Report:
    """What the checks say of a flow of these rows, in which paying goes on to an end."""
    return check(Flow("f", state=S, edges=[*rows, after_pay], **options))


def unapproved(found: Report) -> list[str]:
    """What F501 says leads there without an approval."""
    return [item.message.split(" leads to ")[0] for item in found.findings if item.code == "F501"]


def test_an_approval_on_the_edge_is_enough_and_is_proved():
    """The edge that carries its approval is proved, by name of the node."""
    found = report(on(START, lead >> pay))
    assert found.findings == ()
    assert [proof.proved for proof in found.facts.proofs if "'pay'" in proof.text] == [True]


@pytest.mark.parametrize(
    ("edges", "words"),
    [
        ([pay], "the edge 'START: pay'"),
        ([when(t.n > 1) >> pay, bad], "the edge 'START: n > 1 >> pay'"),
        ([approval("boss", denied=pay) >> good], "the way denied= of 'boss' on the edge 'START: boss >> good'"),
        ([policy(small, violated=pay) >> good], "the way violated= of 'small' on the edge 'START: small >> good'"),
        ([policy(small, violated=bad) >> pay], "the edge 'START: small >> pay'"),
        ([policy(small, violated=lead) >> pay], "the edge 'START: small >> pay'"),
        ([approval("boss", denied=policy(small, violated=bad)) >> pay], "the edge 'START: boss >> pay'"),
        (
            [lead >> approval("boss", denied=policy(small, violated=bad)) >> pay],
            "the edge 'START: lead >> boss >> pay'",
        ),
        (
            [approval("boss", denied=policy(small, violated=bad) >> pay) >> good],
            "the way denied= of 'boss' on the edge 'START: boss >> good'",
        ),
    ],
)
def test_a_way_without_an_approval_of_its_own_is_an_error(edges, words):
    """From START, by a condition, by a gate's way, behind a policy, or where a policy may undo a person's no."""
    found = report(on(START, *edges))
    assert unapproved(found) == [words]
    assert [proof.proved for proof in found.facts.proofs if "'pay'" in proof.text] == [False]


@pytest.mark.parametrize(
    "edges",
    [
        [policy(small, violated=bad) >> lead >> pay],
        [lead >> policy(small, violated=bad) >> pay],
        [lead >> policy(small, violated=approval("boss", denied=bad)) >> pay],
        [approval("boss", denied=lead) >> pay],
        [approval("boss", within="1h", expired=lead, denied=bad) >> pay],
        [approval("boss", denied=approval("chief", denied=bad) >> pay) >> good],
    ],
)
def test_escalation_and_rules_beside_an_approval_are_fine(edges):
    """A rule before or after the approval, another person after a no, and a way with an approval of its own."""
    assert unapproved(report(on(START, *edges))) == []


def test_the_flows_own_ways_need_an_approval_too():
    """on_failure and on_exhausted are ways in, told once each."""
    rows = on(START, a), on(a, good)
    assert unapproved(report(*rows, on_failure=pay)) == ["on_failure="]
    assert unapproved(report(*rows, on_exhausted=pay, budget=Budget(steps=5))) == ["on_exhausted="]
    assert unapproved(report(*rows, on_failure=lead >> pay, budget=Budget(steps=9))) == []


def test_the_way_of_a_question_needs_an_approval_too():
    """What follows when nobody answers is a way in."""
    person = ask("person", "What now?", writes="name", within="1h", expired=pay)
    assert unapproved(report(on(START, person), on(person, good))) == ["the way expired= of 'person'"]


def test_the_example_is_a_run_that_pays():
    """The path was carried out: values were found with which a run comes there."""
    found = report(on(START, a), on(a, when(t.n > 7) >> pay, good))
    (finding,) = [item for item in found.findings if item.code == "F501"]
    assert finding.path == ("START", "a", "pay")
    assert finding.example == {
        "input": {}, "steps": [{"node": "a", "outcome": "ok", "update": {"n": 8}}], "then": "pay",
    }  # fmt: skip


def chat(gates: Any) -> Report:
    """What the checks say of an agent that may pay."""

    @think(tools=[pay])
    def agent(messages: Messages) -> Messages:
        return messages

    do = act([pay], name="do", gates={pay: gates} if gates else None)
    rows = [on(START, agent), on(agent, do), on(do, failed("unknown_effect") >> bad, good)]
    return check(Flow("f", state=S, edges=rows))


@pytest.mark.parametrize("gates", [approval("boss"), [policy(small), approval("boss")]])
def test_a_high_stakes_tool_of_an_act_with_an_approval_is_fine(gates):
    """Ways are not needed there: the model is told."""
    assert chat(gates).findings == ()


@pytest.mark.parametrize("gates", [None, policy(small), approval("boss", denied=policy(small))])
def test_a_high_stakes_tool_of_an_act_without_one_is_an_error(gates):
    """No gate, a rule alone, and a rule that may undo a person's no."""
    found = chat(gates)
    assert [(item.code, item.severity, item.path) for item in found.findings] == [
        ("F502", "error", ("START", "agent", "do"))
    ]
    assert [proof.proved for proof in found.facts.proofs if "high-stakes call" in proof.text] == [False]


def test_exemptions_are_listed():
    """An exemption is no error, and no secret: the case in which nobody is asked is told in words."""
    found = report(on(START, approval("boss", denied=bad, unless=t.n < 50) >> pay))
    assert [(item.code, item.severity, item.message) for item in found.findings] == [
        ("F503", "fact", "the approval 'boss' is not asked where n < 50")
    ]


def test_an_unknown_effect_that_nothing_takes_up_is_a_warning():
    """A once tool without reconcile= parks, unless an edge names unknown_effect; failed() does not name it."""
    rows = on(START, lead >> pay), on(pay, failed() >> bad, good)
    assert [item.code for item in check(Flow("f", state=S, edges=rows)).findings] == ["F601"]
    assert report(on(START, lead >> pay)).findings == ()


def test_a_tool_that_can_be_settled_parks_nothing():
    """reconcile= asks the world, so nothing is left in doubt."""

    def ask_world(n: int) -> str:
        return "paid"

    @tool(effect="once", stakes="high", timeout=1.0, writes="name", reconcile=ask_world)
    def transfer(n: int) -> str:
        return "paid"

    assert check(Flow("f", state=S, edges=[on(START, lead >> transfer), on(transfer, good)])).findings == ()


def test_the_once_tools_of_an_act_are_named_together():
    """An act's tools share its row: one warning names those in doubt."""

    @tool(effect="once", stakes="low", timeout=1.0)
    def send(n: int) -> str:
        return ""

    @think(tools=[send, pay])
    def agent(messages: Messages) -> Messages:
        return messages

    do = act([send, pay], name="do", gates={pay: approval("boss")})
    (finding,) = check(Flow("f", state=S, edges=[on(START, agent), on(agent, do), on(do, good)])).findings
    assert finding.code == "F601"
    assert "'send', 'pay' of 'do'" in finding.message
