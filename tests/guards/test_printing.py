"""The printed form, as reviewers read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from guideway.guards.conditions import condition
from guideway.guards.expressions import Arith, Compare, Or, Proposes, Read, constant
from guideway.guards.fields import some
from guideway.guards.functions import any_of, contains, exists, first, length, none_of, one_of, proposes
from guideway.guards.printing import text
from tests.guards.desk import Plan
from tests.guards.desk import t as typed

t: Any = typed


@dataclass(frozen=True)
class Tool:
    name: str


def is_urgent(message: str) -> bool:
    """A named condition."""
    return "now" in message


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        (t.confidence < 0.7, "confidence < 0.7"),
        ((t.intent == "refund") & exists(t.order_id), 'intent == "refund" and exists(order_id)'),
        (((t.count < 1) | (t.count > 2)) & none_of(t.count == 3), "(count < 1 or count > 2) and none_of(count == 3)"),
        ((t.count < 1) | (t.urgent & (t.count > 2)), "count < 1 or urgent == True and count > 2"),
        (some(t.order).total > 50, "some(order).total > 50"),
        (some(some(t.order).address).city == "Ulm", 'some(some(order).address).city == "Ulm"'),
        (first(t.orders).total * 2 - 1 <= t.count / 3, "first(orders).total * 2 - 1 <= count / 3"),
        ((t.count + 1) * 2 > 3, "(count + 1) * 2 > 3"),
        (t.count - (t.count - 1) > -3, "count - (count - 1) > -3"),
        (length(t.message) >= 1e21, "length(message) >= 1e+21"),
        (contains(t.tags, "vip"), 'contains(tags, "vip")'),
        (one_of(t.plan, Plan.FREE, Plan.PAID), 'one_of(plan, "free", "paid")'),
        (any_of(is_urgent, t.urgent), "is_urgent or urgent == True"),
        (proposes(), "proposes()"),
        (proposes(Tool("refund")), "proposes(refund)"),
        (proposes(Tool("re-fund")), 'proposes("re-fund")'),
        (proposes(Tool("import")), 'proposes("import")'),
        (proposes(stakes="high"), 'proposes(stakes="high")'),
        (t.message == 'say "é"\n', r'message == "say \"é\"\n"'),
        (t.message == "\u202eevil\x7f\u2028", r'message == "\u202eevil\u007f\u2028"'),
        (t.price < Decimal("1.10"), 'price < Decimal("1.10")'),
        (t.due <= date(2030, 1, 31), 'due <= date("2030-01-31")'),
        (t.seen > datetime(2030, 1, 31, tzinfo=UTC), 'seen > datetime("2030-01-31T00:00:00+00:00")'),
    ],
)
def test_a_condition_prints_as_it_reads(written, printed):
    """A condition prints with no more parentheses than it needs, and nothing in it that cannot be seen."""
    assert text(condition(written)) == printed


def test_the_fields_can_bear_a_prefix():
    """With a prefix, the printed form is what the author wrote."""
    assert text((some(t.order).total > t.count).tree, "t.") == "some(t.order).total > t.count"


def test_nested_joins_keep_their_shape():
    """A join inside a join of its kind, and a sum on the right of a sum, keep their parentheses."""
    a = (t.count < 1).tree
    assert text(Or((Or((a, a)), a))) == "(count < 1 or count < 1) or count < 1"
    right = Arith("+", Read("count"), Arith("+", Read("count"), constant(1)))
    assert text(Compare("<", right, constant(3))) == "count + (count + 1) < 3"
    assert text(Proposes("ﬁx")) == 'proposes("ﬁx")'
