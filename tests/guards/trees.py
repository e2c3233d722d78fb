"""Random conditions and states for the laws: a state of every kind of field, with nested Optionals."""

from __future__ import annotations

import string
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Literal

from hypothesis import strategies as st
from pydantic import BaseModel

from guideway.errors import ConditionError
from guideway.guards.conditions import check_fields
from guideway.guards.expressions import (
    And,
    Arith,
    Attr,
    Compare,
    Contains,
    Exists,
    First,
    Formula,
    Last,
    Length,
    NoneOf,
    OneOf,
    Opaque,
    Or,
    Read,
    Some,
    Term,
    constant,
)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Deep(BaseModel):
    depth: int | None
    words: list[str]


class Inner(BaseModel):
    count: int
    ratio: float | None
    name: str
    deep: Deep | None


class State(BaseModel):
    whole: int
    real: float
    maybe_whole: int | None
    maybe_real: float | None
    exact: Decimal | None
    words: str
    maybe_words: str | None
    choice: Literal["x", "y", "z"] | None
    flag: bool
    maybe_flag: bool | None
    colour: Colour | None
    day: date | None
    numbers: list[int]
    tags: list[str] | None
    inner: Inner | None
    inners: list[Inner]


def is_odd(whole: int) -> bool:
    """A condition that never fails."""
    return whole % 2 == 1


def is_short(maybe_words: str | None) -> bool:
    """A condition that fails if it is called with None, which it must not be."""
    assert maybe_words is not None
    return len(maybe_words) < 2


FUNCTIONS: dict[str, Callable[..., bool]] = {"is_odd": is_odd, "is_short": is_short}

# Few and small values, so that equality and division by zero happen.
whole = st.integers(-3, 3)
real = st.sampled_from([-1.5, -0.1, 0.0, 0.1, 0.2, 0.30000000000000004, 1.0, 2.0, 1e300]) | st.floats(
    allow_nan=False, allow_infinity=False
)
words = st.text(alphabet='ab"\\\n\u2028é', max_size=3)
exact = st.decimals(min_value=-3, max_value=3, places=1)
days = st.dates(date(2030, 1, 1), date(2030, 1, 3))

deeps = st.builds(Deep, depth=st.none() | whole, words=st.lists(words, max_size=2))
inners = st.builds(Inner, count=whole, ratio=st.none() | real, name=words, deep=st.none() | deeps)
states = st.builds(
    State,
    whole=whole,
    real=real,
    maybe_whole=st.none() | whole,
    maybe_real=st.none() | real | st.sampled_from([float("nan"), float("inf")]),
    exact=st.none() | exact,
    words=words,
    maybe_words=st.none() | words,
    choice=st.sampled_from(["x", "y", "z", None]),
    flag=st.booleans(),
    maybe_flag=st.none() | st.booleans(),
    colour=st.none() | st.sampled_from(Colour),
    day=st.none() | days,
    numbers=st.lists(whole, max_size=3),
    tags=st.none() | st.lists(words, max_size=2),
    inner=st.none() | inners,
    inners=st.lists(inners, max_size=2),
)


def reads(*names: str) -> st.SearchStrategy[Term]:
    """One of the fields, some marked by ``some``."""
    plain = st.sampled_from([Read(name) for name in names])
    return plain | plain.map(Some)


models = st.just(Some(Read("inner"))) | st.sampled_from([First(Read("inners")), Last(Read("inners"))])
deep_models = models.map(lambda of: Some(Attr(of, "deep")))
lists = reads("numbers", "tags") | deep_models.map(lambda of: Attr(of, "words"))
texts = (
    reads("words", "maybe_words")
    | models.map(lambda of: Attr(of, "name"))
    | st.sampled_from([First(Read("tags")), Last(Read("tags"))])
    | words.map(constant)
)
constants = (whole | real | exact).map(constant)
numbers = st.recursive(
    reads("whole", "real", "maybe_whole", "maybe_real", "exact")
    | models.flatmap(lambda of: st.sampled_from([Attr(of, "count"), Attr(of, "ratio")]))
    | deep_models.map(lambda of: Attr(of, "depth"))
    | st.sampled_from([First(Read("numbers")), Last(Read("numbers"))])
    | (lists | texts).map(Length)
    | constants,
    lambda parts: st.builds(Arith, st.sampled_from("+-*/"), parts, parts).filter(
        lambda tree: tree.op != "/" or getattr(tree.right, "value", None) != 0
    ),
    max_leaves=4,
)

orders = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
equalities = st.sampled_from(["==", "!="])


def choices(*values: object) -> st.SearchStrategy[Term]:
    """One of these constants."""
    return st.sampled_from([constant(value) for value in values])


def one_of(of: st.SearchStrategy[Term], values: st.SearchStrategy[Term]) -> st.SearchStrategy[Formula]:
    """The value is one of one to three constants."""
    return st.builds(OneOf, of, st.lists(values, min_size=1, max_size=3).map(tuple))


def fits(tree: Formula) -> bool:
    """Whether an author could have written it: a whole number that equals 1.5, say, is refused."""
    try:
        check_fields(tree, State)
    except ConditionError:
        return False
    return True


leaves: st.SearchStrategy[Formula] = st.one_of(
    st.builds(Compare, orders, numbers, numbers),
    st.builds(Compare, orders, texts, texts),
    st.builds(Compare, equalities, reads("choice"), choices("x", "y", "z")),
    st.builds(Compare, equalities, reads("colour"), choices(Colour.RED, Colour.BLUE)),
    st.builds(Compare, equalities, reads("flag", "maybe_flag"), choices(True, False)),
    st.builds(Compare, orders, reads("day"), days.map(constant)),
    st.builds(Exists, numbers | texts | lists | reads("inner", "choice", "day")),
    st.builds(Contains, texts, texts),
    st.builds(Contains, reads("tags"), texts),
    st.builds(Contains, reads("numbers"), numbers),
    one_of(numbers, constants),
    one_of(reads("choice"), choices("x", "y", "z")),
    st.sampled_from([Opaque("is_odd", ("whole",), is_odd), Opaque("is_short", ("maybe_words",), is_short)]),
).filter(fits)


def joined(parts: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
    """Two or three formulas joined, or what none of them is."""
    two = st.lists(parts, min_size=2, max_size=3).map(tuple)
    one = st.lists(parts, min_size=1, max_size=2).map(tuple)
    return st.builds(And, two) | st.builds(Or, two) | st.builds(NoneOf, one)


formulas: st.SearchStrategy[Formula] = st.recursive(leaves, joined, max_leaves=6)

names = st.text(alphabet=string.ascii_lowercase + "_-é ", min_size=1, max_size=6)
"""Names of tools, some of which are no identifiers."""
