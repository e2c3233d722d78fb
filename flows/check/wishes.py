"""What fields should hold so that a run takes an edge: guesses from the edge's own conditions, tried afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from ...guards.expressions import And, Compare, Const, Exists, Expr, NoneOf, OneOf, Or, Read
from ...guards.limits import Limit
from ...nodes.annotations import members
from ..rows import Route
from .samples import NoSample, present

Fields = Mapping[str, FieldInfo]
Wish = tuple[str, Any]

_INVERSE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


def wishes(row: Sequence[Route], taken: Route | None, fields: Fields) -> Iterator[Wish]:
    """Fields and values: first so that the edge passes, then so that those before it do not.

    Args:
        row: the edges, in the order tried.
        taken: the edge that shall be taken.
        fields: the state's.
    """
    if taken is None:
        return
    chosen: set[str] = set()
    for wish in _all(taken, fields):
        chosen.add(wish[0])
        yield wish
    for route in row:
        if route is taken:
            return
        if route.match is None and taken.match is None:
            yield from _one_of_these_fails(route, fields, chosen)


def _all(route: Route, fields: Fields) -> Iterator[Wish]:
    for item in route.conditions:
        if not isinstance(item, Limit):
            yield from wish(item, True, fields)


def _one_of_these_fails(route: Route, fields: Fields, chosen: set[str]) -> Iterator[Wish]:
    for item in route.conditions:
        if isinstance(item, Limit):
            continue
        found = list(wish(item, False, fields))
        if found and not chosen & {name for name, _ in found}:
            yield from found
            return


def wish(tree: Expr, truth: bool, fields: Fields) -> Iterator[Wish]:
    """What makes a condition true, or false.

    Args:
        tree: the condition.
        truth: which.
        fields: the state's.
    """
    match tree:
        case And(items) | Or(items):
            every = isinstance(tree, And) == truth
            for item in items if every else items[:1]:
                yield from wish(item, truth, fields)
        case NoneOf(items):
            for item in items if truth else items[:1]:
                yield from wish(item, not truth, fields)
        case Exists(Read(name)):
            yield from _present(name, fields) if truth else [(name, None)]
        case OneOf(Read(name), values) if values:
            yield from _compared("==" if truth else "!=", name, values[0].value, fields)
        case Compare(op, Read(name), Const(value)):
            yield from _compared(op if truth else _INVERSE[op], name, value, fields)
        case _:
            return


def _present(name: str, fields: Fields) -> Iterator[Wish]:
    try:
        yield name, present(fields[name].annotation)
    except NoSample:
        return


def _compared(op: str, name: str, value: Any, fields: Fields) -> Iterator[Wish]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if op in ("==", "<=", ">="):
        yield name, value
    elif op == "!=":
        yield from ((name, other) for other in _others(value, fields[name].annotation))
    elif number:
        yield name, value - 1 if op == "<" else value + 1


def _others(value: Any, annotation: Any) -> Iterator[Any]:
    """A value of a type that is not this one."""
    for item in members(annotation):
        if get_origin(item) is Literal:
            yield from [other for other in get_args(item) if other != value][:1]
            return
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
    elif isinstance(value, str):
        yield f"{value}x"
