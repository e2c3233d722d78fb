"""The tree: equality, hash, reads, and the form of constants."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from guideway.guards.expressions import And, Const, Formula, Or, Read, conjunction, constant, disjunction, walk
from guideway.guards.fields import some
from guideway.guards.functions import exists, none_of
from tests.guards.desk import Level, Plan
from tests.guards.desk import t as typed

t: Any = typed


def test_constants_that_python_takes_for_equal_are_apart():
    """True, 1, 1.0 and Decimal(1) are four constants, so that a cache never takes one for another."""
    assert len({Const(True), Const(1), Const(1.0), Const(Decimal(1))}) == 4
    assert (t.extra == True).tree != (t.extra == 1).tree  # noqa: E712  # an expression, not a truth value


def test_a_tree_reads_the_fields_of_the_state():
    """What a tree reads are the state's own fields, however deep it reaches."""
    tree = ((some(t.order).total > t.count) & none_of(exists(t.order_id))).tree
    assert tree.reads == {"order", "count", "order_id"}
    assert [part for part in walk(tree) if isinstance(part, Read)] == [Read("order"), Read("count"), Read("order_id")]


def test_a_tree_is_frozen_and_travels():
    """A tree cannot be changed, and survives copy and pickle."""
    tree = ((some(t.order).total > 3) & exists(t.order_id)).tree
    with pytest.raises(AttributeError, match="items"):
        tree.items = ()
    assert copy.deepcopy(tree) == pickle.loads(pickle.dumps(tree)) == tree


def test_joins_are_flat():
    """A join of one is the one; joins of the same kind become one."""
    a, b, c = (condition.tree for condition in (t.count < 1, t.count < 2, t.count < 3))
    joined: Formula = conjunction((conjunction((a, b)), c))
    assert joined == And((a, b, c))
    assert disjunction((a, disjunction((b, c)))) == Or((a, b, c))
    assert conjunction((a,)) == disjunction((a,)) == a
    assert conjunction((disjunction((a, b)), c)) == And((Or((a, b)), c))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (Plan.PAID, "paid"),
        (Level.HIGH, 2),
        (True, True),
        (-0.0, 0.0),
        (Decimal("1.10"), Decimal("1.10")),
        (date(2030, 1, 31), date(2030, 1, 31)),
        (datetime(2030, 1, 31, 12, tzinfo=ZoneInfo("Europe/Berlin")), datetime(2030, 1, 31, 11, tzinfo=UTC)),
        (type("Name", (str,), {})("ann"), "ann"),
    ],
)
def test_constants_are_kept_in_plain_form(given, kept):
    """A constant is of a plain type that JSON gives back, whatever class the author's value was of."""
    found = constant(given).value
    assert found == kept
    assert str(found) != "-0.0"
    assert type(found) is type(kept)
