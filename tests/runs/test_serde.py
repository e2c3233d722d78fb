"""Values to bytes and back: what is written comes back as it was, and what would not is refused."""

from __future__ import annotations

import json
import math
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, StrEnum
from fractions import Fraction
from ipaddress import IPv4Address, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypedDict, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langgraph.types import Command, Interrupt, Overwrite, Send
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, RootModel, SecretStr, field_validator

from guideway.errors import ConfigError, StoreError
from guideway.runs.langgraph.serde import StrictSerializer

T = TypeVar("T")


class Colour(Enum):
    RED = object()


class Word(StrEnum):
    YES = "yes"


class Only(Enum):
    HERE = 1


class Right(Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Item(BaseModel):
    model_config = ConfigDict(extra="allow")
    number: int = Field(ge=0, alias="No")
    colour: Colour = Colour.RED
    link: HttpUrl | None = None
    hidden: str = Field("", exclude=True)


class Tags(RootModel[list[str]]):
    pass


class Box(BaseModel, Generic[T]):
    inside: T


@dataclass
class Line:
    item: Item
    points: list[Point] = field(default_factory=list)
    length: int = field(init=False, default=0)


class Cart(TypedDict, total=False):
    lines: list[Annotated[Line, "a note"]]
    tags: Optional[Tags]  # noqa: UP045 - the older spelling must be looked into too
    box: Box[Word]
    rights: Right
    only: Literal[Only.HERE]


SERIALIZER = StrictSerializer([Cart])

zones = st.sampled_from([None, UTC, timezone(timedelta(hours=1), "X"), ZoneInfo("Europe/Berlin")])
numbers = st.integers() | st.floats(allow_nan=False) | st.decimals(allow_nan=False) | st.fractions()
leaves = (
    st.none()
    | st.booleans()
    | numbers
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.dates()
    | st.timedeltas()
    | st.uuids()
    | st.ip_addresses()
    | st.times(timezones=zones)
    | st.datetimes(timezones=zones, allow_imaginary=True)
    | st.sampled_from(
        [Word.YES, Only.HERE, Right.READ | Right.WRITE, Colour.RED, Path("a/b"), HttpUrl("https://x.org/1")]
    )
    | st.builds(Point, st.integers(), st.floats(allow_nan=False))
)
keys = st.text() | st.integers() | st.booleans() | st.tuples(st.integers(), st.text()) | st.just("$")
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.lists(inner, max_size=3).map(lambda items: deque(items, 5))
        | st.dictionaries(keys, inner, max_size=4)
        | st.frozensets(st.integers() | st.text(), max_size=4)
        | st.builds(Send, st.text(min_size=1), inner)
        | st.builds(lambda content, extra: HumanMessage(content, additional_kwargs={"x": extra}), st.text(), inner)
        | st.builds(lambda number, more: Item(No=number, more=more), st.integers(min_value=0), inner)
    ),
    max_leaves=12,
)


def there_and_back(value: Any, serializer: StrictSerializer = SERIALIZER) -> Any:
    """A value after it was written and read."""
    return serializer.loads_typed(serializer.dumps_typed(value))


def exactly(one: Any, other: Any) -> bool:
    """Whether two values are equal and of the same types, down to the last."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(
            exactly(k, o) and exactly(one[k], other[o]) for k, o in zip(one, other, strict=True)
        )
    if isinstance(one, list | tuple | deque):
        return len(one) == len(other) and all(exactly(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, BaseModel):
        return exactly({**one.__dict__, **(one.model_extra or {})}, {**other.__dict__, **(other.model_extra or {})})
    if isinstance(one, frozenset):
        return sorted(map(repr, one)) == sorted(map(repr, other))
    if isinstance(one, Send):
        return one.node == other.node and exactly(one.arg, other.arg)
    return one == other and repr(one) == repr(other)


@given(values)
def test_what_is_written_comes_back_as_it_was(value: Any):
    """Any mixture of the known kinds comes back equal and of the same types, whatever its keys and depth."""
    assert exactly(there_and_back(value), value)


@pytest.mark.parametrize(
    "value",
    [
        AIMessage("x", id="1", tool_calls=[{"name": "pay", "args": {"n": 1}, "id": "c", "type": "tool_call"}]),
        AIMessage(
            [{"type": "text", "text": "x"}], usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
        ),
        AIMessageChunk(
            "x", tool_call_chunks=[{"name": "p", "args": '{"n', "id": "c", "index": 0, "type": "tool_call_chunk"}]
        ),
        ToolMessage("done", tool_call_id="c", artifact={"raw": (1, 2)}, status="error"),
        ChatMessage("x", role="critic"),
        SystemMessage("x", name="n"),
        RemoveMessage("7"),
        Document("text", metadata={"page": 1}),
        Command(goto=[Send("a", {"n": 1})], update=[("x", 1)], resume={"i": True}),
        Interrupt({"q": 1}, id="abc"),
        Overwrite([1]),
        Send("a", 1, timeout=2.0),
        Line(Item(No=1, extra=Decimal("1.0"), link="https://x.org/"), [Point(1.0)]),
        Box[Word](inside=Word.YES),
        Tags(["a"]),
        bytearray(b"\x00\xff"),
        {Word.YES: 1, 2: {3.5: Colour.RED}},
        {"$": "tuple", "v": [1]},
        [Only.HERE],
    ],
    ids=lambda value: type(value).__name__,
)
def test_messages_and_parts_of_langgraph_come_back(value: Any):
    """Messages of every kind, LangGraph's own parts and a schema's classes come back equal and of the same class."""
    back = there_and_back(value)
    assert type(back) is type(value)
    assert back == value


def test_numbers_that_json_lacks_come_back():
    """NaN and the infinities come back as themselves, and are never written as what JSON readers refuse."""
    body = SERIALIZER.encode([math.nan, math.inf, -math.inf], "x")
    json.loads(body, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    nan, *infinite = SERIALIZER.decode(body, "x")
    assert math.isnan(nan)
    assert infinite == [math.inf, -math.inf]


def test_a_fold_and_a_zone_come_back():
    """The second half past two of an autumn night is the second one after reading too, in its own zone."""
    night = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))
    back = there_and_back(night)
    assert (back.utcoffset(), back.tzinfo, back.fold) == (timedelta(hours=1), ZoneInfo("Europe/Berlin"), 1)


class Unknown:
    pass


class Child(Item):
    pass


Loose = namedtuple("Loose", "x")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Unknown(), "Unknown is neither plain data nor a type of the graph's schema; write plain data"),
        (OrderedDict(), "collections.OrderedDict is neither"),
        (Child(No=1), r"Child is neither .* give its class to the saver as types=\[Child\]"),
        (Loose(1), r"Loose is neither .* types=\[Loose\]"),
        (lambda: 1, "builtins.function is neither"),
        (int, "builtins.type is neither"),
        (LookupError("x"), "builtins.LookupError is neither"),
        (SecretStr("hunter2"), "it is a secret, which is never written"),
        (Item(No=1, token=SecretStr("hunter2")), r"the value\.token cannot be stored: it is a secret"),
        ({"a": [1, {2}, [Unknown()]]}, r"the value\.a\[2\]\[0\] cannot be stored"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_not_come_back_is_refused(value: Any, reason: str):
    """A value of no known class, of a subclass, code, an exception or a secret is refused with its place."""
    with pytest.raises(StoreError, match=reason) as refused:
        SERIALIZER.dumps_typed(value)
    assert "hunter2" not in str(refused.value)


def test_a_value_that_holds_itself_is_refused():
    """A value without end is refused, not followed until the stack breaks."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(StoreError, match="cannot be stored: maximum recursion"):
        SERIALIZER.dumps_typed(endless)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"$":"os.system","v":"true"}', "it holds a 'os.system', which is no type of this graph's schema"),
        (b'{"$":["x"],"v":1}', r"it holds a \['x'\]"),
        (b'{"$":"tuple"}', "it holds a 'tuple'"),
        (b'{"$":"tuple","v":[],"w":1}', "it holds a 'tuple'"),
        (b'{"$":"uuid","v":"7"}', "uuid does not accept what was stored"),
        (b'{"$":"datetime","v":["2026-01-01",0,"UTC"]}', "its zone is none"),
        (b"[1", "it is not whole"),
        (b"\xff", "it is not whole"),
        (b"[" * 100_000, "cannot be read"),
    ],
)
def test_what_was_not_written_so_is_refused(body: bytes, reason: str):
    """Data that names another type, is cut, or does not fit its kind is refused: no name in it is followed."""
    with pytest.raises(StoreError, match=reason):
        SERIALIZER.loads_typed(("json", body))


def test_other_formats_are_refused():
    """A value stored as a pickle or in msgpack is refused unread."""
    for kind in ("pickle", "msgpack"):
        with pytest.raises(StoreError, match=f"stored as '{kind}'"):
            SERIALIZER.loads_typed((kind, b"cos\nsystem\n(S'true'\ntR."))


def test_a_class_validates_again_what_is_read():
    """A stored model passes through its class's constraints and validators, and a refusal does not quote the data."""

    class Sum(BaseModel):
        total: int

        @field_validator("total")
        @classmethod
        def small(cls, total: int) -> int:
            if total > 10:
                raise ValueError("too large")
            return total

    serializer = StrictSerializer([Sum])
    body = serializer.encode(Sum(total=5), "x")
    assert serializer.decode(body, "x") == Sum(total=5)
    with pytest.raises(
        StoreError, match=r"Sum does not accept what was stored \(total: Value error, too large\)"
    ) as refused:
        serializer.decode(body.replace(b"5", b"987654"), "x")
    assert "987654" not in str(refused.value)


def test_a_schema_that_was_narrowed_reads_what_still_fits():
    """A field that a class gained since has its default; one that it lost is refused where the class forbids extras."""

    def made(**fields: Any) -> type[BaseModel]:
        return type("Order", (BaseModel,), {"model_config": ConfigDict(extra="forbid"), "__module__": "shop", **fields})

    old = made(__annotations__={"id": str})
    new = made(__annotations__={"id": str, "paid": bool}, paid=False)
    body = StrictSerializer([old]).encode(old(id="17"), "x")
    assert StrictSerializer([new]).decode(body, "x") == new(id="17", paid=False)
    back = StrictSerializer([new]).encode(new(id="17", paid=True), "x")
    with pytest.raises(StoreError, match=r"shop\.Order does not accept what was stored \(paid: Extra inputs"):
        StrictSerializer([old]).decode(back, "x")


def test_two_classes_of_one_name_are_refused():
    """Two classes that would be written under one name cannot be told apart when read, so they are refused at once."""
    twins = [type("Twin", (BaseModel,), {"__module__": "shop"}) for _ in range(2)]
    with pytest.raises(ConfigError, match=r"two classes are named shop\.Twin"):
        StrictSerializer(twins)


def test_an_annotation_that_cannot_be_resolved_is_an_error():
    """A schema that names what is only imported for type checkers is an error that says so, not a silent gap."""
    lost = type("Lost", (), {"__annotations__": {"order": "Missing"}, "__module__": __name__})
    with pytest.raises(ConfigError, match=r"an annotation of .*Lost names 'Missing'"):
        StrictSerializer([dataclass(lost)])


def test_other_leaves_come_back_too():
    """Fractions, addresses, identifiers and plain dates keep their classes."""
    leaves = [
        Fraction(1, 3),
        IPv4Address("127.0.0.1"),
        IPv6Network("::/8"),
        UUID(int=7),
        date(2026, 1, 2),
        time(1, 2, 3),
    ]
    assert exactly(there_and_back(leaves), leaves)
