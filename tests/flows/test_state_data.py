"""A state's values as data: what is written is what is read back, or it is refused and nothing changes."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypeVar
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Json,
    PrivateAttr,
    RootModel,
    SecretStr,
    computed_field,
    create_model,
    field_serializer,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict

from guideway import Messages
from guideway.errors import StateInvalid
from guideway.flows.state import StateType
from guideway.nodes.sealing import Vault, using
from guideway.runs.store.chain import decode, encode

T = TypeVar("T")


class Color(Enum):
    RED = "r"
    TWO = 2


@dataclass
class Pair:
    a: int
    b: list[float]


class Point(NamedTuple):
    x: int
    y: Decimal


class Typed(TypedDict):
    x: int
    y: float


class Nested(BaseModel):
    v: float = 0.0
    _own: int = PrivateAttr(default=3)


class Aliased(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str = Field(alias="theName")


class Cat(BaseModel):
    kind: Literal["cat"]
    m: int


class Dog(BaseModel):
    kind: Literal["dog"]
    m: str


class Box(BaseModel, Generic[T]):
    v: T


class Numbers(RootModel[list[int]]):
    pass


class Doubled(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    a: int

    @computed_field
    @property
    def twice(self) -> int:
        return self.a * 2


class Hexed(BaseModel):
    b: bytes

    @field_serializer("b")
    def out(self, b: bytes) -> str:
        return b.hex()

    @field_validator("b", mode="before")
    @classmethod
    def back(cls, b: Any) -> Any:
        return bytes.fromhex(b) if isinstance(b, str) else b


class Parsed(BaseModel):
    j: Json[list[int]]


KEPT: list[tuple[Any, Any]] = [
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (datetime, st.datetimes()),
    (date, st.dates()),
    (time, st.times()),
    (timedelta, st.timedeltas(timedelta(days=-9999), timedelta(days=9999))),
    (UUID, st.uuids()),
    (Color, st.sampled_from(Color)),
    (Path, st.sampled_from([Path("/a/b"), Path("x")])),
    (set[int], st.sets(st.integers())),
    (frozenset[str], st.frozensets(st.text())),
    (tuple[int, str], st.tuples(st.integers(), st.text())),
    (deque[int], st.lists(st.integers()).map(deque)),
    (Pair, st.builds(Pair, st.integers(), st.lists(st.floats(allow_nan=False, allow_infinity=False)))),
    (Typed, st.fixed_dictionaries({"x": st.integers(), "y": st.floats(allow_nan=False, allow_infinity=False)})),
    (Point, st.builds(Point, st.integers(), st.decimals(allow_nan=False, allow_infinity=False))),
    (Nested, st.floats(allow_nan=False, allow_infinity=False).map(lambda v: Nested(v=v))),
    (Aliased, st.text().map(lambda v: Aliased(theName=v, other=3))),
    (Annotated[Cat | Dog, Field(discriminator="kind")], st.sampled_from([Cat(kind="cat", m=1)])),
    (Cat | Dog, st.sampled_from([Cat(kind="cat", m=1), Dog(kind="dog", m="1")])),
    (Box[Decimal], st.sampled_from([Box[Decimal](v=Decimal("1.10"))])),
    (Numbers, st.lists(st.integers()).map(Numbers)),
    (Doubled, st.integers().map(lambda a: Doubled(a=a))),
    (Hexed, st.binary().map(lambda b: Hexed(b=b))),
    (Parsed, st.sampled_from([Parsed(j="[1, 2]")])),
    (dict[int, str], st.dictionaries(st.integers(), st.text())),
    (dict[date, int], st.dictionaries(st.dates(), st.integers())),
    (dict[Color, int], st.dictionaries(st.just(Color.RED), st.integers())),
    (int | float, st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))),
    (str | int, st.one_of(st.text(), st.integers())),
    (bool | int, st.one_of(st.booleans(), st.integers())),
    (date | datetime, st.one_of(st.dates(), st.datetimes())),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (list[str], st.lists(st.text())),
    (SecretStr, st.text().map(SecretStr)),
    (dict[str, SecretStr], st.dictionaries(st.text(), st.text().map(SecretStr))),
    (tuple[SecretStr, int], st.tuples(st.text().map(SecretStr), st.integers())),
    (Any, st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=9)),
]  # fmt: skip


VAULT = Vault(os.urandom(64), "kept")


@lru_cache
def of(annotation: Any) -> tuple[StateType[Any], StateType[Any]]:
    """The state of one field, as two processes have it."""
    model = create_model("Kept", f=(Optional[annotation], None), n=(int, 0))  # noqa: UP045  # of a value
    return StateType(model), StateType(model)


def told(value: Any) -> str:
    """A value, whole: -0.0 and 0.0, 1 and 1.0 differ; a secret is told."""
    if isinstance(value, SecretStr):
        return f"secret {value.get_secret_value()!r}"
    if isinstance(value, dict):
        return repr({told(key): told(item) for key, item in value.items()})
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__} {sorted(map(told, value))}"
    return f"{type(value).__name__} {[told(one) for one in value]}" if isinstance(value, list | tuple) else repr(value)


@pytest.mark.parametrize(("annotation", "values"), KEPT, ids=lambda part: getattr(part, "__name__", "values"))
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_back(annotation, values, data):
    """Through the bytes of a journal a value comes back as it was, whole and of its type."""
    here, there = of(annotation)
    value = data.draw(values)
    before = here.start({})
    with using(VAULT):
        delta = here.write(before, {"f": value})
        live = here.fold(before, delta)
        back = there.fold(there.start({}), decode(encode(delta, "a delta")))
    assert told(back.f) == told(live.f)
    assert told(live.f) == told(value) or live.f == value
    assert type(back.f) is type(value)


DEEP: list[Any] = []
_last = DEEP
for _ in range(400):
    _last.append([])
    _last = _last[0]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Decimal, Decimal("NaN")), (float, math.nan), (float, math.inf), (list[float], [math.inf]),
        (Nested, Nested(v=math.nan)), (Typed, {"x": 1, "y": math.nan}), (Any, math.nan),
        (dict[str, Any], {"a": math.inf}),
        (Any, (1, 2)), (Any, {1: 2}), (Any, Decimal(1)), (Any, Nested()), (Any, object()), (Any, DEEP), (list, DEEP),
        (int, 10**5000), (list[int], [10**5000]), (bytes, b"\xff"), (str, "\ud800"), (list[str], ["\udcff"]),
        (Any, SecretStr("x")), (Any, {"$secret": "v1.x"}), (dict[str, str], {"$secret": "v1.x"}),
        (dict[str, Any], {"a": [Box[SecretStr](v=SecretStr("x"))]}), (dict[SecretStr, int], {SecretStr("x"): 1}),
        (str | datetime, datetime(2024, 1, 1, tzinfo=UTC)),
    ],
    ids=lambda part: getattr(part, "__name__", "value"),
)  # fmt: skip
def test_what_is_not_given_back_is_refused(annotation, value):
    """What JSON would not give back as it was is refused at the write, the field is named, and the state stays."""
    here, _ = of(annotation)
    before = here.start({"n": 3})
    with pytest.raises(StateInvalid, match="f") as refused:
        here.write(before, {"n": 4, "f": value})
    assert "f" in str(refused.value).split(" cannot")[0]
    assert (before.f, before.n) == (None, 3)


class Guarded(BaseModel):
    """Constraints and validators of every kind."""

    model_config = ConfigDict(frozen=True)
    low: int = Field(0, ge=0)
    high: int = Field(10, alias="top")
    even: int = 0
    fixed: str = Field("a", frozen=True)
    tags: Annotated[list[str], Field(max_length=2)] = []

    @field_validator("even")
    @classmethod
    def is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("it is odd")
        return value

    @model_validator(mode="after")
    def in_order(self) -> Guarded:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


@pytest.mark.parametrize(
    ("update", "why"),
    [
        ({"low": -1}, "low: Input should be greater than or equal to 0"),
        ({"low": 11}, "low is above high"),
        ({"even": 3}, "even: Value error, it is odd"),
        ({"tags": ["a", "b", "c"]}, "tags: List should have at most 2 items"),
        ({"low": "x"}, "low: Input should be a valid integer"),
        ({"none": 1}, "'none' is no field"),
    ],
)
def test_constraints_hold_at_every_write(update, why):
    """A constraint, a validator of a field and one of the whole are asked at each write; a refusal changes nothing."""
    here = StateType(Guarded)
    before = here.start({"top": 10, "even": 2})
    with pytest.raises(StateInvalid, match=why):
        here.write(before, update)
    assert before == Guarded(top=10, even=2)


def test_a_frozen_state_with_aliases_runs():
    """A write makes a new state of a frozen one; fields with aliases are given by either name, and stored by theirs."""
    here, there = StateType(Guarded), StateType(Guarded)
    before = here.start({"high": 12})
    assert before == here.start({"top": 12})
    delta = here.write(before, {"low": 11, "high": 14})
    assert delta == {"low": 11, "high": 14}
    assert there.fold(there.load(here.dump(before)), delta) == Guarded(low=11, top=14)
    with pytest.raises(StateInvalid, match="has 'low_', which"):
        here.start({"low_": 1})


OTHER = """
import sys
from tests.flows.test_state_data import Box, StateType, create_model, told, Decimal, Path, Nested, Aliased, decode
from datetime import datetime, timedelta
model = create_model("Many", **{k: (eval(t), ...) for k, t in {TYPES}.items()})
print({k: told(v) for k, v in StateType(model).load(decode(sys.stdin.buffer.read())).__dict__.items()})
"""


def test_another_process_reads_the_same(root):
    """A state that one process dumped is the same one, type by type, in a process that never saw it."""
    types = {
        "a": "Decimal", "b": "datetime", "c": "set[int]", "d": "Nested", "e": "Aliased", "f": "Box[Path]",
        "g": "dict[int, float]", "h": "timedelta", "i": "tuple[int, str]",
    }  # fmt: skip
    values = {
        "a": Decimal("1.10"), "b": datetime(2024, 5, 1, 3, 4, 5, 6, tzinfo=UTC), "c": {3, 1}, "d": Nested(v=-0.0),
        "e": Aliased(theName="\0é"), "f": Box[Path](v=Path("/x")), "g": {1: -0.0}, "h": timedelta(days=-1),
        "i": (2**90, "a"),
    }  # fmt: skip
    model = create_model("Many", **{name: (eval(kind), ...) for name, kind in types.items()})  # type: ignore[call-overload]  # fields come from data
    here = StateType(model)
    state = here.start(values)
    done = subprocess.run(
        [sys.executable, "-c", OTHER.replace("{TYPES}", repr(types))],
        input=encode(here.dump(state), "a state"), capture_output=True, check=False, cwd=root, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == repr({name: told(value) for name, value in state.__dict__.items()})


NO_MESSAGES: dict[str, tuple[Any, str]] = {
    "nothing": ([None], "None does not read as a message: write a str"),
    "number": (5, "a value of type int does not read as a message: write a str"),
    "role": ([{"role": "boss", "content": "x"}], "its role is none of user, assistant"),
    "keys": ([{"text": "x"}], "a dict with 'text' does not read as a message"),
    "call": ([{"role": "tool", "content": "x"}], "it lacks 'tool_call_id'"),
    "content": ([{"type": "ai", "content": 5}], "content.*valid"),
}


class Talk(BaseModel):
    """A state with messages."""

    messages: Messages = []


@pytest.mark.parametrize("name", NO_MESSAGES)
def test_what_is_no_message_is_refused_as_all_else_is(name: str):
    """The input and a write say which field and what was found, in one line, without the words of the message."""
    value, told = NO_MESSAGES[name]
    talk = StateType(Talk)
    for attempt in (lambda: talk.start({"messages": value}), lambda: talk.write(Talk(), {"messages": value})):
        with pytest.raises(StateInvalid, match=rf"Talk\.messages: .*{told}") as refused:
            attempt()
        assert refused.value.data["field"] == "messages"
        assert "\n" not in str(refused.value)
