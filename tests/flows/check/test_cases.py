"""F2: cases without an edge, edges that nothing takes, and orders that matter."""

from __future__ import annotations

import sys
from enum import Enum
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from guideway import (
    START,
    End,
    Flow,
    approval,
    at_most,
    compute,
    ended,
    exists,
    failed,
    fields,
    length,
    none_of,
    on,
    one_of,
    subflow,
    when,
)  # fmt: skip
from guideway.errors import CheckFailed
from guideway.flows.check import Finding, Report, check, refuse_errors
from guideway.flows.check.oracles import Asked
from guideway.flows.check.partition import table
from guideway.guards.conditions import condition
from guideway.guards.evaluation import holds
from guideway.guards.symbolic import Symbols
from tests.guards.trees import State, formulas


class Plan(Enum):
    FREE = "free"
    PAID = "paid"


class S(BaseModel):
    n: int = 0
    share: float = Field(default=0.0, ge=0, le=1)
    name: str | None = None
    mark: Literal["a", "b", "c"] | None = None
    plan: Plan = Plan.FREE
    words: str = ""


t = fields(S)
good, bad = End("good"), End("bad")


@compute(writes="n")
def a() -> int:
    raise AssertionError("no function is called")


@compute(writes="mark")
def b() -> Literal["a", "b"]:
    raise AssertionError("no function is called")


@compute(writes="name")
def c() -> str | None:
    raise AssertionError("no function is called")


def checked(*rows: Any, **more: Any) -> Report:
    """What the checks say of a flow of some rows."""
    return Flow("f", state=S, edges=list(rows), **more).check()


def found(code: str, *rows: Any, **more: Any) -> list[Finding]:
    """The findings of one code, of a flow of some rows."""
    return [item for item in checked(*rows, **more).findings if item.code == code]


def covered(report: Report) -> bool | None:
    """Whether the report says that every case has an edge."""
    return next(proof.proved for proof in report.facts.proofs if proof.text.startswith("the edges of every row"))


# F201 and F206


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        (t.n < 3, t.n > 3, {"n": 3}),
        (t.name == "x", t.name != "x", {"name": None}),
        (t.share < 0.5, t.share > 0.5, {"share": 0.5}),
        (t.plan == Plan.PAID, t.share > 1, {"plan": "free", "share": None}),
        (length(t.words) > 3, length(t.words) < 3, {"words": "aaa"}),
        (t.n * 2 > 7, t.n + t.n < 7, None),
        (t.n + 1 > t.share, t.n + 1 < t.share, {"n": None, "share": None}),
    ],
    ids=str,
)
def test_the_state_that_falls_through_is_shown(first: Any, second: Any, state: dict[str, Any] | None):
    """A case without an edge is an error with a run that ended there; where there is none, it is proved."""
    report = checked(on(START, a), on(a, when(first) >> good, when(second) >> bad))
    if state is None:
        assert report.ok
        assert covered(report) is True
        return
    (gap,) = [item for item in report.findings if item.code == "F201"]
    assert (gap.severity, gap.path) == ("error", ("START", "a"))
    assert gap.example is not None
    shown = gap.example["state"]
    assert shown == {name: shown[name] if value is None and name != "name" else value for name, value in state.items()}
    fallen = S.model_validate(shown)
    assert not any(holds(condition(item), fallen) for item in (first, second))
    assert [step["node"] for step in gap.example["steps"]] == ["a"]
    assert covered(report) is False


def test_what_the_node_has_just_returned_is_no_case_of_none():
    """A node that always gives one of two literals leaves no case of None, nor of the third."""
    assert checked(on(START, b), on(b, when(t.mark == "a") >> good, when(t.mark == "b") >> bad)).findings == ()
    gaps = found("F201", on(START, a), on(a, when(t.mark == "a") >> good, when(t.mark == "b") >> bad))
    assert len(gaps) == 1


def test_a_case_that_no_run_comes_to_is_not_told():
    """What an edge on the way has ruled out is no case, unless it is written again."""
    before = [on(START, a), on(a, when(t.n < 3) >> c, bad)]
    assert covered(checked(*before, on(c, when(t.n < 5) >> good))) is True
    assert covered(checked(*before, on(c, when(exists(t.name)) >> good, when(t.n < 5) >> a))) is True
    again = [*before, on(c, b), on(b, when(t.n < 5) >> good)]
    assert covered(checked(*again)) is True
    (gap,) = found(
        "F201", on(START, a), on(a, when(t.n < 3) >> a, when(t.n < 9) >> b, bad), on(b, when(t.n < 5) >> good)
    )
    assert gap.example is not None
    assert gap.example["state"]["n"] >= 5


def test_what_a_failed_step_leaves_is_a_case():
    """Behind a failed edge a field may still be None, though the node would have filled it."""
    rows = [on(START, b), on(b, failed() >> c, good), on(c, when(one_of(t.mark, "a", "b", "c")) >> good)]
    (gap,) = found("F201", *rows)
    assert gap.path == ("START", "b", "c")
    assert gap.example is not None
    assert gap.example["steps"][0]["outcome"] == "failed"


def odd(n: int) -> bool:
    """A named function."""
    return n % 2 == 1


def even(n: int) -> bool:
    """Another."""
    return n % 2 == 0


def test_what_named_functions_leave_open_is_a_warning_that_names_them():
    """No function of an author's is called: what two of them decide is told as what may be."""
    rows = [on(START, a), on(a, when(odd) >> good, when(even) >> bad)]
    (gap,) = found("F206", *rows)
    assert gap.severity == "warning"
    assert "'even' and 'odd' say no" in gap.message
    assert covered(checked(*rows)) is None


def test_each_end_of_a_subflow_has_its_own_case():
    """The edges for one end of a subflow say nothing of another."""
    inner = Flow("inner", state=S, edges=[on(START, a), on(a, when(t.n > 0) >> good, bad)])
    sub = subflow(inner, name="sub")
    out = End("out")
    rows = [on(START, sub), on(sub, when(t.n > 0) >> ended(good) >> out, ended(bad) >> out)]
    codes = {item.code for item in checked(*rows).findings}
    assert codes & {"F201", "F206"}


def test_compile_asks_no_solver():
    """A case without an edge is for check: compile refuses only what needs no solver."""
    flow = Flow("f", state=S, edges=[on(START, a), on(a, when(t.n < 3) >> good)])
    assert not flow.check().ok
    refuse_errors(flow)
    with pytest.raises(CheckFailed, match="F103"):
        refuse_errors(Flow("f", state=S, edges=[on(START, a), on(a, failed() >> good)]))


def test_without_the_solver_the_report_says_what_to_install(monkeypatch):
    """Where z3 is missing, routing is not proved, and how it would be is said."""
    monkeypatch.setitem(sys.modules, "z3", None)  # so that importing it raises
    report = checked(on(START, a), on(a, when(t.n < 3) >> good))
    assert report.ok
    assert covered(report) is None
    assert any("pip install 'guideway[check]'" in proof.text for proof in report.facts.proofs)


# F202


def test_a_used_up_limit_leaves_a_case():
    """What stands behind a limit alone is open once that is used up; a bare target closes it."""
    rows = [on(START, b), on(b, when(t.mark == "a") >> good, when(t.mark == "b", at_most(2)) >> b)]
    (gap,) = found("F202", *rows)
    assert gap.severity == "warning"
    assert "at_most(2)" in gap.message
    assert covered(checked(*rows)) is None
    assert found("F202", on(START, b), on(b, when(t.mark == "b", at_most(2)) >> b, good)) == []


# F203 and F204


def test_an_edge_that_nothing_takes_is_told():
    """By logic, by the bounds and the values of types, and by what the node returns."""
    for never in (when(t.n < 3, t.n > 3), when(t.share > 1), when(t.mark == "c"), when(none_of(exists(t.mark)))):
        (dead,) = found("F203", on(START, b), on(b, never >> bad, good))
        assert dead.severity == "warning"
    assert found("F203", on(START, a), on(a, when(t.mark == "c") >> bad, good)) == []


def test_an_edge_behind_a_wider_one_is_told():
    """All that it is for is taken before it; a limit before it may be used up, and hides nothing."""
    rows = [on(START, a), on(a, when(t.n > 1) >> bad, when(t.n > 2) >> good, good)]
    (hidden,) = found("F204", *rows)
    assert "n > 1" in hidden.message
    assert found("F204", on(START, a), on(a, when(t.n > 1, at_most(1)) >> bad, when(t.n > 2) >> good, good)) == []
    assert found("F204", on(START, a), on(a, when(t.n > 2) >> good, when(t.n > 1) >> bad, good)) == []
    assert found("F204", on(START, a), on(a, when(t.n > 2) >> good, when(t.n <= 2) >> bad, good)) == []


def test_an_edge_for_failures_behind_one_for_all_of_them_is_told():
    """failed() hides what stands below it; named failures hide the same names."""
    assert len(found("F204", on(START, a), on(a, failed() >> bad, failed("timeout") >> good, good))) == 1
    assert len(found("F204", on(START, a), on(a, failed("timeout") >> bad, failed("timeout") >> good, good))) == 1
    assert found("F204", on(START, a), on(a, failed("timeout") >> bad, failed() >> good, good)) == []
    by_name = on(a, failed() >> bad, failed("timeout", "unknown_effect") >> good, good)
    assert found("F204", on(START, a), by_name) == []  # an effect that perhaps happened is passed by its name alone


# F205


def test_the_order_of_two_edges_that_both_pass_is_told():
    """One pair a row, with a state; where both lead to the same place, or exclude each other, it does not matter."""
    (fact,) = found("F205", on(START, a), on(a, when(t.n > 1) >> bad, when(t.share > 0.5) >> good, good))
    assert fact.severity == "fact"
    assert "n = 2, share = 0." in fact.message
    assert found("F205", on(START, a), on(a, when(t.n > 1) >> good, when(t.share > 0.5) >> good, bad)) == []
    assert found("F205", on(START, a), on(a, when(t.n > 1) >> bad, when(t.n <= 1) >> good)) == []
    lead = approval("lead", denied=bad)
    assert len(found("F205", on(START, a), on(a, when(t.n > 1) >> lead >> good, when(t.share > 0.5) >> good, bad))) == 1


# both ways to know


@settings(max_examples=60)
@given(st.lists(st.lists(formulas, min_size=1, max_size=2), min_size=2, max_size=2))
def test_what_is_tried_and_what_the_solver_says_agree(edges):
    """Where the cases of a row can be tried, the solver finds the same of them possible."""
    rows = table(State, edges, {})
    if rows is None:
        return
    asked = Asked(Symbols(State), edges, {})
    for bits in range(4):
        passing = [place for place in range(2) if bits & 1 << place]
        failing = [place for place in range(2) if not bits & 1 << place]
        assert asked.can(passing, failing) is (bits in rows)


def test_the_classes_of_a_field_are_few_and_complete():
    """A number, its neighbours and what lies between are tried; bounds, literals and return types leave some out."""
    edges = [[condition(t.n > 3)], [condition(t.n < 7)]]
    assert set(table(S, edges, {}) or ()) == {1, 2, 3}
    assert set(table(S, [[condition(t.share > 1)]], {}) or ()) == {0}
    assert set(table(S, [[condition(t.mark == "c")]], {"mark": Literal["a", "b"]}) or ()) == {0}
    assert set(table(S, [[condition(t.n == 1)]], {"n": Literal[1]}) or ()) == {1}
    assert table(S, [[condition(length(t.words) > 1)]], {}) is None


def test_a_flow_that_ships_is_proved():
    """Every case of the refund desk has an edge."""
    from guideway.cli.demo.refund_desk import refund_desk

    assert covered(check(refund_desk)) is True
