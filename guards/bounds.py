"""The bounds of a value's type: what ``Field(ge=0, max_length=80)`` and the like ask of every value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt, MaxLen, MinLen, MultipleOf
from pydantic.fields import FieldInfo

from .expressions import CompareOp


class Bounds(NamedTuple):
    """What is asked of a value.

    Args:
        compared: comparisons that hold of it, each an operator and a constant.
        length: comparisons that hold of its length.
        multiple: it is a multiple of this.
        strange: whether a number may be infinite, or none at all.
    """

    compared: tuple[tuple[CompareOp, Any], ...] = ()
    length: tuple[tuple[CompareOp, int], ...] = ()
    multiple: Any = None
    strange: bool = False


def bounds(metadata: Iterable[Any]) -> Bounds:
    """The bounds that metadata name; none where a validator stands among them, which may give another value.

    Args:
        metadata: what stands around a type.
    """
    compared: list[tuple[CompareOp, Any]] = []
    length: list[tuple[CompareOp, int]] = []
    multiple, strange, rewritten = None, False, False
    for item in _flat(metadata):
        match item:
            case Ge(value):
                compared.append((">=", value))
            case Gt(value):
                compared.append((">", value))
            case Le(value):
                compared.append(("<=", value))
            case Lt(value):
                compared.append(("<", value))
            case MinLen(count):
                length.append((">=", count))
            case MaxLen(count):
                length.append(("<=", count))
            case MultipleOf(value):
                multiple = value
            case _:
                strange = strange or bool(getattr(item, "allow_inf_nan", False))
                rewritten = rewritten or _changes(item)
    return Bounds(strange=strange) if rewritten else Bounds(tuple(compared), tuple(length), multiple, strange)


def rewrites(metadata: Iterable[Any]) -> bool:
    """Whether what stands around a type may store another value than the one that is written.

    Args:
        metadata: what stands around a type.
    """
    return any(
        _changes(item)
        or getattr(item, "strip_whitespace", None)
        or getattr(item, "union_mode", None) == "left_to_right"
        for item in _flat(metadata)
    )


_TELLING = ("Discriminator", "Tag", "PlainSerializer", "WrapSerializer", "WithJsonSchema")
"""What has a say in a type's schema, and leaves its values as they are."""


def _changes(item: Any) -> bool:
    """Whether a piece of metadata may give another value than one that was looked at: a validator, another case."""
    name = type(item).__name__
    own = hasattr(item, "__get_pydantic_core_schema__") and not isinstance(item, type)  # such as Base64Str's decoder
    cased = getattr(item, "to_lower", None) or getattr(item, "to_upper", None)
    return name.endswith("Validator") or bool(cased) or (own and name not in _TELLING)


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _flat(item.metadata)
        elif isinstance(item, GroupedMetadata):
            yield from _flat(item)
        else:
            yield item
