"""Reads the printed form of a condition back into its tree. The text is parsed, never evaluated."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import BaseModel

from ..errors import ConditionError, caller
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
    First,
    Formula,
    Last,
    Length,
    NoneOf,
    OneOf,
    Or,
    Proposes,
    Read,
    Some,
    Term,
    constant,
)
from .rules import check, nearest


def parse(text: str, model: type[BaseModel], functions: Mapping[str, Callable[..., object]] | None = None) -> Formula:
    """The tree of a printed condition, checked against a state.

    Args:
        text: what ``printing.text`` gives, such as ``confidence < 0.7 and exists(order_id)``.
        model: the state.
        functions: the named functions that the text may use, by name.

    Raises:
        UnknownField: it reads a field that the state does not have.
        ConditionError: it is not the printed form of a condition.
    """
    where = caller()
    reader = _Reader(text, functions or {}, where)
    try:
        tree = reader.formula(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConditionError(f"{text!r} is no printed condition: {error}", where=where) from error
    check(tree, model, where)
    return tree


_COMPARE: dict[type[ast.cmpop], CompareOp] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_ARITH: dict[type[ast.operator], ArithOp] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_OF_ONE: dict[str, type[Some | Length | First | Last]] = {
    "some": Some, "length": Length, "first": First, "last": Last,
}  # fmt: skip
_WRITTEN: dict[str, Callable[[str], Any]] = {
    "Decimal": Decimal, "date": date.fromisoformat, "datetime": datetime.fromisoformat,
}  # fmt: skip


@dataclass(frozen=True)
class _Reader:
    text: str
    functions: Mapping[str, Callable[..., object]]
    where: str | None

    def formula(self, node: ast.expr) -> Formula:
        match node:
            case ast.BoolOp(ast.And(), values):
                return And(tuple(self.formula(value) for value in values))
            case ast.BoolOp(ast.Or(), values):
                return Or(tuple(self.formula(value) for value in values))
            case ast.Compare(left, [op], [right]) if type(op) in _COMPARE:
                return Compare(_COMPARE[type(op)], self.term(left), self.term(right))
            case ast.Compare(_, [_, _, *_]):
                raise self.refusal(node, "a chained comparison; write a < b and b < c")
            case ast.Name(name):
                return self.function(node, name)
            case ast.Call(ast.Name("proposes"), arguments, keywords):
                return self.proposes(node, arguments, keywords)
            case ast.Call(ast.Name("exists"), [of], []):
                return Exists(self.term(of))
            case ast.Call(ast.Name("contains"), [of, item], []):
                return Contains(self.term(of), self.term(item))
            case ast.Call(ast.Name("one_of"), [of, _, *_] as arguments, []):
                return OneOf(self.term(of), tuple(self.constant(value) for value in arguments[1:]))
            case ast.Call(ast.Name("none_of"), [_, *_] as arguments, []):
                return NoneOf(tuple(self.formula(item) for item in arguments))
            case _:
                raise self.refusal(node, "no condition; write none_of(...) for `not`, exists(x) for `is not None`")

    def term(self, node: ast.expr) -> Term:
        match node:
            case ast.Name(name):
                return Read(name)
            case ast.Attribute(of, name):
                return Attr(self.term(of), name)
            case ast.BinOp(left, op, right) if type(op) in _ARITH:
                return Arith(_ARITH[type(op)], self.term(left), self.term(right))
            case ast.Call(ast.Name(name), [of], []) if name in _OF_ONE:
                return _OF_ONE[name](self.term(of))
            case _:
                return self.constant(node)

    def constant(self, node: ast.expr) -> Const:
        match node:
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as value)):
                return constant(-value)
            case ast.Call(ast.Name(name), [ast.Constant(str() as written)], []) if name in _WRITTEN:
                try:
                    return constant(_WRITTEN[name](written))
                except (InvalidOperation, ValueError):
                    raise self.refusal(node, f"no {name}") from None
            case ast.Constant(value):
                return constant(value)
            case _:
                raise self.refusal(node, "no value; write a field, a constant or + - * / of them")

    def function(self, node: ast.expr, name: str) -> Formula:
        if name not in self.functions:
            raise self.refusal(
                node, f"no condition: no function of that name is given. {nearest(name, self.functions)}"
            )
        return opaque(self.functions[name])

    def proposes(self, node: ast.expr, arguments: list[ast.expr], keywords: list[ast.keyword]) -> Formula:
        match arguments, keywords:
            case [], []:
                return Proposes()
            case [ast.Name(tool) | ast.Constant(str(tool))], []:
                return Proposes(tool)
            case [], [ast.keyword("stakes", ast.Constant(str(stakes)))]:
                return Proposes(stakes=stakes)
            case _:
                raise self.refusal(node, "proposes() takes nothing, a tool, or stakes=")

    def refusal(self, node: ast.expr, why: str) -> ConditionError:
        said = ast.get_source_segment(self.text.strip(), node) or self.text
        return ConditionError(f"{said!r} is {why}", where=self.where)
