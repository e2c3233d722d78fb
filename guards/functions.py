"""The functions of conditions, typed as what they stand for, so that type checkers see an author's mistakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from typing import Any, Literal, Protocol, TypeVar, cast

from ..errors import ConditionError, caller
from .conditions import Condition, condition
from .expressions import (
    Contains,
    Exists,
    First,
    Formula,
    Last,
    Length,
    NoneOf,
    OneOf,
    Proposes,
    constant,
    disjunction,
)
from .fields import Field, concluded, operand, recorded

T = TypeVar("T")


class Named(Protocol):
    """A tool, known by its name."""

    @property
    def name(self) -> str:
        """The name by which a model calls it."""
        ...


def exists(x: object) -> Condition:
    """Whether a value is there: true or false, never unknown.

    Args:
        x: a field.
    """
    return concluded(Exists(operand(x)), x)


def length(x: Sized | None) -> int:
    """How many characters a text, or items a collection has; unknown where it is None.

    Args:
        x: a field.
    """
    return cast(int, recorded(Length(operand(x)), x))


def first(x: Sequence[T] | None) -> T:
    """The first item of a list; unknown where it is empty or None.

    Args:
        x: a field.
    """
    return cast(T, recorded(First(operand(x)), x))


def last(x: Sequence[T] | None) -> T:
    """The last item of a list; unknown where it is empty or None.

    Args:
        x: a field.
    """
    return cast(T, recorded(Last(operand(x)), x))


def contains(x: str | list[T] | set[T] | frozenset[T] | tuple[T, ...] | dict[T, Any] | None, y: T) -> Condition:
    """Whether a text has a part, a collection an item, a dict a key; unknown where either is None.

    Args:
        x: a field.
        y: a constant or another field.
    """
    return concluded(Contains(operand(x), operand(y)), x, y)


def one_of(x: T | None, *values: T) -> Condition:
    """Whether a value equals one of the constants; unknown where it is None.

    Args:
        x: a field.
        values: at least one constant; for fields write ``any_of(x == a, x == b)``.

    Raises:
        ConditionError: no value, a list instead of values, or a value that the field can never have.
    """
    where = caller()
    if not values:
        raise ConditionError(f"one_of({x!r}) needs the values: one_of(x, 'a', 'b')", where=where)
    for value in values:
        if isinstance(value, Field):
            raise ConditionError(f"one_of({x!r}, {value!r}) takes constants. Write any_of(x == a, x == b)", where=where)
        if isinstance(value, list | tuple | set | frozenset | dict):
            raise ConditionError(
                f"one_of({x!r}, {value!r}) takes the values one by one: one_of(x, *values)", where=where
            )
    return concluded(OneOf(operand(x), tuple(constant(value) for value in values)), x)


def any_of(*conditions: bool | Condition | Callable[..., bool]) -> Condition:
    """True when one of the conditions is known to be true; ``a | b`` is the same.

    Args:
        conditions: at least one.
    """
    return Condition(disjunction(_given("any_of", conditions)))


def none_of(*conditions: bool | Condition | Callable[..., bool]) -> Condition:
    """True when every condition is known to be false, so that none of what is unknown is unknown.

    Args:
        conditions: at least one.
    """
    return Condition(NoneOf(_given("none_of", conditions)))


def proposes(tool: Named | None = None, *, stakes: Literal["low", "high"] | None = None) -> Condition:
    """Whether the last model message proposes a tool call that is not answered yet.

    Args:
        tool: a call of this tool; by default any call.
        stakes: a call of a tool of these stakes.

    Raises:
        ConditionError: ``tool`` is no tool, or both arguments are given.
    """
    name = getattr(tool, "name", None)
    if tool is not None and not isinstance(name, str):
        raise ConditionError(f"proposes({tool!r}) takes a tool; a function becomes one by @tool", where=caller())
    if tool is not None and stakes is not None:
        raise ConditionError(
            f"proposes({name}, stakes={stakes!r}): a tool has its stakes. Give one of the two", where=caller()
        )
    if stakes not in (None, "low", "high"):
        raise ConditionError(f"proposes(stakes={stakes!r}): stakes are 'low' or 'high'", where=caller())
    return Condition(Proposes(name, stakes))


def _given(name: str, conditions: tuple[object, ...]) -> tuple[Formula, ...]:
    if not conditions:
        raise ConditionError(f"{name}() needs at least one condition", where=caller())
    return tuple(condition(item) for item in conditions)
