"""How conditions see Python's values: what is known of one, when two are equal, and how they are ordered.

None stands for unknown. Numbers are compared exactly, whatever their types, as Python does; a bool is no number.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, TypeGuard

from .expressions import CompareOp


def known(value: object) -> Any:
    """A Python value as conditions see it: an enum's member is its value, None and NaN are unknown (None)."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        return value if value == value else None  # noqa: PLR0124  # only NaN differs from itself
    if isinstance(value, Enum):
        return known(value.value)
    no_number = value.is_nan() if isinstance(value, Decimal) else isinstance(value, float) and math.isnan(value)
    return None if no_number else value


def is_collection(value: object) -> TypeGuard[Collection[Any]]:
    """Whether a value has items to count and to look through."""
    return isinstance(value, Collection)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether a value has a first and a last item; text and bytes are no lists."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def equal(left: Any, right: Any) -> bool | None:
    """Whether two known values are equal; None where their own ``==`` raises."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    try:
        return bool(left == right)
    except Exception:  # noqa: BLE001  # an author's type may raise anything here
        return None


def exact(value: Any) -> int | Fraction | None:
    """A number, exactly; None for what is no finite number, or a Decimal whose digits would fill the memory."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | Fraction):
        return None
    if isinstance(value, int | Fraction):
        return value
    if not math.isfinite(value) or (isinstance(value, Decimal) and abs(value.adjusted()) > _DIGITS):
        return None
    return Fraction(value)


_DIGITS = 308
"""How far from 1 a Decimal may be, in powers of ten: as far as a float."""


_NUMBERS = (int, float, Decimal, Fraction)


def order(value: Any) -> str | None:
    """What a value is ordered among; None where it has no order."""
    if isinstance(value, bool):
        return None
    if isinstance(value, _NUMBERS):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, datetime):
        return "moment" if value.utcoffset() is not None else "local time"
    return "date" if isinstance(value, date) else None


RELATIONS: dict[CompareOp, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


def compared(op: CompareOp, left: Any, right: Any) -> bool | None:
    """A comparison of two known values."""
    if op in ("==", "!="):
        same = equal(left, right)
        return same if op == "==" or same is None else not same
    among = order(left)
    if among is None or among != order(right):
        return None
    return RELATIONS[op](left, right)
