"""Whether every value of one type is accepted where another is asked for: yes, no with a value, or not known.

Where a type has few values they are tried on pydantic itself; what is not known is never called a mistake.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo

from ...nodes.annotations import bare, is_model, members, metadata
from ...nodes.context import FromState

Fit = tuple[Literal["yes", "no", "unknown"], Any]
"""Whether it fits; for a no, a value that does not."""

YES: Fit = ("yes", None)
UNKNOWN: Fit = ("unknown", None)


def same(wanted: Any, info: FieldInfo) -> bool:
    """Whether a parameter's type is its field's own, so that nothing is validated when it is read.

    Args:
        wanted: the parameter's type.
        info: the field.
    """
    extra = [item for item in metadata(wanted) if not _says_nothing(item)]
    return bare(wanted) == bare(info.annotation) and all(any(item == own for own in info.metadata) for item in extra)


def whole_type(info: FieldInfo) -> Any:
    """A field's type with what is asked of its values besides, such as a bound.

    Args:
        info: the field.
    """
    return Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation


def fits(wanted: Any, given: Any) -> Fit:
    """Whether every value of a type is accepted.

    Args:
        wanted: the type that is asked for.
        given: one member of the type that a value has, without its metadata.
    """
    try:
        return _fits(wanted, given)
    except TypeError:  # a type that has no hash
        return UNKNOWN


@lru_cache(maxsize=4096)
def _fits(wanted: Any, given: Any) -> Fit:
    plain = [item for item, free in _members(wanted) if free]
    if Any in plain or object in plain or given in plain:
        return YES
    values = _values(given)
    if values is not None:
        return _tried(wanted, values)
    if any(_surely(item, given) for item in plain):
        return YES
    return UNKNOWN


def _members(annotation: Any, free: bool = True) -> Iterator[tuple[Any, bool]]:
    """The members of a type, each with whether nothing but its class is asked of a value."""
    free = free and all(_says_nothing(item) for item in metadata(annotation))
    plain = bare(annotation)
    parts = get_args(plain) if len(members(plain)) > 1 else ()
    if not parts:
        yield plain, free
    for part in parts:
        yield from _members(part, free)


def _says_nothing(item: Any) -> bool:
    """Whether a piece of metadata asks nothing of a value."""
    if isinstance(item, FieldInfo):
        return not item.metadata
    return isinstance(item, str | FromState) or item is FromState


def _values(given: Any) -> tuple[Any, ...] | None:
    """All values of a type that has few."""
    if given is None or given is NoneType:
        return (None,)
    if given is bool:
        return (False, True)
    if get_origin(given) is Literal:
        return get_args(given)
    if isinstance(given, type) and issubclass(given, Enum):
        return tuple(given)
    return None


def _tried(wanted: Any, values: tuple[Any, ...]) -> Fit:
    for value in values:
        accepted = accepts(wanted, value)
        if accepted is not True:
            return UNKNOWN if accepted is None else ("no", value)
    return YES


def accepts(wanted: Any, value: Any) -> bool | None:
    """Whether pydantic takes a value; None where the type cannot be tried.

    Args:
        wanted: the type.
        value: the value.
    """
    adapter = _adapter(wanted)
    if adapter is None:
        return None
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True


@lru_cache(maxsize=4096)
def _adapter(wanted: Any) -> TypeAdapter[Any] | None:
    try:
        return TypeAdapter(wanted)
    except (PydanticUserError, TypeError, NameError):
        return None


def _surely(wanted: Any, given: Any) -> bool:
    """Whether a plain type takes all of another: itself, a number, a model's subclass, or a collection of such."""
    if wanted == given or (wanted is float and given is int):
        return True
    if is_model(wanted) and is_model(given):
        return issubclass(given, wanted)
    ours, theirs = get_origin(wanted) or wanted, get_origin(given) or given
    if ours is not theirs or ours not in (list, dict, set, frozenset, tuple):
        return False
    asked, have = get_args(wanted), get_args(given)
    if not asked:
        return True
    return len(asked) == len(have) and all(
        one is other is Ellipsis or all(fits(one, item)[0] == "yes" for item in members(other))
        for one, other in zip(asked, have, strict=True)
    )
