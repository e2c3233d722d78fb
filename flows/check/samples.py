"""Made-up values of a type, small and plain: for the examples that checks carry out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from ...guards.bounds import bounds
from ...guards.messages import is_messages
from ...nodes.annotations import is_model, members, metadata, spread
from ...nodes.node import Node
from ...nodes.signature import MISSING
from .fitting import accepts
from .values import always_has


class NoSample(Exception):
    """No value of a type is known."""


_LONGEST = 1_000
"""How long a made-up value is at most."""

_PLAIN: dict[Any, Any] = {
    str: "a", int: 1, float: 1.0, bool: False, bytes: b"a", Decimal: Decimal(1),
    date: date(2024, 1, 1), datetime: datetime(2024, 1, 1, tzinfo=UTC),
}  # fmt: skip


_EMPTY: dict[Any, Callable[[], Any]] = {list: list, dict: dict, set: set, frozenset: frozenset, tuple: tuple}


def sample(annotation: Any) -> Any:
    """A value of a type; None where it may be None.

    Args:
        annotation: the type.

    Raises:
        NoSample: none is known.
    """
    found = members(annotation)
    if NoneType in found or None in found or Any in found:
        return None
    value = present(annotation)
    for other in (value, *_nearby(annotation, value)):
        if accepts(annotation, other) is not False:
            return other
    raise NoSample(annotation)


def _nearby(annotation: Any, value: Any) -> Iterator[Any]:
    """Other values, for a type whose bounds the plainest value is out of."""
    asked = bounds(metadata(annotation))
    if isinstance(value, int | float | Decimal):
        yield from (type(value)(limit) + step for _, limit in asked.compared for step in (0, 1, -1))
    for _, count in asked.length:
        if isinstance(value, str | bytes):
            yield value[:1] * min(count, _LONGEST)
        elif isinstance(value, list):
            yield [sample(item) for item in get_args(members(annotation)[0])[:1]] * min(count, _LONGEST)
    arguments = get_args(members(annotation)[0])
    if isinstance(value, tuple) and Ellipsis not in arguments:
        yield tuple(sample(item) for item in arguments)


def present(annotation: Any) -> Any:
    """A value of a type that is not None.

    Args:
        annotation: the type.

    Raises:
        NoSample: none is known.
    """
    for item in members(annotation):
        if item in _PLAIN:
            return _PLAIN[item]
        if get_origin(item) is Literal:
            return get_args(item)[0]
        if isinstance(item, type) and issubclass(item, Enum):
            return next(iter(item))
        if is_model(item):
            return _model(item)
        empty = _EMPTY.get(get_origin(item) or item)
        if empty is not None:
            return empty()
    raise NoSample(annotation)


def _model(model: type[BaseModel]) -> BaseModel:
    return model.model_validate(
        {info.alias or name: sample(info.annotation) for name, info in model.model_fields.items() if info.is_required()}
    )


def sample_update(node: Node[..., Any], model: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a node could write; nothing is added to messages.

    Args:
        node: the node.
        model: the state.
        given: what it shall write, by field; what it does not return is not written.

    Raises:
        NoSample: no value of a field's type is known.
    """
    types: dict[str, Any] = {}
    if node.kind != "act":
        types = {node.writes: node.returns} if node.writes is not None else spread(node.returns) or {}
    update = {name: value for name, value in given.items() if name not in types}
    for name, annotation in types.items():
        info = model.model_fields.get(name)
        if name in given and (annotation is MISSING or accepts(annotation, given[name]) is not False):
            update[name] = given[name]
        elif name in given and node.writes is None and not always_has(node.returns, name):
            continue  # a result without it
        elif info is not None and annotation is not MISSING and not is_messages(info.metadata):
            update[name] = sample(annotation)
    return update
