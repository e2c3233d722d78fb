"""The cases that a row's conditions tell apart, each with a state: exact, and found without a solver.

It can be done where each condition compares one field with constants, asks whether it is there, or is a named
function: a field's values then fall into few classes, which the conditions cannot tell apart inside, and one value
of each is tried by evaluation itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from itertools import pairwise, product
from math import ceil, floor, prod
from types import SimpleNamespace
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ...guards.evaluation import Prepared
from ...guards.expressions import And, Compare, Const, Exists, Expr, Formula, NoneOf, OneOf, Opaque, Or, Read, Some
from ...guards.kinds import BOOL, DATE, NUMBER, TEXT, Choice, Kind, kind_of_type, leaves
from ...guards.values import equal, exact
from .fitting import accepts, whole_type
from .samples import NoSample, present

MOST = 600
"""How many states are tried at most; where there are more the solver is asked."""

Values = dict[str, Any]


class _Asked:
    """What the conditions of a row ask of each field."""

    def __init__(self) -> None:
        self.constants: dict[str, list[Any]] = {}
        self.ordered: set[str] = set()
        self.functions: dict[Opaque, None] = {}

    def take(self, tree: Expr) -> bool:
        """Takes up a condition; false where it is not of the kinds that can be tried."""
        match tree:
            case And(items) | Or(items) | NoneOf(items):
                return all(self.take(item) for item in items)
            case Compare(op, left, Const(value)) | Compare(op, Const(value), left) if (
                name := _field(left)
            ) is not None:
                self.constants.setdefault(name, []).append(value)
                self.ordered |= {name} if op not in ("==", "!=") else set()
            case OneOf(of, values) if (name := _field(of)) is not None:
                self.constants.setdefault(name, []).extend(item.value for item in values)
            case Exists(of) if (name := _field(of)) is not None:
                self.constants.setdefault(name, [])
            case Opaque(_, parameters):
                self.functions[tree] = None
                for name in parameters:
                    self.constants.setdefault(name, [])
            case _:
                return False
        return True


def _field(term: Expr) -> str | None:
    while isinstance(term, Some):
        term = term.of
    return term.name if isinstance(term, Read) else None


def table(
    model: type[BaseModel], edges: Sequence[Sequence[Formula]], types: Mapping[str, Any]
) -> dict[int, Values] | None:
    """Which edges can pass together: their places as bits, each with values of fields; None: it cannot be tried.

    What named functions say is free, and not among the values.

    Args:
        model: the state.
        edges: the conditions of each edge.
        types: of fields that were just written, the type of what was written.
    """
    asked = _Asked()
    if not all(asked.take(tree) for edge in edges for tree in edge):
        return None
    tried: dict[str, list[Any]] = {}
    for name in sorted(asked.constants):
        found = _classes(model, name, asked.constants[name], ordered=name in asked.ordered, written=types.get(name))
        if found is None:
            return None
        tried[name] = found
    functions = list(asked.functions)
    if prod(map(len, tried.values())) * 2 ** len(functions) > MOST:
        return None
    prepared = [[Prepared(tree) for tree in edge] for edge in edges]
    rows: dict[int, Values] = {}
    for values in product(*tried.values()):
        state = SimpleNamespace(**dict(zip(tried, values, strict=True)))
        for said in product((True, False), repeat=len(functions)):
            memo = {
                leaf: None if any(getattr(state, name) is None for name in leaf.parameters) else value
                for leaf, value in zip(functions, said, strict=True)
            }
            bits = 0
            for place, edge in enumerate(prepared):
                if all(item.holds(state, memo=memo) is True for item in edge):
                    bits |= 1 << place
            rows.setdefault(bits, dict(state.__dict__))
    return rows


def _classes(
    model: type[BaseModel], name: str, constants: list[Any], *, ordered: bool, written: Any
) -> list[Any] | None:
    """A value of each class into which constants part the values of a field; None where they are not known."""
    info = model.model_fields[name]
    kind, limits = kind_of_type(info.annotation), _limits(model, name, info)
    if limits is None and constants:
        return None
    narrow = _narrows(info.annotation, written)
    if any(issubclass(leaf, Flag) for leaf in _enums(info.annotation)):
        return None
    if narrow and any(around for _, around in leaves(written)):
        return None
    marks = [*constants, *(limits or ()), *(_named(kind_of_type(written)) if narrow else ())]
    found: list[Any] = [None] if kind.optional else []
    for choice in kind.choices:
        values = [choice.literal.value] if choice.literal is not None else _of(choice, marks, constants, ordered)
        if values is None:
            return None
        found += values
    if limits:
        whole = whole_type(info)
        found = [value for value in found if value is None or accepts(whole, value) is not False]
    if narrow:
        given = kind_of_type(written)
        found = [value for value in found if _can_be(given, value)]
    return _distinct(found)


def _distinct(values: list[Any]) -> list[Any]:
    """Some values, each once; a model or a list among them has no hash."""
    kept: list[Any] = []
    for value in values:
        if not any(type(one) is type(value) and one == value for one in kept):
            kept.append(value)
    return kept


def _limits(model: type[BaseModel], name: str, info: FieldInfo) -> list[Any] | None:
    """The constants of a field's bounds; None where more than bounds is asked of its values."""
    decorators = model.__pydantic_decorators__.field_validators.values()
    if any(name in item.info.fields or "*" in item.info.fields for item in decorators):
        return []
    if any(around for _, around in leaves(info.annotation)):
        return None
    found: list[Any] = []
    for item in info.metadata:
        match item:
            case Ge(value) | Gt(value) | Le(value) | Lt(value):
                found.append(value)
            case _:
                return None
    return found


def _narrows(annotation: Any, written: Any) -> bool:
    """Whether what was written says more than the field's own type, and is stored as it is."""
    if written is None or _enums(annotation) or _enums(written):
        return False
    ours, theirs = kind_of_type(annotation).choices, kind_of_type(written).choices
    sorts = {choice.sort for choice in ours}
    return all(choice.sort in sorts for choice in theirs) and _numbers_of(theirs) <= _numbers_of(ours)


def _numbers_of(choices: Sequence[Choice]) -> set[Any]:
    """The kinds of numbers among some choices: one that is stored as another kind may be rounded."""
    return {choice.type for choice in choices if choice.sort == NUMBER}


def _enums(annotation: Any) -> list[type[Enum]]:
    return [leaf for leaf, _ in leaves(annotation) if isinstance(leaf, type) and issubclass(leaf, Enum)]


def _can_be(kind: Kind, value: Any) -> bool:
    """Whether a value of a type can be equal to a value."""
    if value is None:
        return kind.optional
    sort = kind_of_type(type(value)).choices[0].sort
    return any(
        equal(choice.literal.value, value) is True
        if choice.literal is not None
        else choice.sort == sort and (choice.type is not int or value % 1 == 0)
        for choice in kind.choices
    )


def _named(kind: Kind) -> list[Any]:
    return [choice.literal.value for choice in kind.choices if choice.literal is not None]


def _of(choice: Choice, marks: list[Any], constants: list[Any], ordered: bool) -> list[Any] | None:
    """A value of each class of one sort of values."""
    if choice.sort == BOOL:
        return [True, False]
    if choice.sort == NUMBER and choice.type in (int, float, Decimal):
        return _numbers(choice.type, marks)
    if choice.sort == TEXT and choice.type is str and not ordered:
        texts = [mark for mark in marks if isinstance(mark, str)]
        fresh = "a"
        while fresh in texts:
            fresh += "a"
        return [*texts, fresh]
    if choice.sort == DATE and choice.type is date:
        return _dates([mark for mark in marks if isinstance(mark, date) and not isinstance(mark, datetime)])
    if constants:
        return None
    try:
        return [present(choice.type)]
    except NoSample:
        return None


def _numbers(kind: type, marks: list[Any]) -> list[Any] | None:
    """Each of some numbers, and one between each two of them, below, and above."""
    points = sorted({Fraction(value) for value in map(exact, marks) if value is not None})
    found = {Fraction(0), *points}
    for point in points:
        found |= {Fraction(floor(point) + step) for step in (-1, 0, 1)} | {
            Fraction(ceil(point) + step) for step in (0, 1)
        }
    if kind is not int:
        found |= {(a + b) / 2 for a, b in pairwise(points)}
        edges = (points[0], points[-1]) if points else ()
        found |= {point + step * max(Fraction(1), abs(point)) for point in edges for step in (-1, 1)}
    made = [_number(kind, value) for value in sorted(found, key=lambda value: (abs(value), value))]
    return None if None in made else [value for value in made if value != "none"]


def _number(kind: type, value: Fraction) -> Any:
    """A number as its type has it; ``none`` where the type has no such number, None where that is not known."""
    if kind is int:
        return int(value) if value.denominator == 1 else "none"
    if kind is float:
        try:
            return float(value)
        except OverflowError:
            return "none"
    found = Decimal(value.numerator) / Decimal(value.denominator)
    return found if exact(found) == value else None


def _dates(marks: list[date]) -> list[date]:
    day = timedelta(days=1)
    found = {date(2030, 1, 1), *marks}
    found |= {mark + day for mark in marks if mark < date.max} | {mark - day for mark in marks if mark > date.min}
    return sorted(found)
