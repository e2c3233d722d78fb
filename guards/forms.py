"""A tree as JSON-able data and back. Reading builds data only and fails closed on whatever it does not know.

A constant that JSON has stands for itself; everything else is an object of one key:

    {"<": [{"read": "confidence"}, 0.7]}
    {"and": [{"==": [{"read": "intent"}, "refund"]}, {"exists": {"read": "order_id"}}]}
    {"attr": [{"some": {"read": "order"}}, "total"]}    {"date": "2030-01-31"}
    {"function": {"name": "is_urgent", "reads": ["message"]}}    {"proposes": {"stakes": "high"}}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast, get_args

from ..errors import ConditionError
from .conditions import opaque
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
    Formula,
    Last,
    Length,
    NoneOf,
    OneOf,
    Opaque,
    Or,
    Proposes,
    Read,
    Scalar,
    Some,
    Term,
    constant,
)

_TERMS: dict[str, type[Some | Length | First | Last]] = {
    "some": Some, "length": Length, "first": First, "last": Last,
}  # fmt: skip
_JOINS: dict[str, type[And | Or | NoneOf]] = {"and": And, "or": Or, "none_of": NoneOf}
_KEYS: dict[type[Expr], str] = {Exists: "exists"}
_KEYS.update((kind, key) for key, kind in (_TERMS | _JOINS).items())
_WRITTEN: dict[str, Callable[[str], Any]] = {
    "decimal": Decimal, "datetime": datetime.fromisoformat, "date": date.fromisoformat,
}  # fmt: skip


def to_json(tree: Expr) -> Any:
    """The tree as JSON-able data.

    Args:
        tree: a term or a condition's tree.
    """
    match tree:
        case Const(value):
            return _constant(value)
        case Read(name):
            return {"read": name}
        case Attr(of, name):
            return {"attr": [to_json(of), name]}
        case Arith(op, left, right) | Compare(op, left, right):
            return {op: [to_json(left), to_json(right)]}
        case And(items) | Or(items) | NoneOf(items):
            return {_KEYS[type(tree)]: [to_json(item) for item in items]}
        case Contains(of, item):
            return {"contains": [to_json(of), to_json(item)]}
        case OneOf(of, values):
            return {"one_of": [to_json(of), [to_json(value) for value in values]]}
        case Opaque(name, parameters):
            return {"function": {"name": name, "reads": list(parameters)}}
        case Proposes(tool, stakes):
            return {"proposes": {key: item for key, item in (("tool", tool), ("stakes", stakes)) if item is not None}}
        case _:
            return {_KEYS[type(tree)]: to_json(tree.parts[0])}


def _constant(value: Scalar) -> Any:
    match value:
        case Decimal():
            return {"decimal": str(value)}
        case datetime():
            return {"datetime": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case _:
            return value


def from_json(data: object, functions: Mapping[str, Callable[..., object]] | None = None) -> Formula:
    """The tree of a condition's JSON form. Check it against a state by ``check_fields``.

    Args:
        data: what ``to_json`` gave, as JSON gives it back.
        functions: the named functions that it may use, by name, each with the parameters that the data names.

    Raises:
        ConditionError: the data is of another form, or names a function that is not given.
    """
    try:
        return _Reader(functions or {}).formula(data)
    except RecursionError as error:
        raise ConditionError("a condition's JSON is nested too deeply") from error


class _Reader:
    def __init__(self, functions: Mapping[str, Callable[..., object]]) -> None:
        self.functions = functions

    def formula(self, data: object) -> Formula:
        match _entry(data):
            case (op, [left, right]) if op in get_args(CompareOp):
                return Compare(cast(CompareOp, op), self.term(left), self.term(right))
            case ("and" | "or" as key, [_, _, *_] as items) | ("none_of" as key, [_, *_] as items):
                return _JOINS[key](tuple(self.formula(item) for item in items))
            case ("exists", of):
                return Exists(self.term(of))
            case ("contains", [of, item]):
                return Contains(self.term(of), self.term(item))
            case ("one_of", [of, [_, *_] as values]):
                return OneOf(self.term(of), tuple(self.constant(value) for value in values))
            case ("function", {"name": str(name), "reads": reads, **rest}) if not rest:
                return self.function(name, reads)
            case ("proposes", {"tool": str(tool), **rest}) if not rest:
                return Proposes(tool=tool)
            case ("proposes", {"stakes": str(stakes), **rest}) if not rest:
                return Proposes(stakes=stakes)
            case ("proposes", asked) if asked == {}:
                return Proposes()
            case _:
                raise _refusal(data, "condition")

    def term(self, data: object) -> Term:
        match _entry(data):
            case ("read", str(name)):
                return Read(name)
            case ("attr", [of, str(name)]):
                return Attr(self.term(of), name)
            case (op, [left, right]) if op in get_args(ArithOp):
                return Arith(cast(ArithOp, op), self.term(left), self.term(right))
            case (key, of) if key in _TERMS:
                return _TERMS[key](self.term(of))
            case _:
                return self.constant(data)

    def constant(self, data: object) -> Const:
        match _entry(data):
            case (key, str(written)) if key in _WRITTEN:
                try:
                    return constant(_WRITTEN[key](written))
                except (InvalidOperation, ValueError):
                    raise _refusal(data, f"{key} of a condition") from None
            case _ if isinstance(data, str | int | float):
                return constant(data)
            case _:
                raise _refusal(data, "value of a condition")

    def function(self, name: str, reads: object) -> Opaque:
        if name not in self.functions:
            known = ", ".join(self.functions) or "none"
            raise ConditionError(f"a condition's JSON names the function {name!r}, which is not given (given: {known})")
        leaf = opaque(self.functions[name])
        if list(leaf.parameters) != reads:
            raise ConditionError(
                f"a condition's JSON was made when the parameters of {name} were {reads!r}; "
                f"the function given has {list(leaf.parameters)!r}"
            )
        return leaf


def _entry(data: Any) -> tuple[str, Any]:
    """The one key of an object and its value; an empty key where it is none."""
    if isinstance(data, dict) and len(cast(Mapping[Any, Any], data)) == 1:
        ((key, value),) = cast(Mapping[Any, Any], data).items()
        return (key, value) if isinstance(key, str) else ("", None)
    return "", None


def _refusal(data: object, what: str) -> ConditionError:
    shown = repr(data)
    return ConditionError(f"no {what} is written {shown if len(shown) <= 80 else shown[:79] + '…'} in JSON")
