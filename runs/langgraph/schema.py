"""The classes that a schema's annotations name: what a graph's state may hold beside plain data."""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import AnyUrl, BaseModel
from typing_extensions import is_typeddict

from ...errors import ConfigError, caller


def named_types(schema: Any) -> list[type[Any]]:
    """The models, dataclasses, enums, named tuples and URLs that ``schema`` is or names, in the order found.

    Args:
        schema: a class (a typed dict too) or any annotation; unions, generics, aliases and nested classes are
            looked into.

    Raises:
        ConfigError: an annotation names something that cannot be found at run time.
    """
    found: dict[type[Any], None] = {}
    seen: set[int] = set()
    waiting: list[Any] = [schema]
    while waiting:
        annotation = waiting.pop()
        if id(annotation) in seen:
            continue
        seen.add(id(annotation))
        if hasattr(annotation, "__value__"):  # an alias made by `type X = ...`
            waiting.append(annotation.__value__)
        elif get_origin(annotation) is Literal:
            waiting.extend(type(value) for value in get_args(annotation) if isinstance(value, Enum))
        elif get_args(annotation):
            waiting.extend(get_args(annotation))
        elif isinstance(annotation, type):
            if _holds_data(annotation):
                found[annotation] = None
            waiting.extend(_annotations(annotation))
    return list(found)


def _holds_data(cls: type[Any]) -> bool:
    return issubclass(cls, BaseModel | Enum | AnyUrl) or dataclasses.is_dataclass(cls) or is_named_tuple(cls)


def is_named_tuple(cls: Any) -> bool:
    """Whether a class was made by NamedTuple or namedtuple."""
    return hasattr(cls, "_fields") and issubclass(cls, tuple)


def _annotations(cls: type[Any]) -> list[Any]:
    if issubclass(cls, BaseModel):
        return [field.annotation for field in cls.model_fields.values()]
    if issubclass(cls, Enum | AnyUrl) or not (_holds_data(cls) or is_typeddict(cls)):
        return []
    try:
        return list(get_type_hints(cls).values())
    except NameError as error:
        raise ConfigError(
            f"an annotation of {cls.__module__}.{cls.__qualname__} names {error.name!r}, which is not there at run "
            "time; import it outside `if TYPE_CHECKING`",
            where=caller(),
        ) from error
