"""Arithmetic as text: numbers, the four operations, whole division, signs and parentheses; nothing is ever executed."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable

from .errors import AirlineError

LONGEST = 500
"""Characters of an expression; the longest recorded one has 80."""

_CHARACTERS = frozenset("0123456789+-*/(). ")
_BINARY: dict[type[ast.operator], Callable[[int | float, int | float], int | float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda left, right: left / right,
    ast.FloorDiv: lambda left, right: left // right,
}
_UNARY: dict[type[ast.unaryop], Callable[[int | float], int | float]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


def evaluate(expression: str) -> str:
    """The value, rounded to two decimals and written as a float: ``"152 + 103"`` gives ``"255.0"``.

    Powers are refused although their characters are allowed: a short text could ask for a huge number.

    Args:
        expression: digits, ``+ - * / ( ) .`` and spaces, at most ``LONGEST`` characters.

    Raises:
        AirlineError: another character, no arithmetic, a division by zero, or a number without bounds.
    """
    if not _CHARACTERS.issuperset(expression):
        raise AirlineError("invalid characters in expression")
    if len(expression) > LONGEST:
        raise AirlineError(f"expression is longer than {LONGEST} characters")
    try:
        value = float(_value(ast.parse(expression.strip(), mode="eval").body))
    except (SyntaxError, RecursionError, MemoryError):
        raise AirlineError("invalid syntax in expression") from None
    except ArithmeticError as error:
        raise AirlineError(str(error)) from None
    if not math.isfinite(value):
        raise AirlineError("the result is too large")
    return str(round(value, 2))


def _value(node: ast.expr) -> int | float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left), _value(right))
        case ast.UnaryOp(op=sign, operand=operand) if type(sign) in _UNARY:
            return _UNARY[type(sign)](_value(operand))
        case _:
            raise AirlineError("invalid syntax in expression")
