"""Evaluation: the cases that random trees seldom meet, named functions, proposed calls, and the log."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from guideway.guards.conditions import condition
from guideway.guards.evaluation import UNKNOWN, OpaqueFailed, Prepared, evaluate, holds, observed
from guideway.guards.fields import fields, some, tree_of
from guideway.guards.functions import any_of, contains, exists, first, length, none_of, one_of, proposes
from guideway.guards.messages import Messages
from guideway.guards.parsing import parse
from guideway.guards.printing import text
from tests.guards.desk import Level, Order, Plan, Ticket
from tests.guards.desk import t as typed

t: Any = typed


def asked(written: Any, **state: Any) -> bool | None:
    """Whether a condition holds for a ticket with these fields."""
    return holds(condition(written), Ticket(**state))


def test_what_reaches_through_none_is_unknown():
    """A comparison through None is unknown, and so is what none_of makes of it."""
    over = some(t.order).total > 50
    assert asked(over) is None
    assert asked(none_of(over)) is None
    assert asked(over | t.urgent, urgent=True) is True
    assert asked(over & t.urgent) is False
    assert asked(none_of(over, t.urgent), urgent=True) is False
    assert asked(exists(some(t.order).total)) is False
    assert asked(over, order=Order(id="1", total=51)) is True


def test_division_by_zero_is_unknown():
    """x / 0 has no value, whatever it is compared with."""
    assert asked(1 / t.count > 0) is None
    assert evaluate(tree_of(1 / t.count), Ticket(count=0)) is UNKNOWN  # type: ignore[arg-type]  # fields show as their types
    assert asked(exists(1 / t.count)) is False


def test_arithmetic_is_exact():
    """0.1 + 0.2 is what the two floats add up to, not 0.30000000000000004."""
    assert asked(t.confidence + 0.2 == 0.30000000000000004, confidence=0.1) is False
    assert asked(t.confidence + 0.2 < 0.30000000000000004, confidence=0.1) is True
    assert evaluate(tree_of(t.count / 3), Ticket(count=1)) == Fraction(1, 3)  # type: ignore[arg-type]  # fields show as their types
    assert asked(t.price * 3 == Decimal("0.3"), price="0.1") is True
    assert asked(t.count * 1.0 + 1 == 2**53 + 2, count=2**53 + 1) is True


def test_a_bool_is_no_number():
    """True equals True alone, though Python takes it for 1."""
    assert asked(t.extra == True, extra=1) is False  # noqa: E712  # an expression, not a truth value
    assert asked(t.extra == 1, extra=True) is False
    assert asked(t.extra == 1, extra=1.0) is True
    assert asked(t.extra < 2, extra=True) is None
    assert asked(t.extra + 1 > 0, extra=True) is None
    assert asked(one_of(t.extra, 0, 1), extra=False) is False


def test_what_has_no_order_is_unknown():
    """Values of different sorts are unequal, and their order is unknown."""
    assert asked(t.extra == 3, extra="3") is False
    assert asked(t.extra != 3, extra="3") is True
    assert asked(t.extra < 3, extra="3") is None
    assert asked(t.extra < "3", extra=3) is None
    assert asked(t.seen < datetime(2030, 1, 1), seen=datetime(2029, 1, 1, tzinfo=UTC)) is None  # noqa: DTZ001  # no zone
    assert asked(t.seen < datetime(2030, 1, 1, tzinfo=UTC), seen=datetime(2029, 1, 1, tzinfo=UTC)) is True
    assert asked(t.extra < date(2030, 1, 1), extra=datetime(2029, 1, 1, tzinfo=UTC)) is None


def test_what_is_no_number_is_unknown():
    """NaN is unknown in every comparison, so that no guard passes by it; infinity has its order."""
    nan = float("nan")
    for written in (t.confidence < 1, t.confidence != 1, none_of(t.confidence > 1), t.confidence + 1 > 0):
        assert asked(written, confidence=nan) is None
    assert asked(exists(t.extra), extra=Decimal("sNaN")) is False
    assert asked(t.confidence > 1e308, confidence=float("inf")) is True
    assert asked(t.confidence + 1 > 1, confidence=float("inf")) is None


def test_a_decimal_of_absurd_size_costs_nothing():
    """A number that a stranger wrote with a huge exponent is compared, but not multiplied out."""
    huge, tiny = Decimal("1e999999999"), Decimal("1e-999999999")
    state = Ticket.model_construct(price=huge, extra=huge)
    assert holds((t.price > 5).tree, state) is True
    assert holds((t.price + 1 > 5).tree, state) is None
    assert holds((t.price + 1 > 5).tree, Ticket.model_construct(price=tiny)) is None
    assert holds((t.price > t.confidence / 3).tree, Ticket.model_construct(price=tiny, confidence=-1.0)) is True
    assert holds((t.price == t.confidence).tree, Ticket.model_construct(price=huge, confidence=1.5)) is False


def test_enums_are_their_values():
    """A field that holds an enum's member compares as the member's value."""
    assert asked(t.plan == Plan.PAID, plan="paid") is True
    assert asked(t.plan == Plan.PAID, plan="free") is False
    assert asked(one_of(t.plan, Plan.PAID), plan="paid") is True
    assert asked(t.level < Level.HIGH, level=1) is True


def test_collections():
    """Items, keys, parts and lengths; an empty list has no first item."""
    assert asked(contains(t.tags, "vip"), tags=["vip"]) is True
    assert asked(contains(t.tags, "vip")) is None
    assert asked(contains(t.tags, t.order_id), tags=[]) is None
    assert asked(contains(t.scores, "anger"), scores={"anger": 1}) is True
    assert asked(contains(t.message, "now"), message="right now") is True
    assert asked(contains(t.extra, 3), extra=5) is None
    assert asked(contains(t.extra, 1), extra=[True, None]) is False
    assert asked(first(t.orders).total > 3) is None
    assert asked(exists(first(t.orders))) is False
    assert asked(length(t.tags) == 0) is None
    assert asked(length(t.message) == 0) is True
    assert asked(length(t.extra) > 0, extra=3) is None
    assert asked(exists(first(t.extra)), extra="text") is False


def test_a_value_whose_own_equality_raises_is_unknown():
    """An author's type that cannot be compared makes the comparison unknown, not the run fail."""

    class Odd:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no")

        __hash__ = None  # type: ignore[assignment]  # not hashable, as the case wants it

    assert asked(t.extra == "x", extra=Odd()) is None
    assert asked(t.extra != "x", extra=Odd()) is None


class Counter:
    """Counts the calls of a condition."""

    def __init__(self) -> None:
        self.calls = 0

    def leaf(self) -> Any:
        def is_long(message: str, order_id: str | None) -> bool:
            self.calls += 1
            return len(message) > len(order_id or "")

        return is_long


def test_a_function_is_not_called_with_none():
    """A named function is unknown, and not called, while a field that it reads is None."""
    counter = Counter()
    leaf = condition(counter.leaf())
    assert holds(leaf, Ticket(message="long")) is None
    assert counter.calls == 0
    assert holds(leaf, Ticket(message="long", order_id="1")) is True
    assert counter.calls == 1


def test_a_function_is_called_once_a_decision():
    """With a memo a named function is evaluated once, though it stands in several conditions."""
    counter = Counter()
    function = counter.leaf()
    memo: dict[Any, Any] = {}
    state = Ticket(message="long", order_id="1")
    assert holds(none_of(function).tree, state, {}, memo) is False
    assert holds(any_of(t.urgent, function).tree, state, {}, memo) is True
    assert counter.calls == 1
    assert holds(condition(function), state) is True
    assert counter.calls == 2


def test_functions_of_one_name_are_two():
    """Two functions of the same name are never taken for one another."""

    def made(answer: bool) -> Any:
        def decide(count: int) -> bool:
            return answer

        return decide

    assert asked(made(True)) is True
    assert asked(made(False)) is False


def broken(count: int) -> bool:
    """Raises."""
    raise LookupError("no table")


def sloppy(count: int):
    """Returns no bool."""
    return "yes"


@pytest.mark.parametrize(
    ("function", "message"),
    [(broken, "broken: LookupError: no table"), (sloppy, "sloppy: TypeError: a condition returns a bool, not 'yes'")],
)
def test_a_function_that_fails_is_told_by_its_name(function, message):
    """A named function that raises, or returns no bool, is OpaqueFailed with its name and cause."""
    with pytest.raises(OpaqueFailed, match=re.escape(message)) as raised:
        asked(t.urgent | function)
    assert raised.value.name == function.__name__
    assert str(pickle.loads(pickle.dumps(raised.value))) == message


class Chat(BaseModel):
    messages: Messages = []


@dataclass
class Tool:
    name: str


STAKES = {"look": "low", "pay": "high"}


def ai(*names: str) -> dict[str, Any]:
    """A model message that proposes calls."""
    return {"role": "assistant", "content": "", "tool_calls": [
        {"name": name, "args": {}, "id": f"call-{name}", "type": "tool_call"} for name in names]}  # fmt: skip


def answer(name: str) -> dict[str, Any]:
    """A tool's answer to a call."""
    return {"role": "tool", "content": "done", "tool_call_id": f"call-{name}"}


@pytest.mark.parametrize(
    ("messages", "proposed"),
    [
        ([], []),
        ([("user", "hello")], []),
        ([ai()], []),
        ([ai("look")], ["look"]),
        ([ai("look", "pay")], ["look", "pay"]),
        ([ai("pay"), answer("pay"), ai()], []),
        ([ai("pay"), answer("pay"), ai("look")], ["look"]),
        ([ai("pay"), answer("pay")], []),
        ([ai("look", "pay"), answer("look")], ["pay"]),
        ([ai("pay"), ("user", "wait")], ["pay"]),
    ],
)
def test_proposes_asks_the_last_model_message(messages, proposed):
    """Calls are those of the last model message that no later message answers."""
    chat = Chat(messages=messages)
    assert holds(proposes().tree, chat, STAKES) is bool(proposed)
    assert holds(proposes(Tool("pay")).tree, chat, STAKES) is ("pay" in proposed)
    assert holds(proposes(stakes="high").tree, chat, STAKES) is ("pay" in proposed)
    assert observed(proposes().tree, chat) == {"proposes()": proposed}


def test_a_tool_of_unknown_stakes_is_not_taken_for_high():
    """A call of a tool that the flow does not have has no stakes."""
    assert holds(proposes(stakes="high").tree, Chat(messages=[ai("pay")])) is False


def test_the_log_tells_what_was_looked_at():
    """The log has each value once, by its printed path: short, JSON, and with secrets masked."""
    state = Ticket(
        message="x" * 500,
        order=Order(id="1", total=51),
        orders=[Order(id=str(number), total=0) for number in range(1000)],
        password=SecretStr("hunter2"),
        plan=Plan.PAID,
        confidence=float("nan"),
    )

    def is_long(message: str) -> bool:
        return len(message) > 3

    def seen(written: Any) -> dict[str, Any]:
        return observed(condition(written), state)

    assert seen(any_of(t.message == "a", t.message == "b")) == {"message": "x" * 199 + "…"}
    assert seen(is_long) == {"message": "x" * 199 + "…"}
    assert seen((length(t.message) > 3) & exists(t.order)) == {
        "length(message)": 500, "order": {"id": "1", "total": 51.0, "address": None}}  # fmt: skip
    assert seen(some(t.order).total * 2 > t.count) == {"some(order).total": 51.0, "count": 0}
    assert seen(exists(t.password)) == {"password": "**********"}
    assert seen(t.plan == Plan.PAID) == {"plan": "paid"}
    assert seen(t.confidence < 1) == {"confidence": "NaN"}
    assert len(seen(exists(t.orders))["orders"]) == 200
    assert observed(exists(t.extra).tree, Ticket(extra=[b"\xff", object])).keys() == {"extra"}


def test_a_prepared_condition_is_the_condition():
    """Prepared once, a condition prints, holds and tells what it looked at as it does by itself."""
    tree = ((some(t.order).total > 50) | t.urgent).tree
    prepared, state = Prepared(tree), Ticket(urgent=True)
    assert (prepared.tree, prepared.text) == (tree, text(tree))
    assert prepared.holds(state) is holds(tree, state) is True
    assert prepared.observed(state) == observed(tree, state) == {"some(order).total": None, "urgent": True}


def test_constants_are_not_told():
    """The log leaves out what a condition computes without looking at the state."""
    assert observed(parse('length("text") > count', Ticket), Ticket()) == {"count": 0}


def test_a_field_of_another_state_is_no_silent_unknown():
    """A tree of another state fails loudly, should it ever get past the check."""

    class Other(BaseModel):
        other: int

    with pytest.raises(AttributeError, match="other"):
        holds((fields(Other).other < 3).tree, Ticket())  # type: ignore[attr-defined]  # fields show as their types


def test_unknown_is_false():
    """UNKNOWN reads as itself and is false, so that a careless `if` does not pass."""
    assert repr(UNKNOWN) == "UNKNOWN"
    assert not UNKNOWN


def test_conditions_load_neither_langgraph_nor_langchain():
    """Writing, checking and evaluating conditions needs pydantic alone."""
    code = """
import sys
from pydantic import BaseModel
from guideway.guards import conditions, evaluation, fields, forms, functions, parsing
from guideway.guards.messages import Messages
class State(BaseModel):
    messages: Messages = []
    count: int = 0
t = fields.fields(State)
tree = (functions.proposes() | (t.count < 3)).tree
conditions.check_fields(tree, State)
assert evaluation.holds(tree, State()) is True
assert not [name for name in sys.modules if name.startswith(("langgraph", "langchain"))]
"""
    subprocess.run([sys.executable, "-c", code], check=True)
