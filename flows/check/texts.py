"""Whether values of a type can carry free text."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from ...nodes.annotations import bare, is_model, members, metadata
from ...nodes.signature import MISSING

_PLAIN = (bool, int, float, complex, Decimal, date, datetime, time, timedelta, UUID, NoneType)


def carries_text(annotation: Any, _within: tuple[Any, ...] = ()) -> bool:
    """Whether a value of a type can hold text that somebody wrote freely; what is not known can.

    Args:
        annotation: the type.
    """
    if annotation is MISSING:
        return True
    if any(_bound(item) for item in metadata(annotation)):
        return False
    plain = bare(annotation)
    if len(members(plain)) > 1:
        return any(carries_text(item, _within) for item in get_args(plain))
    if plain is None or get_origin(plain) is Literal or plain in _within:
        return False
    if isinstance(plain, type) and issubclass(plain, Enum):
        return False
    if is_model(plain):
        return any(
            carries_text(info.annotation, (*_within, plain))
            for info in plain.model_fields.values()
            if not any(_bound(item) for item in info.metadata)
        )
    inside = get_args(plain)
    if inside and get_origin(plain) in (list, tuple, set, frozenset, dict):
        return any(carries_text(item, _within) for item in inside if item is not Ellipsis)
    return not (isinstance(plain, type) and issubclass(plain, _PLAIN))


def _bound(item: Any) -> bool:
    """Whether a piece of metadata says how a text must look."""
    if getattr(item, "pattern", None) is not None:
        return True
    return any(map(_bound, getattr(item, "metadata", ())))
