"""Whether a value of one type can be one of another: a coarse, safe test of signatures against the state.

It says no only where no value could ever fit; the checker (F3) looks closer, along the paths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any, ForwardRef, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel
from typing_extensions import is_typeddict

from .annotations import members

_SCALARS = (bool, int, float, str, bytes)


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
    if _made_of(left, right) or _made_of(right, left):
        return True
    return issubclass(left, right) or issubclass(right, left) or not _settled(left, right)


def _made_of(left: type[Any], right: type[Any]) -> bool:
    """Whether pydantic makes one of the other: a model of a dict."""
    return right == dict and issubclass(left, BaseModel)  # noqa: E721  # `is` would narrow it to what is not known


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
