"""Tests of values that nobody has typed, which leave type checkers knowing that the items are anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import TypeIs


def is_list(value: object) -> TypeIs[list[Any]]:
    """Whether a value is a list."""
    return isinstance(value, list)


def is_tuple(value: object) -> TypeIs[tuple[Any, ...]]:
    """Whether a value is a tuple."""
    return isinstance(value, tuple)


def is_series(value: object) -> TypeIs[list[Any] | tuple[Any, ...]]:
    """Whether a value is a list or a tuple."""
    return isinstance(value, list | tuple)


def is_dict(value: object) -> TypeIs[dict[str, Any]]:
    """Whether a value is a dict; its keys are taken for text, as those of JSON are."""
    return isinstance(value, dict)


def is_frozenset(value: object) -> TypeIs[frozenset[Any]]:
    """Whether a value is a frozenset."""
    return isinstance(value, frozenset)


def is_mapping(value: object) -> TypeIs[Mapping[str, Any]]:
    """Whether a value is a mapping; its keys are taken for text, as those of JSON are."""
    return isinstance(value, Mapping)
