"""Trees compiled to closures, in three-valued logic: what reaches through None is unknown, and stays so.

Within a program None stands for unknown. Programs are cached; nothing is ever handed to ``eval``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, cast

from pydantic import BaseModel

from .expressions import (
    And,
    Arith,
    ArithOp,
    Attr,
    Compare,
    CompareOp,
    Const,
    Contains,
    Exists,
    Expr,
    First,
    Last,
    Length,
    NoneOf,
    OneOf,
    Opaque,
    Or,
    Proposes,
    Read,
    Some,
    Term,
)
from .messages import messages_field
from .values import RELATIONS, compared, equal, exact, is_collection, is_list, known

Tools = Mapping[str, str]
Memo = dict[Any, Any]


class View:
    """What an expression is evaluated in: the state, the tools' stakes by name, and the memo."""

    __slots__ = ("memo", "state", "tools")

    def __init__(self, state: Any, tools: Tools, memo: Memo | None) -> None:
        self.state = state
        self.tools = tools
        self.memo = memo


Program = Callable[[View], Any]
"""A compiled tree: a value, or None where it is unknown."""


class OpaqueFailed(Exception):
    """A named function used as a condition raised, or returned no bool.

    Args:
        name: the function's name.
        cause: what it raised.
    """

    def __init__(self, name: str, cause: Exception) -> None:
        super().__init__(name, cause)
        self.name = name
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.name}: {type(self.cause).__name__}: {self.cause}"


@lru_cache(maxsize=4096)
def program(tree: Expr) -> Program:
    """The compiled tree.

    Args:
        tree: a term or a condition's tree.
    """
    return _compiled(tree)


def _compiled(tree: Expr) -> Program:
    match tree:
        case Const(value):
            return lambda _: value
        case Read(name):
            return lambda at: known(getattr(at.state, name))
        case Attr(of, name):
            return _mapped(of, lambda value: known(getattr(value, name, None)))
        case Some(of):
            return _compiled(of)
        case Arith(op, left, right):
            return _arith(op, _compiled(left), _compiled(right))
        case Length(of):
            return _mapped(of, _length)
        case First(of):
            return _mapped(of, lambda value: _at(value, 0))
        case Last(of):
            return _mapped(of, lambda value: _at(value, -1))
        case Compare(op, Read(name), Const(value)):
            return _field_and_constant(op, name, value)
        case Compare(op, left, right):
            return _compare(op, _compiled(left), _compiled(right))
        case And(items):
            return _all_true([_compiled(item) for item in items])
        case Or(items):
            return _any_true([_compiled(item) for item in items])
        case NoneOf(items):
            return _negated(_any_true([_compiled(item) for item in items]))
        case Exists(of):
            inner = _compiled(of)
            return lambda at: inner(at) is not None
        case Contains(of, item):
            return _contains(_compiled(of), _compiled(item))
        case OneOf(of, values):
            plain = [constant.value for constant in values]
            return _mapped(of, lambda value: any(equal(value, other) for other in plain))
        case Opaque():
            return _opaque(tree)
        case Proposes(tool, stakes):
            return _proposes(tool, stakes)
        case _:
            raise AssertionError(tree)


def _length(value: Any) -> int | None:
    return len(value) if is_collection(value) else None


def _at(value: object, index: int) -> Any:
    return known(value[index]) if is_list(value) and value else None


def _mapped(of: Term, function: Callable[[Any], Any]) -> Program:
    """The program of a function of one known value."""
    inner = _compiled(of)

    def run(at: View) -> Any:
        value = inner(at)
        return None if value is None else function(value)

    return run


def _arith(op: ArithOp, left: Program, right: Program) -> Program:
    def run(at: View) -> Any:
        a, b = exact(left(at)), exact(right(at))
        if a is None or b is None:
            return None
        match op:
            case "+":
                return a + b
            case "-":
                return a - b
            case "*":
                return a * b
            case "/":
                return Fraction(a) / b if b else None

    return run


# comparisons


def _compare(op: CompareOp, left: Program, right: Program) -> Program:
    def run(at: View) -> Any:
        a, b = left(at), right(at)
        return None if a is None or b is None else compared(op, a, b)

    return run


def _field_and_constant(op: CompareOp, name: str, constant: Any) -> Program:
    """The usual comparison, with a short way for values that Python compares exactly as conditions do."""
    relation = RELATIONS[op]
    numeric = isinstance(constant, int | float) and not isinstance(constant, bool)
    plain = frozenset({int, float} if numeric else {str} if isinstance(constant, str) else ())

    def run(at: View) -> Any:
        value = getattr(at.state, name)
        if type(value) in plain and value == value:  # noqa: PLR0124  # only NaN differs from itself
            return relation(value, constant)
        value = known(value)
        return None if value is None else compared(op, value, constant)

    return run


def _contains(of: Program, item: Program) -> Program:
    def run(at: View) -> Any:
        container, part = of(at), item(at)
        if container is None or part is None:
            return None
        if isinstance(container, str):
            return part in container if isinstance(part, str) else None
        if not is_collection(container):
            return None
        return any(equal(known(found), part) for found in container)

    return run


# logic


def _all_true(items: list[Program]) -> Program:
    def run(at: View) -> Any:
        result: bool | None = True
        for item in items:
            value = item(at)
            if value is False:
                return False
            if value is None:
                result = None
        return result

    return run


def _any_true(items: list[Program]) -> Program:
    def run(at: View) -> Any:
        result: bool | None = False
        for item in items:
            value = item(at)
            if value is True:
                return True
            if value is None:
                result = None
        return result

    return run


def _negated(inner: Program) -> Program:
    def run(at: View) -> Any:
        value = inner(at)
        return None if value is None else not value

    return run


# leaves


def _opaque(leaf: Opaque) -> Program:
    def run(at: View) -> Any:
        if at.memo is not None and leaf in at.memo:
            return at.memo[leaf]
        arguments = {name: getattr(at.state, name) for name in leaf.parameters}
        value = None if any(item is None for item in arguments.values()) else _called(leaf, arguments)
        if at.memo is not None:
            at.memo[leaf] = value
        return value

    return run


def _called(leaf: Opaque, arguments: dict[str, Any]) -> bool:
    try:
        value: object = leaf.function(**arguments)
    except Exception as cause:
        raise OpaqueFailed(leaf.name, cause) from cause
    if not isinstance(value, bool):
        raise OpaqueFailed(leaf.name, TypeError(f"a condition returns a bool, not {value!r}"))
    return value


def _proposes(tool: str | None, stakes: str | None) -> Program:
    def run(at: View) -> Any:
        names = proposed(at.state)
        if stakes is not None:
            return any(at.tools.get(name) == stakes for name in names)
        return bool(names) if tool is None else tool in names

    return run


def proposed(state: Any) -> list[str]:
    """The tools that the last model message proposes to call, without the calls that a later message answers.

    Args:
        state: an instance of the state model.
    """
    field = messages_field(cast(type[BaseModel], type(state)))
    messages: Sequence[Any] = (getattr(state, field) if field else None) or ()
    answered: set[str] = set()
    for message in reversed(messages):
        calls: Sequence[Any] | None = getattr(message, "tool_calls", None)
        if calls is not None:
            return [call["name"] for call in calls if call.get("id") not in answered]
        answer = getattr(message, "tool_call_id", None)
        if isinstance(answer, str):
            answered.add(answer)
    return []
