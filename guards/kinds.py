"""Kinds: what a value can be, from the annotation of its field or from a constant.

Types that guideway does not know are taken to admit everything, so that a mistake is only told when it is one.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NewType,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from pydantic import BaseModel, SecretBytes, SecretStr

from .expressions import Const, Scalar
from .printing import literal

ANY, NUMBER, TEXT, BOOL, DATE, DATETIME, BYTES, LIST, SET, DICT, SECRET = (
    "anything", "a number", "text", "a bool", "a date", "a datetime", "bytes", "a list", "a set", "a dict", "a secret",
)  # fmt: skip

_ORDERED = frozenset({ANY, NUMBER, TEXT, DATE, DATETIME})


@dataclasses.dataclass(frozen=True)
class Choice:
    """One thing that a value can be.

    Args:
        sort: what it is compared as; a class where it is none of the sorts above.
        type: its annotation.
        literal: the only value that it can be, where there is only one.
    """

    sort: str | type[Any]
    type: Any
    literal: Const | None = None

    def __str__(self) -> str:
        if self.literal is not None:
            return literal(self.literal.value)
        return str(getattr(self.type, "__name__", self.type)) if get_origin(self.type) is None else str(self.type)


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a value can be: its choices, and None where it is optional."""

    choices: tuple[Choice, ...]
    optional: bool = False

    def __str__(self) -> str:
        return " or ".join(str(choice) for choice in self.choices) or "None"

    @property
    def secret(self) -> bool:
        """Whether it can be a secret."""
        return any(choice.sort == SECRET for choice in self.choices)

    def among(self, sorts: Collection[str]) -> bool:
        """Whether it can be of one of the sorts; what can be anything can."""
        return any(choice.sort in sorts or choice.sort == ANY for choice in self.choices)


@lru_cache(maxsize=4096)
def _kind_of_type(annotation: Hashable) -> Kind:
    found = tuple(_choices(annotation))
    return Kind(
        tuple(choice for choice in found if choice.type is not NoneType), any(c.type is NoneType for c in found)
    )


def kind_of_type(annotation: Any) -> Kind:
    """The kind of an annotation's values.

    Args:
        annotation: a type, as pydantic or ``get_type_hints`` resolved it.
    """
    return _kind_of_type(annotation) if isinstance(annotation, Hashable) else Kind((Choice(ANY, annotation),))


def _choices(annotation: Any) -> Iterator[Choice]:
    for leaf, _ in leaves(annotation):
        origin = get_origin(leaf)
        if origin is Literal:
            for value in get_args(leaf):
                yield _only(value)
        elif isinstance(leaf, type) and issubclass(leaf, Enum):
            for member in leaf:
                yield _only(member)
        else:
            yield Choice(_sort(origin if isinstance(origin, type) else leaf), leaf)


def leaves(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The members of an annotation that are no unions or aliases, each with the metadata that stands around it.

    Args:
        annotation: a type, as pydantic or ``get_type_hints`` resolved it.
        metadata: what stands around all of it, such as a field's bounds.
    """
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        for member in get_args(annotation):
            yield from leaves(member, metadata)
    elif origin is Annotated:
        yield from leaves(get_args(annotation)[0], (*get_args(annotation)[1:], *metadata))
    elif isinstance(annotation, TypeVar):
        yield from leaves(Any if annotation.__bound__ is None else annotation.__bound__, metadata)
    elif isinstance(annotation, NewType):
        yield from leaves(annotation.__supertype__, metadata)
    elif hasattr(annotation, "__value__"):  # a `type` statement's alias
        yield from leaves(annotation.__value__, metadata)
    else:
        yield annotation, metadata


def _only(value: Any) -> Choice:
    plain = value.value if isinstance(value, Enum) else value
    if isinstance(plain, Scalar):
        return Choice(_sort(type(plain)), type(plain), Const(plain))
    return Choice(_sort(type(plain)), type(plain))


_SORTS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, BOOL),
    ((int, float, Decimal), NUMBER),
    (str, TEXT),
    (datetime, DATETIME),
    (date, DATE),
    ((SecretStr, SecretBytes), SECRET),
    (bytes, BYTES),
    (Mapping, DICT),
    (Set, SET),
    ((Sequence, deque), LIST),
)


def _sort(kind: Any) -> str | type[Any]:
    if not isinstance(kind, type) or kind in (Any, object):  # Any is a class since Python 3.11
        return ANY
    if is_typeddict(kind):
        return DICT
    for known, sort in _SORTS:
        if issubclass(kind, known):
            return sort
    found = cast(type[Any], kind)
    if not issubclass(found, BaseModel) and hasattr(found, "__get_pydantic_core_schema__"):
        return ANY  # a marker such as EmailStr: its values are of another type
    return found


def fields_of(model: type[Any]) -> Mapping[str, Any] | None:
    """The fields of a model or dataclass with their types; None where the class is neither."""
    if issubclass(model, BaseModel):
        return {name: info.annotation for name, info in model.model_fields.items()}
    if dataclasses.is_dataclass(model):
        hints = get_type_hints(model)
        return {item.name: hints[item.name] for item in dataclasses.fields(model)}
    return None


def kind_of_constant(constant: Const) -> Kind:
    """The kind of a constant: itself.

    Args:
        constant: the constant.
    """
    return Kind((Choice(_sort(constant.kind), constant.kind, constant),))


def joined(kinds: Iterable[Kind]) -> Kind:
    """The kind of what is of one of these kinds."""
    found = list(kinds)
    return Kind(tuple(choice for kind in found for choice in kind.choices), any(kind.optional for kind in found))


def item_of(choice: Choice) -> Kind:
    """The kind of what a collection holds; for a mapping of its keys."""
    arguments = [item for item in get_args(choice.type) if item is not Ellipsis]
    if not arguments or choice.sort == ANY:
        return kind_of_type(Any)
    if get_origin(choice.type) is tuple:
        return joined(kind_of_type(item) for item in arguments)
    return kind_of_type(arguments[0])


def ordered(left: Choice, right: Choice) -> bool:
    """Whether values of these choices have an order."""
    if left.sort not in _ORDERED or right.sort not in _ORDERED:
        return False
    return left.sort == right.sort or ANY in (left.sort, right.sort)


def overlap(left: Choice, right: Choice) -> bool:
    """Whether two values of these choices can be equal."""
    if ANY in (left.sort, right.sort):
        return True
    if isinstance(left.sort, type) and isinstance(right.sort, type):
        return issubclass(left.sort, right.sort) or issubclass(right.sort, left.sort)
    if left.sort != right.sort:
        return False
    if left.literal is not None and right.literal is not None:
        return left.literal.value == right.literal.value
    return _fits(left.literal, right.type) and _fits(right.literal, left.type)


def _fits(value: Const | None, kind: Any) -> bool:
    """A number with a fraction is no int; everything else of the same sort may fit."""
    return value is None or not isinstance(value.value, float | Decimal) or value.value % 1 == 0 or kind is not int
