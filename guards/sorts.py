"""The sorts of values that a type admits, as conditions compare them: for the symbolic form of conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, Flag
from typing import Any, Literal, cast, get_args, get_origin

from pydantic import BaseModel

from .bounds import Bounds, bounds
from .expressions import Scalar
from .kinds import ANY, BOOL, DATE, LIST, NUMBER, SET, TEXT, Choice, fields_of, kind_of_type, leaves
from .values import known

OTHER, MOMENT, LOCAL = "another", "moment", "local time"
"""Sorts beside those of kinds: what is only equal or not, and the two that a datetime can be."""


@dataclass(frozen=True)
class Sort:
    """One sort of value that a type admits.

    Args:
        sort: what it is compared as; a class where it is a model.
        type: its annotation.
        among: the only values that it can have, each as conditions see it and as Python has it; None: any.
        bounds: what is asked of it.
    """

    sort: str | type[Any]
    type: Any
    among: tuple[tuple[Any, Any], ...] | None
    bounds: Bounds


def item_type(collection: Any, place: str = "between") -> Any:
    """The type of an item of a collection; for a mapping of its keys."""
    arguments = get_args(collection)
    if not arguments:
        return Any
    if get_origin(collection) is tuple:
        if Ellipsis in arguments:
            return arguments[0]
        if place == "between":
            return Any
        return arguments[0 if place == "first" else -1]
    return arguments[0]


def field_of(model: type[Any], name: str) -> tuple[Any, Sequence[Any], bool] | None:
    """A field of a model or a dataclass: its type, what stands around it, and whether it must be given."""
    if issubclass(model, BaseModel):
        info = model.model_fields.get(name)
        if info is None:
            return None
        looked_at = bool(model.__pydantic_decorators__.field_validators)
        return info.annotation, () if looked_at else info.metadata, info.is_required()
    found = fields_of(model) or {}
    return (found[name], (), True) if name in found else None


def sorts_of(annotation: Any, metadata: tuple[Any, ...]) -> tuple[list[Sort], bool]:
    """The sorts of values of a type, and whether one may be unknown."""
    sorts: list[Sort] = []
    optional = False
    for leaf, around in leaves(annotation, metadata):
        asked = bounds(around)
        if isinstance(leaf, type) and issubclass(leaf, Flag):
            sorts.append(Sort(NUMBER, Any, None, Bounds()))  # members may be joined
        elif get_origin(leaf) is Literal or (isinstance(leaf, type) and issubclass(leaf, Enum)):
            found, none = _listed(leaf)
            sorts += found
            optional |= none
        else:
            kind = kind_of_type(leaf)
            optional |= kind.optional or asked.strange or any(choice.sort == ANY for choice in kind.choices)
            for choice in kind.choices:
                sorts += _of(choice, asked)
    return sorts, optional


def _listed(leaf: Any) -> tuple[list[Sort], bool]:
    """The values that a Literal or an enum names, by their sorts, and whether one stands for None."""
    by_sort: dict[str, list[tuple[Any, Any]]] = {}
    none = False
    for member in list(cast(Any, leaf)) if isinstance(leaf, type) else get_args(leaf):
        value = known(member)
        if value is None:
            none = True
        elif isinstance(value, Scalar):
            by_sort.setdefault(_sort_of(value), []).append((value, member))
        else:
            by_sort.setdefault(OTHER, [])
    sorts = [Sort(sort, leaf, tuple(values) or None, Bounds()) for sort, values in by_sort.items()]
    return sorts, none


def _sort_of(value: Scalar) -> str:
    match value:
        case bool():
            return BOOL
        case str():
            return TEXT
        case datetime():
            return MOMENT if value.utcoffset() is not None else LOCAL
        case date():
            return DATE
        case _:
            return NUMBER


def stored(sort: Sort, kind: Any) -> Sort:
    """What is known of a written value where it is stored: a float rounds, and a Decimal takes a float's digits.

    Args:
        sort: what was written.
        kind: the type that it is stored as.
    """
    if sort.sort != NUMBER or kind is sort.type or kind not in (float, Decimal):
        return sort
    members: list[Any] = [member.value if isinstance(member, Enum) else member for _, member in sort.among or ()]
    given: set[Any] = {type(member) for member in members} or {sort.type}
    if given == {kind} or (given == {int} and kind is Decimal):
        return sort
    if given != {int}:
        return replace(sort, type=Any, among=None, bounds=Bounds())
    # rounding keeps the order, so that what is short bounds what is rounded
    compared = tuple(item for item in sort.bounds.compared if abs(item[1]) < _LONGEST)
    short = sort.among is not None and all(abs(value) <= _LONGEST for value, _ in sort.among)
    return replace(
        sort, among=sort.among if short else None, bounds=sort.bounds._replace(compared=compared, multiple=None)
    )


_LONGEST = 2**53
"""Up to where a float tells all whole numbers apart."""

_ANYTHING = (NUMBER, TEXT, BOOL, DATE, MOMENT, LOCAL, LIST, SET, OTHER, "infinite", "-infinite")


def _of(choice: Choice, asked: Bounds) -> Iterator[Sort]:
    """The sorts of what a value can be."""
    match choice.sort:
        case "anything":
            yield from (Sort(sort, Any, None, Bounds()) for sort in _ANYTHING)
        case "a number":
            yield Sort(NUMBER, choice.type, None, asked)
            if asked.strange:
                yield from (Sort(sort, choice.type, None, Bounds()) for sort in ("infinite", "-infinite"))
        case "a datetime":
            yield from (Sort(sort, choice.type, None, asked) for sort in (MOMENT, LOCAL))
        case "text" | "a bool" | "a date" | "bytes" | "a list" | "a set" | "a dict":
            yield Sort(choice.sort, choice.type, None, asked)
        case str():
            yield Sort(OTHER, choice.type, None, Bounds())
        case found if fields_of(found) is not None:
            yield Sort(found, choice.type, None, Bounds())
        case _:
            yield Sort(OTHER, choice.type, None, Bounds())


def leaf_types(annotation: Any) -> list[Any]:
    """The members of a type that are no unions, None among them as its class.

    Args:
        annotation: the type.
    """
    return [type(None) if leaf is None else leaf for leaf, _ in leaves(annotation)]
