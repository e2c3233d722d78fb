"""The messages field: LangChain messages with LangGraph's reducer, recognised by name.

Authoring loads no langchain; it is loaded when a value is first validated.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, cast
from uuid import uuid4

from pydantic import BaseModel, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


def add_messages(left: list[Any], right: Any) -> list[Any]:
    """LangGraph's convention for a messages field: append; replace by id; a RemoveMessage removes.

    Pure: every message of ``right`` must bear its id already (``with_ids`` gives them before an event
    is written), so that two folds of one journal never differ.

    Args:
        left: the messages so far.
        right: what a step adds: messages, or anything that ``with_ids`` accepts.

    Raises:
        ValueError: a RemoveMessage names an id that is not there.
    """
    from langchain_core.messages import RemoveMessage

    added = right if _all_ready(right) else with_ids(right)
    for cut in range(len(added) - 1, -1, -1):
        if isinstance(added[cut], RemoveMessage) and added[cut].id == REMOVE_ALL:
            return list(added[cut + 1 :])
    places = _places(left)
    merged: list[Any] = list(left)
    gone: set[int] = set()
    for message in added:
        place = places.get(message.id)
        if isinstance(message, RemoveMessage):
            if place is None:
                _recent.merged = None
                raise ValueError(f"a message of id {message.id!r} is to be removed, but there is none")
            gone.add(place)
        elif place is None:
            places[message.id] = len(merged)
            merged.append(message)
        else:
            merged[place] = message
            gone.discard(place)
    if gone:
        _recent.merged = None
        return [message for place, message in enumerate(merged) if place not in gone]
    _recent.merged, _recent.places, _recent.count = merged, places, len(merged)
    return merged


class _Recent(threading.local):
    """The list that this thread merged last, and where its messages are: a fold of a journal appends to it at once."""

    merged: list[Any] | None = None
    places: dict[Any, int] = {}  # noqa: RUF012  # replaced whole
    count: int = 0


_recent = _Recent()


def _places(left: list[Any]) -> dict[Any, int]:
    """Where each message is, by id; of the list that was merged last it is known, so that appending costs no more."""
    if _recent.merged is left and _recent.count == len(left):
        return _recent.places
    return {message.id: place for place, message in enumerate(left)}


REMOVE_ALL = "__remove_all__"
"""The id of a RemoveMessage that removes everything before it (LangGraph's convention)."""


def _all_ready(value: Any) -> bool:
    from langchain_core.messages import BaseMessage

    given: Any = value
    items: list[Any] = given if isinstance(value, list) else [None]
    return all(isinstance(item, BaseMessage) and item.id for item in items)


def with_ids(value: Any) -> list[BaseMessage]:
    """Messages from what an author may write (a str, a dict, a pair, a message, a list), each with an id.

    Args:
        value: one message or a list; text is a user's message.

    Raises:
        ValueError: something cannot be read as a message.
    """
    from langchain_core.messages import BaseMessage, convert_to_messages

    given: Any = value
    items: list[Any] = list(given) if isinstance(value, list | tuple) and not _is_pair(value) else [given]
    ready: list[BaseMessage] = []
    for item in items:
        message: BaseMessage
        try:
            if isinstance(item, BaseMessage):
                message = item
            elif _is_ours(item):
                message = _adapter().validate_python(item)
            else:
                message = convert_to_messages([item])[0]
        except (ValueError, NotImplementedError, LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"{_named(item)} does not read as a message: {_said(error)}") from error
        ready.append(message if message.id else message.model_copy(update={"id": str(uuid4())}))
    return ready


def _named(item: Any) -> str:
    """What was found, without what it says: a message's words are not for an error."""
    given: Any = item
    if isinstance(item, dict):
        return f"a dict with {', '.join(repr(key) for key in given) or 'nothing'}"
    return "None" if item is None else f"a value of type {type(item).__name__}"


def _said(error: Exception) -> str:
    """What is wrong with it, in one line; LangChain has an exception of its own kind for each mistake."""
    if isinstance(error, ValidationError):
        one = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
    if type(error) is KeyError:
        return f"it lacks {error}"
    if "Unexpected message type" in str(error):
        return "its role is none of user, assistant, system, tool, developer"
    return "write a str, a message of LangChain's, or {'role': 'user', 'content': ...}"


def _is_ours(item: Any) -> bool:
    """Whether it is a message as ``plain`` writes it."""
    return isinstance(item, dict) and cast(dict[str, Any], item).get("type") in _TYPES and "role" not in item


def _is_pair(value: Any) -> bool:
    pair: Any = value
    return isinstance(value, tuple) and len(pair) == 2 and isinstance(pair[0], str) and isinstance(pair[1], str)


_TYPES = frozenset({"ai", "human", "system", "tool", "function", "chat", "remove", "developer"})


@lru_cache(maxsize=1)
def _adapter() -> Any:
    from langchain_core.messages import AnyMessage, RemoveMessage
    from pydantic import TypeAdapter

    def read(value: Any) -> Any:
        found: Any = value
        if isinstance(value, dict) and found.get("type") == "remove":
            return RemoveMessage(id=found["id"])
        return typed.validate_python(value)

    typed: TypeAdapter[Any] = TypeAdapter(AnyMessage)

    class Reader:
        validate_python = staticmethod(read)

    return Reader


def plain(message: Any) -> dict[str, Any]:
    """A message as JSON-able data that ``with_ids`` reads back; what is empty is left out.

    Args:
        message: a LangChain message.
    """
    data: dict[str, Any] = message.model_dump(mode="json")
    kept = {key: value for key, value in data.items() if value not in (None, [], {}, False)}
    return {"type": message.type, "content": data["content"]} | kept


class MessagesField:
    """The pydantic side of ``Messages``: reads anything message-like, gives every message an id."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _validated,
            serialization=core_schema.plain_serializer_function_ser_schema(
                _serialised, info_arg=True, when_used="always"
            ),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "object"}, "title": "Messages"}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MessagesField)

    def __hash__(self) -> int:
        return hash(MessagesField)


def _validated(value: Any) -> list[Any]:
    if isinstance(value, list) and not value:
        return []
    return with_ids(value)


def _serialised(value: list[Any], info: core_schema.SerializationInfo) -> list[Any]:
    return [plain(message) for message in value] if info.mode == "json" else value


if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage

    Messages = list[AnyMessage]
else:
    Messages = Annotated[list, MessagesField(), add_messages]


def is_messages(metadata: Any) -> bool:
    """Whether a field's annotation metadata make it a messages field: guideway's, or LangGraph's reducer by name."""
    return any(
        isinstance(item, MessagesField) or getattr(item, "__name__", None) in ("add_messages", "_add_messages")
        for item in metadata
    )


@lru_cache(maxsize=256)
def messages_field(model: type[BaseModel]) -> str | None:
    """The name of the state's messages field, the first where there are several; None where there is none.

    Args:
        model: the state.
    """
    for name, info in model.model_fields.items():
        if is_messages(info.metadata):
            return name
    return None
