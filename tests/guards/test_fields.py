"""What an author writes on fields: the trees it records, and every mistake, told at its line with the way out."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from guideway import ConditionError, FlowError, UnknownField
from guideway.guards.conditions import condition
from guideway.guards.expressions import And, Arith, Attr, Compare, Or, Read, Some, constant
from guideway.guards.fields import fields, some, tree_of
from guideway.guards.functions import contains, exists, first, last, length
from tests.guards.desk import Level, Plan, Ticket
from tests.guards.desk import t as typed

t: Any = typed  # what a type checker refuses is what these tests write


@pytest.mark.parametrize(
    ("written", "op"),
    [
        (t.count < 3, "<"),
        (t.count <= 3, "<="),
        (t.count > 3, ">"),
        (t.count >= 3, ">="),
        (t.count == 3, "=="),
        (t.count != 3, "!="),
    ],
)
def test_a_comparison_records_its_operator(written, op):
    """Each comparison becomes a tree of its operator, the field and the constant."""
    assert written.tree == Compare(op, Read("count"), constant(3))


def test_a_constant_on_the_left_is_turned_round():
    """`3 < t.count` is `t.count > 3`, as Python turns it."""
    assert (3 < t.count).tree == (t.count > 3).tree  # noqa: SIM300  # the turned order is the case


@pytest.mark.parametrize(
    ("written", "tree"),
    [
        (t.count + 1, Arith("+", Read("count"), constant(1))),
        (1 + t.count, Arith("+", constant(1), Read("count"))),
        (t.count - t.confidence, Arith("-", Read("count"), Read("confidence"))),
        (1 - t.count, Arith("-", constant(1), Read("count"))),
        (t.count * 2.5, Arith("*", Read("count"), constant(2.5))),
        (2 * t.count, Arith("*", constant(2), Read("count"))),
        (t.count / 2, Arith("/", Read("count"), constant(2))),
        (1 / t.count, Arith("/", constant(1), Read("count"))),
        (-t.count, Arith("-", constant(0), Read("count"))),
        (some(t.order).total, Attr(Some(Read("order")), "total")),
    ],
)
def test_values_record_how_they_are_made(written, tree):
    """Arithmetic and reaching into a model become trees, in the order written."""
    assert tree_of(written) == tree


def test_and_and_or_join_flat():
    """`&` and `|` join conditions and bool fields, with no nesting of the same kind."""
    a, b = t.count < 1, exists(t.order_id)
    flag = Compare("==", Read("urgent"), constant(True))
    assert (a & b & t.urgent).tree == And((a.tree, b.tree, flag))
    assert (t.urgent & a).tree == And((flag, a.tree))
    assert (a | (b | t.urgent)).tree == Or((a.tree, b.tree, flag))
    assert (t.urgent | a).tree == Or((flag, a.tree))


def test_items_of_collections_are_known():
    """first() and last() of a list give its model, so that its fields are known."""
    assert tree_of(first(t.orders).total) is not None
    with pytest.raises(UnknownField, match=re.escape("last(t.orders).totl: the model Order has no field 'totl'")):
        _ = last(t.orders).totl


NAN = float("nan")

MISTAKES: list[tuple[Callable[[], object], type[FlowError], str]] = [
    (lambda: t.confidance, UnknownField,
     "t.confidance: the state Ticket has no field 'confidance'. Did you mean 'confidence'?"),
    (lambda: t.wholly, UnknownField, "t.wholly: the state Ticket has no field 'wholly'. It has message, intent,"),
    (lambda: some(t.order).totl, UnknownField, "some(t.order).totl: the model Order has no field 'totl'. Did you mean"),
    (lambda: t.model_dump, UnknownField, "t.model_dump: 'model_dump' of the state Ticket is no field but code"),
    (lambda: t.order.total, ConditionError, "t.order.total: t.order may be None. Write some(t.order).total"),
    (lambda: some(t.order).address.city, ConditionError, "Write some(some(t.order).address).city"),
    (lambda: t.message.upper() + 1, ConditionError, "t.message.upper: t.message is str; its attributes and methods"),
    (lambda: t.extra.anything, ConditionError, "t.extra.anything: t.extra is Any; its attributes"),
    (lambda: t.intent == "refnud", ConditionError,
     '"refund" or "question" or "other" and can never be "refnud". Did you mean "refund"?'),
    (lambda: t.intent != "x", ConditionError, 'can never be "x"'),
    (lambda: t.intent == 3, ConditionError, "t.intent == 3: t.intent is"),
    (lambda: t.count == "three", ConditionError, 't.count is int and can never be "three"'),
    (lambda: t.count == 1.5, ConditionError, "t.count is int and can never be 1.5"),
    (lambda: t.count == True, ConditionError, "t.count is int and can never be True"),  # noqa: E712  # an expression, not a truth value
    (lambda: t.urgent == 1, ConditionError, "t.urgent is bool and can never be 1"),
    (lambda: t.count == t.message, ConditionError, "t.count is int and can never be str"),
    (lambda: t.order == "x", ConditionError, 't.order is Order and can never be "x"'),
    (lambda: t.ticket == "x", ConditionError, 't.ticket is UUID and can never be "x"'),
    (lambda: t.plan == "gold", ConditionError, 't.plan is "free" or "paid" and can never be "gold"'),
    (lambda: t.message < 3, ConditionError, "t.message < 3: str and 3 have no order"),
    (lambda: t.urgent < True, ConditionError, "have no order"),
    (lambda: t.password == "x", ConditionError, "a secret is not compared"),
    (lambda: t.intent == None, ConditionError, "Write exists(t.intent) or none_of(exists(t.intent))"),  # noqa: E711  # the mistake is the case
    (lambda: t.count == [1], ConditionError, "t.count == [1]: a list is no constant of a condition. Use a str"),
    (lambda: t.confidence < NAN, ConditionError, "t.confidence < nan: this is no number of ordinary size"),
    (lambda: t.confidence < float("inf"), ConditionError, "inf: this is no number of ordinary size"),
    (lambda: t.count < 10**400, ConditionError, "an int of 1329 bits"),
    (lambda: t.count / 0, ConditionError, "t.count / 0: a division by zero is never known"),
    (lambda: t.message + "x", ConditionError, "+ works on numbers; t.message is str"),
    (lambda: t.urgent + 1, ConditionError, "+ works on numbers; t.urgent is bool"),
    (lambda: t.count // 2, ConditionError, "t.count: this operator acts before guideway can see it. Write + - * /"),
    (lambda: abs(t.count), ConditionError, "t.count: a conversion acts before"),
    (lambda: int(t.count), ConditionError, "t.count: a conversion acts before"),
    (lambda: bool(t.urgent), ConditionError, "t.urgent: asking for its truth"),
    (lambda: not t.urgent, ConditionError, "none_of(a) for `not`"),
    (lambda: t.urgent and t.count, ConditionError, "a & b for `and`"),
    (lambda: 0 < t.count < 3, ConditionError, "(a < b) & (b < c) for `a < b < c`"),
    (lambda: t.intent in ("refund", "other"), ConditionError, "one_of(x, ...) or contains(x, y) for `in`"),
    (lambda: "a" in t.tags, ConditionError, "t.tags: `in` acts before guideway can see it. Write contains(x, y)"),
    (lambda: list(t.tags), ConditionError, "t.tags: going through it acts before"),
    (lambda: len(t.tags), ConditionError, "t.tags: len() acts before guideway can see it. Write length(x)"),
    (lambda: t.tags[0], ConditionError, "t.tags: an index acts before guideway can see it. Write first(x)"),
    (lambda: {t.tags}, ConditionError, "t.tags: hash() (a set, a key)"),
    (lambda: ~t.urgent, ConditionError, "t.urgent: `~` acts before guideway can see it. Write none_of(...)"),
    (lambda: f"{t.message}", ConditionError, "t.message: putting it into text acts before"),
    (lambda: t.count < 1 & t.urgent, ConditionError, "1 (int) is no condition"),
    (lambda: t.count & (t.count < 1), ConditionError, "t.count is int, not a bool, so it is no condition"),
    (lambda: t.urgent == (t.count < 1), ConditionError, "a condition is no value. Combine with & and |"),
    (lambda: (t.count < 1) < 2, ConditionError, "comparing a condition acts before"),
    (lambda: exists(t), ConditionError, "the whole state is no value. Name a field of it"),
    (lambda: exists("reply"), ConditionError, 'exists("reply") reads no field. Begin with t = fields(...)'),
    (lambda: setattr(t, "count", 3), ConditionError, "t.count: fields() only reads"),
    (lambda: setattr(some(t.order), "total", 3), ConditionError, "some(t.order).total: fields() only reads"),
    (lambda: length(t.count), ConditionError, "length(t.count): text and collections have a length; t.count is int"),
    (lambda: first(t.message), ConditionError, "first(t.message): only a list has a first and a last item"),
    (lambda: contains(t.tags, 3), ConditionError, "contains(t.tags, 3): list[str] can never contain 3"),
    (lambda: contains(t.scores, 3), ConditionError, "dict[str, float] can never contain 3"),
    (lambda: contains(t.message, t.count), ConditionError, "str can never contain int"),
    (lambda: contains(t.count, 3), ConditionError, "int can never contain 3"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "error", "message"), MISTAKES, ids=[message[:50] for *_, message in MISTAKES])
def test_a_mistake_is_told_at_its_line(mistake, error, message):
    """Each mistake raises at once, and says where, what was found and the way out."""
    with pytest.raises(error, match=re.escape(message)) as raised:
        mistake()
    line = mistake.__code__.co_firstlineno
    assert re.fullmatch(rf"test_fields.py:({line}|{line + 1})", raised.value.where or "")
    assert str(raised.value).startswith(f"{raised.value.where}: {error.__name__}: ")


def test_the_message_of_the_style_guide():
    """A misspelt field reads as the style guide shows it."""
    shown = (
        r"^test_fields\.py:\d+: UnknownField: t\.confidance: the state Ticket has no field 'confidance'\. "
        r"Did you mean 'confidence'\?$"
    )
    with pytest.raises(UnknownField, match=shown):
        _ = t.confidance


def test_fields_of_two_states_do_not_mix():
    """A comparison of fields of two states is refused, since a flow has one."""

    class Other(BaseModel):
        count: int

    with pytest.raises(ConditionError, match="fields of two states, Other and Ticket"):
        _ = fields(Other).count == t.count


@pytest.mark.parametrize("model", [int, "Ticket", Ticket(), None])
def test_fields_takes_a_model(model):
    """fields() of anything but a model's class says what it takes."""
    with pytest.raises(FlowError, match="takes the state's class, a pydantic model"):
        fields(model)


def test_a_model_whose_types_are_not_defined_yet():
    """fields() of a model with a forward reference into nowhere names what is missing."""

    class Half(BaseModel):
        rest: Missing  # type: ignore[name-defined]  # noqa: F821  # that is the point

    with pytest.raises(FlowError, match=r"fields\(Half\): 'Missing' is not defined yet"):
        fields(Half)


@pytest.mark.parametrize("field", [typed, typed.count, typed.count < 3])
def test_tools_that_look_around_find_nothing_strange(field):
    """hasattr, repr and copy of a field behave as they do for any object."""
    assert not hasattr(field, "__wrapped__")
    assert not hasattr(field, "_private")
    assert repr(copy.copy(field)) == repr(field)


def test_a_field_prints_as_written():
    """A field's repr is what the author wrote."""
    assert repr(some(t.order).total * 2) == "some(t.order).total * 2"
    assert repr(t) == "fields(Ticket)"


def test_enum_members_stand_as_their_values():
    """A comparison with an enum's member is the comparison with its value, which JSON can hold."""
    assert (t.plan == Plan.PAID).tree == Compare("==", Read("plan"), constant("paid"))
    assert (t.level >= Level.HIGH).tree == Compare(">=", Read("level"), constant(2))


def test_types_that_pydantic_reads_as_others_are_not_guessed_at():
    """A field whose annotation hides the type of its values takes part in any comparison."""

    class Marked:
        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
            return handler(str)

    class State(BaseModel):
        mail: Marked
        extra: object

    u: Any = fields(State)
    assert [(u.mail == "x").tree, (u.extra < 3).tree, contains(u.extra, 3).tree]


def test_models_within_are_models_and_dataclasses():
    """Fields are reached through generic models, unions of models, aliases and dataclasses."""

    @dataclass
    class Point:
        x: int

    class Left(BaseModel):
        n: int

    class Right(BaseModel):
        n: str

    class State(BaseModel):
        point: Point
        side: Annotated[Left | Right, "either"]

    u: Any = fields(State)
    assert condition(u.point.x < 3)
    assert condition(u.side.n == "a")
    with pytest.raises(UnknownField, match="the model Left has no field 'm'"):
        _ = u.side.m
