"""A function's signature as a node reads it: parameters, their fields and types, and what it returns."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import FrameType
from typing import Any, Final, Literal, get_type_hints

from ..errors import NodeError
from .annotations import metadata, optional
from .context import Context, FromState
from .outcome import Failure, Refusal

ParamKind = Literal["field", "context", "refusal", "failure"]

MISSING: Final[Any] = inspect.Parameter.empty
"""A parameter's default where it has none."""


class Omitted(Enum):
    """The type of ``OMITTED``."""

    OMITTED = "omitted"


OMITTED: Final = Omitted.OMITTED
"""An argument that is left out of the call: an optional one of a tool from elsewhere that nothing gives."""


@dataclass(frozen=True)
class Param:
    """A parameter of a node's function.

    Args:
        name: its name.
        field: the state field that it reads; None where it reads none.
        annotation: its type.
        kind: what it is given: a state field, the Context, the Refusal or the Failure that led here.
        default: its default; ``MISSING`` where it has none.
        hidden: it is marked ``FromState``: a model that calls the tool does not see it.
    """

    name: str
    field: str | None
    annotation: Any
    kind: ParamKind = "field"
    default: Any = MISSING
    hidden: bool = False

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is MISSING


@dataclass(frozen=True)
class Signature:
    """A function's parameters, and the type that it returns (``MISSING`` where the author gave none)."""

    params: tuple[Param, ...]
    returns: Any


_GIVEN: tuple[tuple[type, ParamKind], ...] = ((Context, "context"), (Refusal, "refusal"), (Failure, "failure"))


def read_signature(fn: Any, title: str, where: str | None) -> Signature:
    """Reads a function's signature.

    Args:
        fn: the function.
        title: what it is decorated with, for messages: ``@tool``.
        where: the author's place.

    Raises:
        NodeError: no named function, a generator, a parameter without a type or of a kind that a node cannot
            fill (``*args``, ``**kwargs``, positional only), or a type that cannot be resolved.
    """
    name = require_named(fn, title, where)
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise NodeError(
            f"{title} {name}: a generator cannot be a node, since a step has one result; return a list", where=where
        )
    hints = _hints(fn, f"{title} {name}", where)
    params = tuple(
        _param(param, hints, f"{title} {name}", where) for param in inspect.signature(fn).parameters.values()
    )
    return Signature(params, hints.get("return", MISSING))


def require_named(fn: Any, title: str, where: str | None) -> str:
    """The name of a function, which is the node's name.

    Args:
        fn: the function.
        title: what it is decorated with, for messages.
        where: the author's place.

    Raises:
        NodeError: it is no function, or has no name of its own.
    """
    name = getattr(fn, "__name__", None)
    if not callable(fn) or not isinstance(name, str) or isinstance(fn, type):
        raise NodeError(f"{title} decorates a named function, not {fn!r} ({type(fn).__name__})", where=where)
    if name == "<lambda>":
        raise NodeError(
            f"{title} was given a lambda: write a named function, the name is what reviewers read", where=where
        )
    return name


def _param(param: inspect.Parameter, hints: Mapping[str, Any], title: str, where: str | None) -> Param:
    if param.kind in (param.VAR_POSITIONAL, param.VAR_KEYWORD):
        stars = "*" if param.kind is param.VAR_POSITIONAL else "**"
        raise NodeError(
            f"{title}: the parameter {stars}{param.name} has no state field to read; name each parameter", where=where
        )
    if param.kind is param.POSITIONAL_ONLY:
        raise NodeError(
            f"{title}: the parameter {param.name!r} is positional only, but a node fills parameters by name; "
            "take the '/' out",
            where=where,
        )
    if param.name not in hints:
        raise NodeError(
            f"{title}: the parameter {param.name!r} has no type; write {param.name}: <the type of its state field>",
            where=where,
        )
    annotation = hints[param.name]
    for cls, kind in _GIVEN:
        if optional(annotation, cls):
            return Param(param.name, None, annotation, kind, param.default)
    hidden = any(item is FromState or isinstance(item, FromState) for item in metadata(annotation))
    return Param(param.name, param.name, annotation, "field", param.default, hidden)


def _hints(fn: Callable[..., Any], title: str, where: str | None) -> dict[str, Any]:
    target: Any = fn if hasattr(fn, "__annotations__") else getattr(fn, "__func__", fn)
    try:
        return get_type_hints(target, localns=_locals(target), include_extras=True)
    except NameError as error:
        name = getattr(error, "name", None) or str(error)
        raise NodeError(
            f"{title}: the type {name!r} cannot be resolved: no such name is known where the function is decorated. "
            "Import or define it above the function, and not under 'if TYPE_CHECKING'",
            where=where,
        ) from error
    except Exception as error:
        raise NodeError(f"{title}: its annotations cannot be read: {error}", where=where) from error


def _locals(fn: Any) -> dict[str, Any] | None:
    """Names of the functions that a function is defined in, while they run: its classes are not among its globals."""
    inner = inspect.unwrap(fn)
    code, name = getattr(inner, "__code__", None), getattr(inner, "__qualname__", "")
    if code is None or "<locals>" not in name:
        return None
    found: dict[str, Any] = {}
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        around = frame.f_code
        if around.co_filename == code.co_filename and name.startswith(f"{around.co_qualname}."):
            found = {**frame.f_locals, **found}
        frame = frame.f_back
    return found
