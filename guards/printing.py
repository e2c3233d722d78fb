"""The printed form of a tree, with no more parentheses than its precedence needs; parsing.py reads it back."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from keyword import iskeyword

from .expressions import (
    And,
    Arith,
    Attr,
    Compare,
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
)

CALLS: dict[type[Expr], str] = {
    Some: "some",
    Length: "length",
    First: "first",
    Last: "last",
    Exists: "exists",
    Contains: "contains",
    OneOf: "one_of",
    NoneOf: "none_of",
}
"""The expressions that print as a call of their parts."""

_OR, _AND, _COMPARE, _SUM, _PRODUCT, _ATOM = range(6)


def text(tree: Expr, prefix: str = "") -> str:
    """The printed form, such as ``intent == "refund" and exists(order_id)``.

    Args:
        tree: the expression.
        prefix: put before each field of the state; ``"t."`` gives it as the author wrote it.
    """
    return _Printer(prefix).text(tree, _OR)


class _Printer:
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def text(self, tree: Expr, least: int) -> str:
        """The form of a part, in parentheses where it binds less than its place asks."""
        written, binds = self.form(tree)
        return written if binds >= least else f"({written})"

    def form(self, tree: Expr) -> tuple[str, int]:
        """The form and how tightly it binds."""
        match tree:
            case Const(value):
                return literal(value), _ATOM
            case Read(name):
                return self.prefix + name, _ATOM
            case Attr(of, name):
                return f"{self.text(of, _ATOM)}.{name}", _ATOM
            case Arith(op, left, right):
                binds = _SUM if op in "+-" else _PRODUCT
                return f"{self.text(left, binds)} {op} {self.text(right, binds + 1)}", binds
            case Compare(op, left, right):
                return f"{self.text(left, _SUM)} {op} {self.text(right, _SUM)}", _COMPARE
            case And(items):
                return " and ".join(self.text(item, _AND + 1) for item in items), _AND
            case Or(items):
                return " or ".join(self.text(item, _OR + 1) for item in items), _OR
            case Opaque(name):
                return name, _ATOM
            case Proposes(tool, stakes):
                return f"proposes({_asked(tool, stakes)})", _ATOM
            case _:
                return f"{CALLS[type(tree)]}({', '.join(self.text(part, _OR) for part in tree.parts)})", _ATOM


def literal(value: object) -> str:
    """A constant as it is written: text in double quotes as JSON has it, with nothing in it that cannot be seen."""
    match value:
        case str():
            quoted = json.dumps(value, ensure_ascii=False)
            return "".join(char if char.isprintable() else _escaped(char) for char in quoted)
        case Decimal():
            return f'Decimal("{value}")'
        case datetime():
            return f'datetime("{value.isoformat()}")'
        case date():
            return f'date("{value.isoformat()}")'
        case _:
            return repr(value)


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _asked(tool: str | None, stakes: str | None) -> str:
    plain = tool is not None and tool.isidentifier() and tool.isascii() and not iskeyword(tool)
    named = "" if tool is None else tool if plain else literal(tool)
    staked = "" if stakes is None else f"stakes={literal(stakes)}"
    return ", ".join(part for part in (named, staked) if part)
