"""Whether a value of one type can be one of another: a coarse, safe test of signatures against the state.

It says no only where no value could ever fit; the checker (F3) looks closer, along the paths.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import deepcopy
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, ForwardRef, Literal, TypeVar, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel
from typing_extensions import is_typeddict

from .annotations import bare, is_model, members

_SCALARS = (bool, int, float, str, bytes)
_FIXED = (date, time, timedelta, Decimal, UUID, Enum)


def may_fit(wanted: Any, given: Any) -> bool:
    """Whether some value of ``given`` is accepted where ``wanted`` is asked for.

    Args:
        wanted: the type of a parameter, or of the field that is written.
        given: the type of the field that is read, or of what is returned.
    """
    return any(_one(want, have) for want in members(wanted) for have in members(given))


def _one(want: Any, have: Any) -> bool:
    if _open(want) or _open(have):
        return True
    if get_origin(want) is Literal or get_origin(have) is Literal:
        return _literals(want, have)
    left, right = _kind(want), _kind(have)
    if left is None or right is None:
        return True
    if left in _SCALARS and right in _SCALARS:
        return left is right or (left is float and right is int)
    if issubclass(left, Enum) != issubclass(right, Enum):
        return left in _SCALARS or right in _SCALARS
    if _container(left) and _container(right):
        return _containers(want, have, left, right)
    if (issubclass(left, BaseModel) and right is dict) or (issubclass(right, BaseModel) and left is dict):
        return True
    return issubclass(left, right) or issubclass(right, left) or not _settled(left, right)


def _open(annotation: Any) -> bool:
    return annotation is Any or annotation is object or isinstance(annotation, TypeVar | ForwardRef | str)


def _kind(annotation: Any) -> type | None:
    """The class behind an annotation; None where nothing is known about it."""
    if annotation is None or annotation is type(None):
        return type(None)
    if is_typeddict(annotation):
        return dict
    origin = get_origin(annotation) or annotation
    return origin if isinstance(origin, type) else None


def _container(cls: type) -> bool:
    return issubclass(cls, Sequence | AbstractSet | Mapping) and not issubclass(cls, str | bytes)


def _containers(want: Any, have: Any, left: type, right: type) -> bool:
    if issubclass(left, Mapping) != issubclass(right, Mapping):
        return False
    wanted, given = get_args(want), get_args(have)
    if left is tuple or right is tuple or len(wanted) != len(given):
        return True
    # an empty container fits whatever its items are; only a clash of plain items is surely a mistake
    return all(may_fit(one, other) for one, other in zip(wanted, given, strict=True))


def _literals(want: Any, have: Any) -> bool:
    wanted, given = _values(want), _values(have)
    if wanted is not None and given is not None:
        return bool(wanted & given)
    values, other = (wanted, have) if wanted is not None else (given, want)
    kind = _kind(other)
    return kind is None or any(_typed(value, kind) for _, value in values or ())


def _values(annotation: Any) -> set[tuple[type, Any]] | None:
    if get_origin(annotation) is not Literal:
        return None
    return {(type(item), item) for item in get_args(annotation)}


def _typed(value: Any, kind: type) -> bool:
    return isinstance(value, kind) or (kind is float and isinstance(value, int)) or issubclass(kind, Enum)


def _settled(left: type, right: type) -> bool:
    """Whether pydantic turns no value of one into the other: both plain, or both models."""
    plain = (*_SCALARS, type(None), BaseModel, list, dict, set, tuple, frozenset)
    return issubclass(left, plain) and issubclass(right, plain)


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
    return issubclass(annotation, _SCALARS + _FIXED)


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
