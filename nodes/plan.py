"""The plan of a node over one state: how its arguments are read, and how its result becomes an update.

It is made once for a node and a state, so that a step costs microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from ..guards.messages import is_messages, messages_field
from ..guards.secrecy import MASK, hidden, words_of
from .annotations import bare, members, metadata, spread
from .calls import CallFailed
from .categories import error_record
from .context import FromState
from .copies import copied_messages, copier
from .outcome import ErrorRecord, Failure, Refusal
from .sealing import cleaned, jsonable, traits, typed, untyped
from .shapes import is_dict, is_list, is_mapping, is_tuple
from .signature import MISSING, OMITTED, Param

if TYPE_CHECKING:
    from .node import Node

Reader = tuple[str, str, Callable[[Any], Any] | None, TypeAdapter[Any] | None, Any]
"""A parameter's name, its field, how it is copied, how it is validated, its default."""


class Plan:
    """How one node reads and writes one state.

    Args:
        node: the node.
        model: the state; None for a plain mapping, where everything is copied and validated.
    """

    __slots__ = ("_messages", "_names", "_readers", "_writes", "given_params", "node")

    def __init__(self, node: Node[..., Any], model: type[BaseModel] | None) -> None:
        self.node = node
        self._readers = tuple(_reader(node, param, model) for param in node.params if param.kind == "field")
        self.given_params = tuple(param for param in node.params if param.kind != "field")
        self._writes = node.writes
        self._messages = node.writes is not None and model is not None and messages_field(model) == node.writes
        fields = None if node.writes is not None or node.returns is MISSING else spread(node.returns)
        self._names = tuple(fields or ())

    def read(
        self, values: Mapping[str, Any], edits: Mapping[str, Any] | None = None, only: AbstractSet[str] | None = None
    ) -> dict[str, Any]:
        """The arguments that are state fields: copied, and validated where the parameter's type is its own.

        Args:
            values: the state's fields.
            edits: JSON-able values that replace what the state gives, by parameter.
            only: the parameters that are read; None reads all.

        Raises:
            CallFailed: a value does not fit its parameter (``invalid_input``).
        """
        found: dict[str, Any] = {}
        for name, field, copy, adapter, default in self._readers:
            if only is not None and name not in only:
                continue
            if edits is not None and name in edits:
                found[name] = self.validated(name, edits[name])
                continue
            value = values.get(field, MISSING)
            if value is MISSING:
                if default is MISSING:
                    raise CallFailed(_missing(self.node, name, field))
                found[name] = deepcopy(default)
                continue
            if copy is not None:
                value = copy(value)
            if adapter is not None:
                try:
                    value = adapter.validate_python(value)
                except ValidationError as error:
                    raise CallFailed(_unfit(self.node, name, error)) from error
            found[name] = value
        return found

    def shown(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that are state fields, JSON-able; a value that does not fit is shown as the state has it.

        Args:
            values: the state's fields.
        """
        found: dict[str, Any] = {}
        for name, field, _, adapter, default in self._readers:
            value = values.get(field, default)
            try:
                if adapter is not None and field in values:
                    value = adapter.validate_python(value)
                if value is MISSING or value is OMITTED:
                    continue
                found[name] = jsonable(self.node.adapter(name), value)
            except (ValidationError, PydanticSerializationError):
                found[name] = untyped(value, by_alias=False, fallback=repr)
        return found

    def validated(self, name: str, value: Any) -> Any:
        """A JSON-able value as an argument.

        Args:
            name: the parameter.
            value: the value.

        Raises:
            CallFailed: it does not fit (``invalid_input``).
        """
        try:
            return typed(self.node.adapter(name), value)
        except ValidationError as error:
            raise CallFailed(_unfit(self.node, name, error)) from error

    def given(self, context: Callable[[], Any], refusal: Refusal | None, failure: Failure | None) -> dict[str, Any]:
        """The arguments that are not state fields: the Context, and the Refusal or Failure that led here.

        Args:
            context: makes the Context.
            refusal: the no that led here.
            failure: the failure that led here.

        Raises:
            CallFailed: the node must know why it was reached, and was reached by no such way.
        """
        found: dict[str, Any] = {}
        for param in self.given_params:
            if param.kind == "context":
                found[param.name] = context()
                continue
            why: Any = refusal if param.kind == "refusal" else failure
            if why is None and param.default is not MISSING:
                continue
            if why is None and type(None) not in members(param.annotation):
                raise CallFailed(_unreached(self.node, param))
            found[param.name] = why
        return found

    def update(self, value: Any, ids: Callable[[int], str]) -> dict[str, Any]:
        """What a returned value writes: state field to value.

        Args:
            value: what the node returned.
            ids: gives the id of the n-th message that has none.

        Raises:
            CallFailed: it cannot be spread over fields, or is no message (``invalid_output``).
        """
        if self._writes is not None:
            return {self._writes: identified(value, ids) if self._messages else value}
        if not self._names or value is None:
            return {}
        found: dict[str, Any] | None = None
        if isinstance(value, BaseModel):
            found = {name: getattr(value, name) for name in self._names if name in type(value).model_fields}
        elif is_mapping(value):
            found = {name: value[name] for name in self._names if name in value}
        if not found:
            raise CallFailed(_unspread(self.node, value))
        return found


def _reader(node: Node[..., Any], param: Param, model: type[BaseModel] | None) -> Reader:
    field = param.field or param.name
    info = None if model is None else model.model_fields.get(field)
    if info is None:
        return param.name, field, deepcopy, node.adapter(param.name), param.default
    wanted = bare(param.annotation)
    extra = [item for item in metadata(param.annotation) if item is not FromState and not isinstance(item, FromState)]
    same = wanted == bare(info.annotation) and all(
        any(item is own or item == own for own in info.metadata) for item in extra
    )
    copy = copied_messages if is_messages(info.metadata) else copier(info.annotation)
    return param.name, field, copy, None if same else node.adapter(param.name), param.default


def identified(value: Any, ids: Callable[[int], str]) -> list[Any]:
    """Messages from what a node may return, each with an id that a second execution would give again.

    Args:
        value: a str (a user's message), a message, or a list of what reads as one.
        ids: gives the id of the n-th message that has none.

    Raises:
        CallFailed: something is no message (``invalid_output``).
    """
    from langchain_core.messages import BaseMessage

    from ..guards.messages import with_ids

    items: list[Any] = list(value) if is_list(value) else [value]
    ready: list[Any] = []
    for place, item in enumerate(items):
        try:
            message = item if isinstance(item, BaseMessage) else with_ids([_named(item, ids(place))])[0]
        except (ValueError, TypeError, NotImplementedError) as error:
            raise CallFailed(error_record(error, "invalid_output")) from error
        ready.append(message if message.id else message.model_copy(update={"id": ids(place)}))
    return ready


def _named(item: Any, id: str) -> Any:
    """What reads as a message, with an id where it has none: ``with_ids`` would draw one."""
    if isinstance(item, str):
        return {"role": "user", "content": item, "id": id}
    if is_tuple(item) and len(item) == 2:
        return {"role": item[0], "content": item[1], "id": id}
    if is_dict(item) and not item.get("id"):
        return {**item, "id": id}
    return item


def _missing(node: Node[..., Any], name: str, field: str) -> ErrorRecord:
    what = f"the parameter {name!r} of {node.name!r} reads the field {field!r}, which the state does not hold"
    return ErrorRecord("invalid_input", "MissingField", what)


def _unfit(node: Node[..., Any], name: str, error: ValidationError) -> ErrorRecord:
    message = f"the value for the parameter {name!r} of {node.name!r} does not fit: {told(error, node.adapter(name))}"
    return error_record(error, "invalid_input", message)


def _unreached(node: Node[..., Any], param: Param) -> ErrorRecord:
    word = "a gate's no" if param.kind == "refusal" else "a failure"
    what = (
        f"the parameter {param.name!r} of {node.name!r} tells of {word}, but the node was reached without one; "
        f"type it {param.kind.title()} | None"
    )
    return ErrorRecord("invalid_input", f"No{param.kind.title()}", what)


def _unspread(node: Node[..., Any], value: Any) -> ErrorRecord:
    what = f"{node.name!r} returned {type(value).__name__}, which cannot be spread over state fields"
    return ErrorRecord("invalid_output", "NotSpreadable", what)


def told(error: ValidationError, adapter: TypeAdapter[Any] | None = None) -> str:
    """A validation error in words, one line: place and reason of each mistake, and what was found.

    Args:
        error: pydantic's error.
        adapter: of the type that did not fit: where it may hold secrets, nothing of what was given is told.
    """
    secret = adapter is not None and traits(adapter).secret
    parts: list[str] = []
    for item in error.errors(include_url=False, include_context=False, include_input=True):
        place = ".".join(str(part) for part in item["loc"])
        found = MASK if secret else repr(item["input"])
        short = found if len(found) <= 80 else f"{found[:77]}..."
        said = hidden(item["msg"], words_of([item["input"]])) if secret else item["msg"]
        parts.append(f"{f'{place}: ' if place else ''}{said} (found {short})")
    return cleaned("; ".join(parts))
