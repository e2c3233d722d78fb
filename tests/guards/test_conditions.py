"""Conditions: how they combine, what may be handed over as one, and the check against a flow's state."""

from __future__ import annotations

import functools
import re
from typing import Any

import pytest
from pydantic import BaseModel

from guideway import ConditionError, UnknownField
from guideway.guards.conditions import Condition, check_fields, condition
from guideway.guards.expressions import And, Compare, Opaque, Read, constant
from guideway.guards.fields import fields
from guideway.guards.functions import any_of, exists, none_of, proposes
from guideway.guards.messages import Messages
from guideway.guards.rules import reads_of
from tests.guards.desk import Ticket
from tests.guards.desk import t as typed

t: Any = typed


def is_urgent(message: str, count: int) -> bool:
    """A named condition."""
    return "now" in message or count > 3


class Chat(BaseModel):
    messages: Messages
    count: int = 0


def test_a_named_function_is_a_leaf():
    """A plain function is a condition that reads its parameters."""
    assert condition(is_urgent) == Opaque("is_urgent", ("message", "count"), is_urgent)
    assert condition(is_urgent).reads == {"message", "count"}
    assert (exists(t.order_id) & is_urgent).tree == And((exists(t.order_id).tree, condition(is_urgent)))
    assert (is_urgent | exists(t.order_id)).tree.reads == {"message", "count", "order_id"}


def test_a_bool_field_is_a_condition():
    """A field that holds a bool, handed over by itself, must be true."""
    assert condition(t.urgent) == Compare("==", Read("urgent"), constant(True))


def test_a_partial_with_a_name_is_a_leaf():
    """A partial is a condition once it has a name; its bound arguments are no fields."""
    named: Any = functools.partial(is_urgent, count=0)
    named.__name__ = "is_urgent_now"
    with pytest.raises(ConditionError, match="a partial without a __name__: .* Give it a name"):
        condition(functools.partial(is_urgent, count=0))
    assert condition(named).reads == {"message"}


async def later(message: str) -> bool:
    """No condition."""
    return bool(message)


def several(message: str):
    """No condition."""
    yield bool(message)


def as_text(message: str) -> str:
    """No condition."""
    return message


def anything(*names: str) -> bool:
    """No condition."""
    return bool(names)


class Callable:
    """No condition."""

    def __call__(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (True, "True: a plain bool is no condition, since it was worked out before guideway could see it"),
        (False, "Write exists(x) for `is not None`, a & b for `and`, none_of(a) for `not`"),
        (lambda message: True, "a lambda: the name of a condition is what reviewers read. Give it a name"),
        (3, "3 (int) is no condition. Compare fields"),
        (None, "None (NoneType) is no condition"),
        (t, "fields(Ticket) (_State) is no condition"),
        (t.count, "t.count is int, not a bool, so it is no condition. Compare it, or write exists(t.count)"),
        (later, "later: an async function or a generator is no condition"),
        (several, "several: an async function or a generator is no condition"),
        (as_text, "as_text: it returns 'str'; a condition returns bool"),
        (anything, "anything: its parameter '*names: 'str'' names no field"),
        (Callable(), "a Callable is no condition. Give a named plain function"),
        (Ticket, "a ModelMetaclass is no condition"),
        (len, "a builtin_function_or_method is no condition"),
    ],
)
def test_what_is_no_condition(given, message):
    """What cannot be a condition is refused where it is handed over, with what to write instead."""
    with pytest.raises(ConditionError, match=re.escape(message)) as raised:
        condition(given)
    assert (raised.value.where or "").startswith("test_conditions.py:")


@pytest.mark.parametrize(
    "combine", [any_of, none_of, lambda item: exists(t.order_id) & item, lambda item: t.urgent | item]
)
def test_a_plain_bool_is_refused_wherever_conditions_meet(combine):
    """`is` and conditions compared with == give a plain bool, which no combination takes."""
    with pytest.raises(ConditionError, match="a plain bool is no condition"):
        combine(t.order_id is None)
    with pytest.raises(ConditionError, match="compare fields, not conditions"):
        combine((t.count < 3) == (t.count < 4))


def test_a_condition_is_a_value():
    """Conditions of equal trees are equal, hash alike, and cannot be changed."""
    assert (t.count < 3) == (t.count < 3)
    assert len({t.count < 3, t.count < 3, t.count < 4}) == 2
    with pytest.raises(AttributeError, match="tree"):
        (t.count < 3).tree = (t.count < 4).tree
    assert repr((t.count < 3) & exists(t.order)) == "t.count < 3 and exists(t.order)"


def test_a_condition_has_no_truth_yet():
    """`and`, `or`, `not` and `if` on a condition raise."""
    for ask in (lambda: (t.count < 3) and t.urgent, lambda: not exists(t.order), lambda: 1 if t.count < 3 else 2):
        with pytest.raises(ConditionError, match="asking for its truth"):
            ask()


def unknown_parameter(message: str, cuont: int) -> bool:
    """Reads a field that the ticket does not have."""
    return bool(message) and cuont > 3


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (condition(unknown_parameter), "unknown_parameter(cuont): the state Ticket has no field 'cuont', and the"),
        (
            exists(fields(Chat).messages).tree,
            "t.messages: the state Ticket has no field 'messages'. Did you mean 'message'?",
        ),
        ((exists(t.order) & none_of(exists(fields(Chat).messages))).tree, "t.messages: the state Ticket"),
    ],
)
def test_a_flow_checks_what_it_is_given(tree, message):
    """Bound to a state, a condition's fields and a function's parameters must be the state's."""
    with pytest.raises(UnknownField, match=re.escape(f"desk.py:7: UnknownField: {message}")):
        check_fields(tree, Ticket, "desk.py:7")


def test_a_field_of_another_state_must_fit_in_type_too():
    """A field of the same name in another state is checked as what it is there, and passes where it fits."""

    class Other(BaseModel):
        count: str

    with pytest.raises(ConditionError, match="str and 3 have no order"):
        check_fields((t.count < 3).tree, Other)
    check_fields((fields(Chat).count < 3).tree, Ticket)


def test_proposes_needs_a_messages_field():
    """proposes() on a state without messages is told when the flow is made; with them they are what it reads."""
    with pytest.raises(ConditionError, match=re.escape("proposes(): the state Ticket has no messages field")):
        check_fields(proposes().tree, Ticket)
    check_fields(proposes().tree, Chat)
    both = (proposes() & (fields(Chat).count < 3)).tree
    assert both.reads == {"count"}
    assert reads_of(both, Chat) == {"count", "messages"}
    assert reads_of(both, Ticket) == {"count"}


def test_conditions_are_what_is_annotated():
    """Every comparison and function gives a Condition at run time."""
    assert all(
        isinstance(item, Condition) for item in (t.count < 3, exists(t.order), t.urgent & t.urgent, none_of(t.urgent))
    )
