"""Copies of what a node reads, so that changing an argument in place changes nothing."""

from __future__ import annotations

import types
from collections.abc import Callable
from copy import copy, deepcopy
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from .annotations import is_model, members
from .shapes import is_dict, is_list

_CONTAINERS = frozenset({list, dict, set})
_FIXED = (bool, int, float, str, bytes, date, time, timedelta, Decimal, UUID, Enum)


def immutable(annotation: Any) -> bool:
    """Whether no value of a type can be changed in place.

    Args:
        annotation: the type.
    """
    return all(_immutable(item) for item in members(annotation))


def _immutable(annotation: Any) -> bool:
    if annotation is None or annotation is type(None):
        return True
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return True
    if origin in (tuple, frozenset):
        return bool(arguments) and all(item is Ellipsis or immutable(item) for item in arguments)
    if not isinstance(annotation, type) or isinstance(annotation, types.GenericAlias):
        return False
    if is_model(annotation):
        fields = annotation.model_fields.values()
        return bool(annotation.model_config.get("frozen")) and all(immutable(item.annotation) for item in fields)
    return issubclass(annotation, _FIXED)


def copier(annotation: Any) -> Callable[[Any], Any] | None:
    """How a value of a type is copied for a node; None: not at all.

    Args:
        annotation: the type.
    """
    if immutable(annotation):
        return None
    return _shallow if all(_immutable(item) or _flat(item) for item in members(annotation)) else deepcopy


def _flat(annotation: Any) -> bool:
    """Whether a type is a container of things that cannot be changed in place."""
    arguments = get_args(annotation)
    return get_origin(annotation) in _CONTAINERS and all(immutable(item) for item in arguments)


def _shallow(value: Any) -> Any:
    return copy(value) if type(value) in _CONTAINERS else value


def copied_messages(messages: Any) -> Any:
    """Copies of messages; for a long conversation much cheaper than a deepcopy, which walks every text.

    Args:
        messages: LangChain messages; None stays None.
    """
    return [_copied(message) for message in messages] if is_list(messages) else messages


def _copied(message: Any) -> Any:
    made = message.model_copy()
    own = made.__dict__
    for name, value in own.items():
        if is_list(value) or is_dict(value):
            own[name] = deepcopy(value) if value else type(value)()
    return made
