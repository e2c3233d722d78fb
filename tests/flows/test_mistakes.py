"""What a new user writes wrong in a flow is told at once, with what, where, found and the way out."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any, Optional

import pytest
from pydantic import BaseModel, create_model

from guideway import START, Budget, End, Flow, FlowError, Item, NodeError, compute, each, on
from guideway.flows.each import items_of

DONE = End("done")


class Words(BaseModel):
    word: str = ""
    said: str = ""


@compute(writes="said")
def say(word: str) -> str:
    """Says it."""
    return word


def over(annotation: Any) -> Flow[Any]:
    """A flow that goes over a field of an annotation."""
    state = create_model("State", words=(annotation, ...), found=(list[Item[str]], []))
    says = each(say, name="says", item="word", over="words", into="found")
    return Flow("over", state=state, edges=[on(START, says), on(says, DONE)])


@pytest.mark.parametrize(
    ("annotation", "written"),
    [
        (str, "str"),
        (bytes, "bytes"),
        (dict[str, int], r"dict\[str, int\]"),
        (str | None, r"str \| None"),
        (int, "int"),
        (Words, "Words"),
        (set[str], r"set\[str\]"),
        (frozenset[int] | None, r"frozenset\[int\] \| None"),
    ],
)
def test_what_is_no_list_is_not_gone_over(annotation: Any, written: str):
    """The letters of a text are nobody's items: the field's type is named, and what to name instead."""
    told = rf"each 'says' goes over State\.words, which is {written} and no list: name a field that is one"
    with pytest.raises(NodeError, match=told) as refused:
        over(annotation)
    assert (refused.value.where or "").startswith("test_mistakes.py:")


@pytest.mark.parametrize(
    "annotation",
    [list[str], Optional[list[str]], list[str] | str, tuple[str, ...], deque[str], Any],  # noqa: UP045  # the older spelling is the case
)
def test_what_may_be_a_list_is_gone_over(annotation: Any):
    """A field that is a list, or may be one, is allowed."""
    assert list(over(annotation).nodes) == ["says"]


def test_items_are_those_of_lists():
    """A tuple has items as a list has; bytes, a model and a dict have none, and those of a set have no places."""
    assert (items_of(("a",)), items_of(None), items_of({"a"}), items_of(frozenset({"a"}))) == (["a"], [], None, None)
    assert [items_of(one) for one in (b"ab", bytearray(b"a"), Words(), {"a": 1}, "ab", 5)] == [None] * 6


@pytest.mark.parametrize("edges", [on(START, say), None, 5, "rows"], ids=["row", "none", "number", "text"])
def test_edges_are_a_list_of_rows(edges: Any):
    """A row by itself, or what is no list, is told with the list that was meant."""
    with pytest.raises(FlowError, match=r"flow 'desk': edges=.* write edges=\[on\(\.\.\.\), \.\.\.\]") as refused:
        Flow("desk", state=Words, edges=edges)
    assert (refused.value.where or "").startswith("test_mistakes.py:")


@pytest.mark.parametrize("accepts", [["F601"], "F601", {601: "why"}, {"F601": ""}, {"F601": None}, {"F601": True}])
def test_a_finding_is_accepted_for_a_reason(accepts: Any):
    """A code without a reason, or what names no codes, is refused where it is written: reviewers read the reason."""
    with pytest.raises(FlowError, match=r"flow 'desk': accepts=.*'F601': 'we look each morning'") as refused:
        Flow("desk", state=Words, edges=[on(START, say), on(say, DONE)], accepts=accepts)
    assert (refused.value.where or "").startswith("test_mistakes.py:")


def test_a_budget_is_a_budget():
    """A number in its place is refused where it is written, not when the flow is checked."""
    wrong: Any = 5
    with pytest.raises(FlowError, match=r"flow 'desk': budget= must be a Budget\(steps=\.\.\.\), not 5"):
        Flow("desk", state=Words, edges=[on(START, say), on(say, DONE)], budget=wrong)


@pytest.mark.parametrize(
    ("amounts", "told"),
    [
        ({"usd": "1"}, r"Budget\(usd='1'\) must be a number of at least 0"),
        ({"usd": Decimal(1)}, r"Budget\(usd=Decimal\('1'\)\) must be a number"),
        ({"seconds": [1]}, r"Budget\(seconds=\[1\]\) must be a number"),
        ({"steps": 1.5}, r"Budget\(steps=1\.5\) must be a whole number of at least 0"),
        ({"tokens": float("inf")}, r"Budget\(tokens=inf\) must be a whole number"),
        ({"calls": "3"}, r"Budget\(calls='3'\) must be a whole number"),
        ({"steps": -1}, r"Budget\(steps=-1\) must be a whole number of at least 0"),
        ({"usd": float("nan")}, r"Budget\(usd=nan\) must be a number"),
        ({"keep": 3}, r"Budget\(keep=3\) must be a Budget: write keep=Budget\(steps=\.\.\.\)"),
        ({"deadline": [5]}, r"Budget\(deadline=\[5\]\) must be a datetime with a time zone or a duration"),
        ({"deadline": True}, r"Budget\(deadline=True\) must be a datetime"),
    ],
)
def test_amounts_are_numbers(amounts: dict[str, Any], told: str):
    """Each amount that is none is told by its name and value."""
    with pytest.raises(FlowError, match=told):
        Budget(**amounts)


def test_amounts_that_are_numbers_hold():
    """Whole dollars and halves of seconds are amounts."""
    budget = Budget(steps=0, usd=1, seconds=0.5, deadline="1h", keep=Budget(steps=0))
    assert (budget.steps, budget.usd, budget.seconds, budget.deadline) == (0, 1, 0.5, 3600)


def test_a_row_is_no_edge():
    """``START >> node`` is told as the row that was meant."""
    start: Any = START
    with pytest.raises(FlowError, match=r"START >> say is no edge: a row is on\(START, say\)") as refused:
        _ = start >> say
    assert (refused.value.where or "").startswith("test_mistakes.py:")


def test_a_chain_of_nodes_is_no_edge():
    """``node >> end`` and what is no target at all are told as well."""
    node: Any = say
    with pytest.raises(FlowError, match=r"say >> done is no edge: a row is on\(say, done\)"):
        _ = node >> DONE
    with pytest.raises(FlowError, match=r"say >> \.\.\. is no edge: a row is on\(say, \.\.\.\)"):
        _ = node >> 5
