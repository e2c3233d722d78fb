"""Whether a value of one type can be one of another, and which values need a copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict, TypeVar

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from guideway.guards.messages import Messages
from guideway.nodes.annotations import members, spread, text
from guideway.nodes.copies import copied_messages, copier, immutable
from guideway.nodes.fits import may_fit
from tests.nodes.world import Order, Reading


class Color(Enum):
    RED = "red"


class Big(Order):
    pass


class Row(TypedDict):
    id: str


class Fixed(BaseModel):
    model_config = ConfigDict(frozen=True)
    id: str


class Loose(BaseModel):
    model_config = ConfigDict(frozen=True)
    tags: list[str]


@dataclass
class Point:
    x: int


T = TypeVar("T")

FIT = [
    (str, str),
    (str, str | None),
    (str | None, str),
    (float, int),
    (Any, str),
    (str, Any),
    (object, int),
    (T, int),
    (Order, Big),
    (Big, Order),
    (Order, dict[str, Any]),
    (Row, dict[str, Any]),
    (dict, Row),
    (Row, Order),
    (Color, str),
    (str, Color),
    (Literal["a", "b"], str),
    (Literal["a"], Literal["a", "b"]),
    (str, Literal["a"]),
    (float, Literal[1]),
    (Literal["red"], Color),
    (list[str], list[str]),
    (list[str] | None, list[Any]),
    (Sequence[str], list[str]),
    (list, Messages),
    (Messages, list),
    (set[str], list[str]),
    (tuple[str, ...], list[str]),
    (dict[str, int], dict[str, int]),
    (Mapping[str, int], dict[str, int]),
    (date, datetime),
    (Decimal, str),
    (Point, dict[str, Any]),
    (Annotated[int, Field(gt=0)], int),
    (None, str | None),
    (bool, bool),
]
CLASH = [
    (str, int),
    (int, str),
    (int, float),
    (str, None),
    (None, str),
    (bool, int),
    (int, bool),
    (bytes, str),
    (Order, Reading),
    (Order, str),
    (str, Order),
    (list[str], str),
    (str, list[str]),
    (list[int], list[str]),
    (dict[str, int], dict[str, str]),
    (list[str], dict[str, str]),
    (Literal["a"], Literal["b"]),
    (Literal["a"], int),
    (str, Literal[1]),
    (Color, list[str]),
    (Order, list[str]),
    (Literal[1], Literal[True]),
]


@pytest.mark.parametrize(("wanted", "given"), FIT)
def test_types_that_can_meet(wanted, given):
    """A type that some value of the other has fits."""
    assert may_fit(wanted, given)


@pytest.mark.parametrize(("wanted", "given"), CLASH)
def test_types_that_cannot_meet(wanted, given):
    """Types that no value shares do not."""
    assert not may_fit(wanted, given)


VALUES = [
    "x",
    "a",
    1,
    True,
    1.5,
    None,
    Order(id="1", total=1),
    Reading(intent="refund", confidence=1),
    ["a"],
    [1],
    {"a": 1},
    {"a": "b"},
    Color.RED,
    b"b",
]


@pytest.mark.parametrize(("wanted", "given"), CLASH)
def test_a_clash_is_no_mistake_of_the_test(wanted, given):
    """What is said to clash has no value that strict pydantic accepts as both."""
    one, other = (TypeAdapter(item) for item in (wanted, given))
    assert not [value for value in VALUES if accepts(one, value) and accepts(other, value)]


def accepts(adapter: TypeAdapter[Any], value: Any) -> bool:
    try:
        found = adapter.validate_python(value, strict=True)
    except ValidationError:
        return False
    return type(found) is type(value)


@pytest.mark.parametrize(
    ("annotation", "fixed"),
    [
        (str, True),
        (int | None, True),
        (Literal["a"], True),
        (Color, True),
        (datetime, True),
        (Decimal, True),
        (tuple[str, ...], True),
        (tuple[int, str], True),
        (frozenset[str], True),
        (Fixed, True),
        (Fixed | None, True),
        (list[str], False),
        (tuple[list[str], ...], False),
        (tuple, False),
        (Order, False),
        (Loose, False),
        (Any, False),
        (dict[str, str], False),
        (Point, False),
        (str | list[str], False),
    ],
)
def test_what_cannot_be_changed_in_place(annotation, fixed):
    """Scalars, and frozen things of them, need no copy."""
    assert immutable(annotation) is fixed
    assert (copier(annotation) is None) is fixed


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (list[str], ["a"]),
        (dict[str, int], {"a": 1}),
        (set[str], {"a"}),
        (list[list[str]], [["a"]]),
        (list[Order], [Order(id="1", total=1)]),
        (list[str] | None, ["a"]),
        (Order, Order(id="1", total=1)),
        (Any, {"a": ["b"]}),
    ],
)
def test_copies_are_equal_and_their_own(annotation, value):
    """A copy is equal to its original, and nothing in it that can change is shared."""
    copy = copier(annotation)
    assert copy is not None
    made = copy(value)
    assert made == value
    assert made is not value
    if annotation not in (list[str], list[str] | None, dict[str, int], set[str], Order):
        inner, own = (next(iter(item.values() if isinstance(item, dict) else item)) for item in (made, value))
        assert inner is not own


def test_copies_of_messages():
    """Messages are copied with all that can change in them."""
    from langchain_core.messages import AIMessage, HumanMessage

    said = [
        HumanMessage([{"type": "text", "text": "a"}]),
        AIMessage("x", tool_calls=[{"name": "f", "args": {}, "id": "c"}]),
    ]
    copies = copied_messages(said)
    assert copies == said
    copies[0].content[0]["text"] = "b"
    copies[1].tool_calls[0]["args"]["x"] = 1
    copies[1].additional_kwargs["x"] = 1
    assert said[0].content == [{"type": "text", "text": "a"}]
    assert said[1].tool_calls[0]["args"] == {}  # type: ignore[union-attr]  # the second is from the model
    assert said[1].additional_kwargs == {}


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (str | None, "str | None"),
        (list[Order], "list[Order]"),
        (Literal["a", 1], "Literal['a', 1]"),
        (dict[str, list[int]], "dict[str, list[int]]"),
        (Any, "Any"),
        (None, "None"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Annotated[str, Field(max_length=3)], "str"),
        (Literal[Color.RED], "Literal[Color.RED]"),
        (T, "T"),
        (list, "list"),
    ],
)
def test_annotations_as_text(annotation, words):
    """Types are told as an author writes them."""
    assert text(annotation) == words


def test_members_and_spread():
    """Unions are flattened, and what is returned is spread by models and TypedDicts only."""
    assert members(Annotated[str | None, 1] | int) == (str, type(None), int)
    assert spread(Order | None) == {"id": str, "total": float}
    assert spread(Order | Reading) == {
        "id": str,
        "total": float,
        "intent": Literal["refund", "question"],
        "confidence": float,
    }
    assert spread(Row) == {"id": str}
    assert spread(Order | str) is None
    assert spread(dict[str, str]) is None
    assert spread(None) is None
