"""The report: findings in order, what is accepted, what stands in the way, as text and as JSON; and what is refused."""

from __future__ import annotations

import json
import pickle
from itertools import pairwise
from typing import Any

import pytest
from pydantic import BaseModel

from examples.airline_desk.flow import airline_desk
from guideway import START, CheckFailed, End, Flow, approval, compute, fields, on, tool, when
from guideway.flows.check import check, refuse_errors
from tests.first_page import refund_desk


class S(BaseModel):
    """The state of every case."""

    n: int = 0


t = fields(S)


@compute(writes="n")
def a(n: int) -> int:
    return n


@tool(effect="once", stakes="high", timeout=1.0, writes="n")
def pay(n: int) -> int:
    return n


good = End("good")
again = a.named("again")


def flow(**options: Any) -> Flow[S]:
    """A flow with two errors and a warning."""
    rows = [on(START, pay), on(pay, a), on(a, when(t.n < 3) >> a, good)]
    return Flow("f", state=S, edges=rows, **options)


def test_the_first_page_and_the_airline_desk_have_no_errors():
    """The flows that ship are sound; that their effects may stay unknown is a warning."""
    for shipped in (refund_desk, airline_desk):
        report = shipped.check()
        assert report.ok
        assert {item.code for item in report.findings} <= {"F601", "F205"}
        assert all(proof.proved for proof in report.facts.proofs)
    assert (refund_desk.check().facts.max_steps, refund_desk.check().facts.max_usd) == (4, 0.10)


def test_errors_come_first():
    """Findings are told by how grave they are, then by code."""
    assert [item.code for item in flow().check().findings] == ["F401", "F501", "F601"]


def test_what_is_accepted_is_told_with_its_reason_and_stands_in_nobodys_way():
    """An accepted finding stays in the report; only what is left decides."""
    report = flow(accepts={"F401": "n grows", "F501": "a demo"}).check()
    assert report.ok
    assert [item.accepted for item in report.findings] == ["n grows", "a demo", None]
    assert "(accepted: a demo)" in str(report)


def test_strict_counts_warnings():
    """strict=True lets nothing pass but facts and what is accepted."""
    faulty = flow(accepts={"F401": "n grows", "F501": "a demo"})
    assert not check(faulty, strict=True).ok
    assert [item.code for item in check(faulty, strict=True).failures] == ["F601"]


def test_the_text_tells_all():
    """Place, code, message, path, figures and proofs are in the text."""
    shown = str(flow().check())
    for part in ("2 findings stand in the way", "test_report.py:", "path: START > pay", "max_steps: unbounded",
                 "max_tokens: 0 (by edges)", "refuted: every way into 'pay'", "proved: edges lead"):  # fmt: skip
        assert part in shown


def test_the_report_is_json():
    """to_json gives plain data with all that the text has."""
    data = json.loads(json.dumps(flow().check().to_json()))
    assert (data["flow"], data["ok"], data["strict"]) == ("f", False, False)
    assert data["findings"][1]["path"] == ["START", "pay"]
    assert data["facts"]["capped_by"]["max_tokens"] == "edges"
    assert {proof["proved"] for proof in data["facts"]["proofs"]} == {True, False}


def test_compile_refuses_all_errors_at_once():
    """CheckFailed lists every error with its place, holds the findings, and survives pickling."""
    with pytest.raises(CheckFailed, match=r"flow 'f' has 2 errors:\n.*F401 error.*\n.*F501 error") as caught:
        refuse_errors(flow())
    assert [item.code for item in caught.value.data["findings"]] == ["F401", "F501"]
    assert [item.code for item in pickle.loads(pickle.dumps(caught.value)).data["findings"]] == ["F401", "F501"]


def test_compile_lets_pass_what_has_no_error():
    """Warnings and facts are no reason to refuse."""
    refuse_errors(refund_desk)
    refuse_errors(flow(accepts={"F401": "n grows", "F501": "a demo"}))


def test_what_is_not_proved_is_said():
    """A row that ends in a condition is open, with what to do."""
    rows = [on(START, a), on(a, when(t.n > 1) >> good)]
    proofs = check(Flow("f", state=S, edges=rows), solver=False).facts.proofs
    assert [proof.text.split(";")[0] for proof in proofs if proof.proved is None] == [
        "the edges of every row cover every case of an ok outcome (open: 'a')",
    ]


def test_a_large_flow_is_checked_without_recursion():
    """A chain of 3,000 nodes with a cycle at its end is no deeper for Python than a short one."""
    nodes = [a.named(f"n{place}") for place in range(3000)]
    rows = [on(START, nodes[0]), *(on(one, other) for one, other in pairwise(nodes))]
    lead = approval("lead", denied=good)
    report = Flow("long", state=S, edges=[*rows, on(nodes[-1], lead >> nodes[0])]).check()
    assert [item.code for item in report.findings] == ["F402"]
    assert len(report.findings[0].path) == 3002
