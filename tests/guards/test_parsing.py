"""Reading the printed form: nothing but conditions is read, and nothing is evaluated."""

from __future__ import annotations

import re

import pytest

from guideway import ConditionError, UnknownField
from guideway.guards.conditions import condition
from guideway.guards.parsing import parse
from guideway.guards.printing import text
from tests.guards.desk import Ticket


def is_urgent(message: str) -> bool:
    """A named condition."""
    return "now" in message


@pytest.mark.parametrize(
    "printed",
    [
        'intent == "refund" and exists(order_id) or none_of(urgent == True)',
        "1 < count",
        "count - (count - -1) < 3 * (count + 1)",
        'one_of(plan, "free", "paid")',
        'due < date("2030-01-31") and seen < datetime("2030-01-31T00:00:00+00:00") and price == Decimal("1.10")',
        "last(orders).total / 2 > length(message)",
        "is_urgent",
    ],
)
def test_the_printed_form_is_kept(printed):
    """What is read prints as it was written."""
    assert text(parse(printed, Ticket, {"is_urgent": is_urgent})) == printed


def test_a_function_is_found_by_its_name():
    """A bare name is a function that was given."""
    assert parse("is_urgent", Ticket, {"is_urgent": is_urgent}) == condition(is_urgent)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "'' is no printed condition"),
        ("count <", "is no printed condition: invalid syntax"),
        ("(" * 300 + ")" * 300, "is no printed condition"),
        ("count < 1\nimport os", "is no printed condition"),
        ("1 < count < 3", "'1 < count < 3' is a chained comparison; write a < b and b < c"),
        ("not urgent", "'not urgent' is no condition; write none_of(...) for `not`"),
        ("order is None", "no condition; write none_of(...) for `not`, exists(x) for `is not None`"),
        ("order == None", "None is no constant of a condition. Write exists(x)"),
        ("urgent", "'urgent' is no condition: no function of that name is given"),
        ("is_urgnt", "Did you mean 'is_urgent'?"),
        ("count", "'count' is no condition"),
        ("__import__('os').system('true') == 0", "is no value; write a field, a constant"),
        ("exists(message.upper())", "'message.upper()' is no value"),
        ("count ** 2 < 3", "'count ** 2' is no value"),
        ("count < 2j", "a complex is no constant"),
        ("count < 1e999", "inf: this is no number of ordinary size"),
        ("count < (lambda: 1)()", "is no value"),
        ("exists(message, order)", "is no condition"),
        ("exists(x=message)", "is no condition"),
        ("contains(message)", "is no condition"),
        ("one_of(intent)", "is no condition"),
        ("none_of()", "is no condition"),
        ("proposes(1)", "'proposes(1)' is proposes() takes nothing, a tool, or stakes="),
        ('due < date("soon")', "'date(\"soon\")' is no date"),
        ('price < Decimal("much")', "is no Decimal"),
        ("order.total > 3", "t.order may be None. Write some(t.order).total"),
        ("count == 'x'", 't.count is int and can never be "x"'),
    ],
)
def test_what_is_no_condition_is_not_read(written, message):
    """Anything but the printed form of a condition on this state is refused with the part that is wrong."""
    with pytest.raises(ConditionError, match=re.escape(message)):
        parse(written, Ticket, {"is_urgent": is_urgent})


def test_an_unknown_field_is_told_with_the_nearest():
    """A field that the state does not have is refused as an author's own would be."""
    with pytest.raises(UnknownField, match=r"test_parsing.py:\d+: UnknownField: t.cuont: .* Did you mean 'count'"):
        parse("cuont < 3", Ticket)
