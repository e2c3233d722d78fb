"""The laws of conditions, over random trees and states."""

from __future__ import annotations

import json
import operator
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from guideway.guards.conditions import check_fields
from guideway.guards.evaluation import UNKNOWN, evaluate, holds, observed
from guideway.guards.expressions import (
    And,
    Arith,
    Attr,
    Compare,
    Const,
    Contains,
    Exists,
    Expr,
    First,
    Last,
    Length,
    NoneOf,
    OneOf,
    Opaque,
    Or,
    Proposes,
    Read,
    Some,
)
from guideway.guards.forms import from_json, to_json
from guideway.guards.messages import Messages
from guideway.guards.parsing import parse
from guideway.guards.printing import text
from tests.guards.trees import FUNCTIONS, State, formulas, names, numbers, states
from tests.house import examples

OPS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}


def value_of(tree: Expr, state: State) -> Any:
    """The oracle for terms: slow, and written apart from the evaluator. None is unknown; each number a Fraction."""
    if isinstance(tree, Const):
        return plain(tree.value)
    if isinstance(tree, Read):
        return plain(getattr(state, tree.name))
    if isinstance(tree, Some):
        return value_of(tree.of, state)
    if isinstance(tree, Arith):
        left, right = value_of(tree.left, state), value_of(tree.right, state)
        if left is None or right is None or float("inf") in (left, right) or (tree.op == "/" and right == 0):
            return None
        return (
            {"+": left + right, "-": left - right, "*": left * right}.get(tree.op) if tree.op != "/" else left / right
        )
    inner = value_of(tree.parts[0], state)
    if inner is None:
        return None
    if isinstance(tree, Attr):
        return plain(getattr(inner, tree.name))
    if isinstance(tree, Length):
        return Fraction(len(inner))
    assert isinstance(tree, First | Last)
    return plain(inner[0 if isinstance(tree, First) else -1]) if inner else None


def plain(value: Any) -> Any:
    """A value as the oracle compares it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        if str(value) == "nan":
            return None
        return value if value in (float("inf"), float("-inf")) else Fraction(value)
    return value


def truth_of(tree: Expr, state: State) -> bool | None:
    """The oracle for formulas, by the tables of Kleene's logic."""
    if isinstance(tree, And):
        values = [truth_of(item, state) for item in tree.items]
        return False if False in values else None if None in values else True
    if isinstance(tree, Or):
        values = [truth_of(item, state) for item in tree.items]
        return True if True in values else None if None in values else False
    if isinstance(tree, NoneOf):
        values = [truth_of(item, state) for item in tree.items]
        return False if True in values else None if None in values else True
    if isinstance(tree, Exists):
        return value_of(tree.of, state) is not None
    if isinstance(tree, Opaque):
        values = [getattr(state, name) for name in tree.parameters]
        return None if None in values else tree.function(*values)
    operands = [value_of(part, state) for part in tree.parts]
    if None in operands:
        return None
    if isinstance(tree, Compare):
        return OPS[tree.op](*operands)
    if isinstance(tree, Contains):
        container = operands[0] if isinstance(operands[0], str) else [plain(item) for item in operands[0]]
        return operands[1] in container
    assert isinstance(tree, OneOf)
    return operands[0] in operands[1:]


@settings(max_examples=examples(600))
@given(st.lists(formulas, min_size=1, max_size=3), states)
def test_evaluation_agrees_with_the_oracle(trees, state):
    """A condition's compiled value is what slow recursion over the logic's tables gives."""
    for tree in trees:
        assert holds(tree, state) is truth_of(tree, state)


@settings(max_examples=examples(300))
@given(numbers, states)
def test_arithmetic_is_exact(tree, state):
    """A number comes out exactly, or unknown, as with Fractions throughout."""
    expected = value_of(tree, state)
    value = evaluate(tree, state)
    assert value is UNKNOWN if expected is None else value == expected


@settings(max_examples=examples(400))
@given(formulas)
def test_what_is_printed_is_read_back(tree):
    """The printed form of a condition parses to the same tree."""
    assert parse(text(tree), State, FUNCTIONS) == tree


@settings(max_examples=examples(400))
@given(formulas)
def test_json_is_read_back(tree):
    """The JSON form of a condition, sent through JSON text, gives the same tree."""
    assert from_json(json.loads(json.dumps(to_json(tree))), FUNCTIONS) == tree


@settings(max_examples=examples(200))
@given(formulas, formulas)
def test_equal_trees_hash_and_print_alike(a, b):
    """Equality of trees is what their printed forms say, and equal trees have equal hashes."""
    assert (a == b) == (text(a) == text(b)) or a == b
    assert a != b or hash(a) == hash(b)


@settings(max_examples=examples(200))
@given(formulas, states)
def test_only_what_is_read_matters(tree, state):
    """A condition has the same value when every field that it does not read is changed."""
    other = {name: value for name, value in state.model_copy().__dict__.items() if name in tree.reads}
    assert holds(tree, State.model_construct(**(dict.fromkeys(State.model_fields) | other))) is holds(tree, state)


@settings(max_examples=examples(200))
@given(formulas, states)
def test_what_was_looked_at_is_json(tree, state):
    """The log of what a condition looked at is strict JSON, short, and empty only where it reads nothing."""
    looked = observed(tree, state)
    assert json.loads(json.dumps(looked, allow_nan=False)) == looked
    assert bool(looked) == bool(tree.reads)


@settings(max_examples=examples(300))
@given(formulas)
def test_the_rules_accept_what_has_a_meaning(tree):
    """Trees whose operands fit the state pass the check against it."""
    check_fields(tree, State)


@given(names)
def test_a_tool_of_any_name_is_printed_and_read_back(name):
    """The name of a tool is printed bare or quoted, and is read back either way."""

    class Chat(State):
        messages: Messages

    tree = Proposes(name)
    assert parse(text(tree), Chat) == tree
    assert from_json(to_json(tree)) == tree
