"""Copies of what a node reads, so that changing an argument in place changes nothing."""

from __future__ import annotations

import types
from collections.abc import Callable
from copy import deepcopy
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from .annotations import bare, is_model, members
from .shapes import is_dict, is_list

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


_FLAT: dict[Any, Callable[[Any], Any]] = {list: list[Any].copy, dict: dict[Any, Any].copy, set: set[Any].copy}


def copier(annotation: Any) -> Callable[[Any], Any] | None:
    """How a value of a type is copied for a node, so that changing it in place changes nothing; None: not at all.

    Args:
        annotation: the type.
    """
    if immutable(annotation):
        return None
    plain = bare(annotation)
    origin, arguments = get_origin(plain), get_args(plain)
    if origin in _FLAT and all(immutable(item) for item in arguments):
        return _FLAT[origin]
    return deepcopy


def copied_messages(messages: list[Any]) -> list[Any]:
    """Copies of messages; for a long conversation much cheaper than a deepcopy, which walks every text.

    Args:
        messages: LangChain messages.
    """
    return [_copied(message) for message in messages]


def _copied(message: Any) -> Any:
    copy = message.model_copy()
    own = copy.__dict__
    for name, value in own.items():
        if is_list(value) or is_dict(value):
            own[name] = deepcopy(value) if value else type(value)()
    return copy
