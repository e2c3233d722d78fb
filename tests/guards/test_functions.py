"""The functions of conditions: the leaves they make, and their refusals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from guideway import ConditionError
from guideway.guards.expressions import (
    Contains,
    Exists,
    First,
    Last,
    Length,
    NoneOf,
    OneOf,
    Or,
    Proposes,
    Read,
    constant,
)
from guideway.guards.fields import some, tree_of
from guideway.guards.functions import any_of, contains, exists, first, last, length, none_of, one_of, proposes
from tests.guards.desk import Plan
from tests.guards.desk import t as typed

t: Any = typed


@dataclass(frozen=True)
class Tool:
    name: str


def test_each_function_makes_its_leaf():
    """Each function records its own kind of expression."""
    assert exists(t.order).tree == Exists(Read("order"))
    assert tree_of(length(t.message)) == Length(Read("message"))
    assert tree_of(first(t.tags)) == First(Read("tags"))
    assert tree_of(last(t.tags)) == Last(Read("tags"))
    assert contains(t.tags, "vip").tree == Contains(Read("tags"), constant("vip"))
    assert contains(t.message, t.order_id).tree == Contains(Read("message"), Read("order_id"))
    assert contains(t.scores, "anger").tree == Contains(Read("scores"), constant("anger"))
    assert one_of(t.plan, Plan.FREE, Plan.PAID).tree == OneOf(Read("plan"), (constant("free"), constant("paid")))
    a, b = t.count < 1, t.count > 2
    assert any_of(a, b).tree == Or((a.tree, b.tree))
    assert any_of(a).tree == a.tree
    assert none_of(a, b).tree == NoneOf((a.tree, b.tree))


def test_proposes_knows_a_tool_by_its_name():
    """proposes() asks for any call, for a tool's, or for those of some stakes."""
    assert proposes().tree == Proposes()
    assert proposes(Tool("refund")).tree == Proposes(tool="refund")
    assert proposes(stakes="high").tree == Proposes(stakes="high")


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (any_of, "any_of() needs at least one condition"),
        (none_of, "none_of() needs at least one condition"),
        (lambda: one_of(t.intent), "one_of(t.intent) needs the values"),
        (lambda: one_of(t.intent, ["refund"]), "takes the values one by one: one_of(x, *values)"),
        (lambda: one_of(t.intent, t.message), "takes constants. Write any_of(x == a, x == b)"),
        (lambda: one_of(t.intent, "refund", "x"), 'can never be "x"'),
        (lambda: one_of(t.intent, None), "None is no constant of a condition. Write exists(x)"),
        (lambda: one_of(3, 3), "reads no field"),
        (lambda: some(3), "reads no field"),
        (lambda: proposes("refund"), "proposes('refund') takes a tool; a function becomes one by @tool"),
        (lambda: proposes(Tool("pay"), stakes="high"), "a tool has its stakes. Give one of the two"),
        (lambda: proposes(stakes="hihg"), "stakes are 'low' or 'high'"),
    ],
)
def test_what_a_function_refuses(mistake, message):
    """A function given what it cannot mean says what to write."""
    with pytest.raises(ConditionError, match=re.escape(message)) as raised:
        mistake()
    assert (raised.value.where or "").startswith("test_functions.py:")
