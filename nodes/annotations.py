"""Reading type annotations: their text, their members, the fields that a value of them spreads over."""

from __future__ import annotations

import types
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, ForwardRef, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from typing_extensions import TypeIs, is_typeddict

from .shapes import is_series


def bare(annotation: Any) -> Any:
    """An annotation without its ``Annotated`` metadata, at the top level."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def metadata(annotation: Any) -> tuple[Any, ...]:
    """The ``Annotated`` metadata of an annotation, at the top level."""
    return tuple(annotation.__metadata__) if get_origin(annotation) is Annotated else ()


def members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, without their metadata; an annotation that is none is its own only member."""
    return tuple(_members(bare(annotation)))


def _members(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) in (Union, types.UnionType):
        for item in get_args(annotation):
            yield from _members(bare(item))
    else:
        yield annotation


def optional(annotation: Any, cls: type) -> bool:
    """Whether an annotation is ``cls`` or ``cls | None``."""
    found = [item for item in members(annotation) if item is not type(None)]
    return found == [cls]


def is_model(annotation: Any) -> TypeIs[type[BaseModel]]:
    """Whether an annotation is a pydantic model."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def spread(annotation: Any) -> dict[str, Any] | None:
    """The fields that a returned value is spread over, with their types; None where it cannot be spread.

    Args:
        annotation: a BaseModel, a TypedDict, or a union of these (None in it writes nothing).
    """
    found: dict[str, Any] = {}
    for item in members(annotation):
        if item is type(None):
            continue
        if is_model(item):
            given = _given(item)
        elif is_typeddict(item):
            given = get_type_hints(item, include_extras=True)
        else:
            return None
        for name, kind in given.items():
            found[name] = Union[found[name], kind] if name in found else kind  # noqa: UP007  # they may be any form
    return found or None


@lru_cache(maxsize=1024)
def _given(model: type[BaseModel]) -> dict[str, Any]:
    """What the fields of a result can hold: pydantic takes a default as it is, so ``id: str = None`` may be None."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        asked = [item for item in info.metadata if not callable(item)]
        found[name] = Annotated[info.annotation, *asked] if asked else info.annotation
        validated = model.model_config.get("validate_default") if info.validate_default is None else True
        if info.is_required() or info.default_factory is not None or validated or _takes(found[name], info.default):
            continue
        found[name] = Union[found[name], None] if info.default is None else Any  # noqa: UP007  # it may be any form
    return found


def _takes(annotation: Any, value: Any) -> bool:
    """Whether a type takes a value; true where that cannot be tried."""
    try:
        TypeAdapter(annotation).validate_python(value)
    except ValidationError:
        return False
    except (PydanticUserError, TypeError, NameError):
        return True
    return True


def text(annotation: Any) -> str:
    """An annotation as an author writes it: ``str | None``, ``list[Order]``, ``Literal['a', 'b']``."""
    annotation = bare(annotation)
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is Any:
        return "Any"
    if annotation is Ellipsis:
        return "..."
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, ForwardRef):
        return annotation.__forward_arg__
    if isinstance(annotation, TypeVar):
        return annotation.__name__
    if is_series(annotation):
        return f"[{', '.join(text(item) for item in annotation)}]"
    found = members(annotation)
    if len(found) > 1:
        return " | ".join(text(item) for item in found)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return f"Literal[{', '.join(_value(item) for item in arguments)}]"
    if origin is not None and arguments:
        return f"{text(origin)}[{', '.join(text(item) for item in arguments)}]"
    name = getattr(annotation, "__qualname__", None) or getattr(annotation, "__name__", None) or repr(annotation)
    return str(name).replace("<locals>.", "")


def _value(item: Any) -> str:
    return str(item) if isinstance(item, Enum) else repr(item)
