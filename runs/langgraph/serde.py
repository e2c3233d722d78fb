"""Values to bytes and back: JSON that gives back exactly what it was given, or refuses.

Plain data is written as JSON has it; anything else as ``{"$": kind, "v": data}``. A kind is looked up in
the live serializer's own table, never imported by a name found in the data, and there is no pickle. What
has no kind is refused when it is written, so that nothing comes back as something else.

Kinds: tuples, sets, bytes, numbers, times and addresses of the standard library; LangChain's messages and
documents; LangGraph's Send, Command, Interrupt and Overwrite; and the classes that a graph's own schema
names (pydantic models, dataclasses, enums, named tuples), which are validated again when they are read.
"""

from __future__ import annotations

import base64
import dataclasses
import ipaddress
import json
import math
import pathlib
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from langchain_core import messages
from langchain_core.documents import Document
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.types import Command, Interrupt, Overwrite, Send, TimeoutPolicy
from pydantic import AnyUrl, BaseModel, RootModel, ValidationError

from ...errors import ConfigError, StoreError, caller
from ...guards.secrecy import SECRETS
from .schema import is_named_tuple, named_types

_TAG = "$"
_PLAIN = frozenset({str, int, bool, type(None)})
_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_class_of: Callable[[Any], Any] = type


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """How the values of one class are written: ``out`` gives data of known kinds, ``back`` takes it again."""

    name: str
    out: Callable[[Any], Any]
    back: Callable[[Any], Any]


class _RefusedError(Exception):
    """A value that cannot be kept; the path to it is gathered on the way up."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []


class StrictSerializer(SerializerProtocol):
    """LangGraph's serializer protocol over strict JSON.

    Args:
        types: what a graph's schema is written with, beyond the kinds that are always known: its state class
            is enough, since every class that its annotations name is taken with it.

    Raises:
        ConfigError: one of ``types`` cannot be kept as data, or two of them bear the same name.
    """

    def __init__(self, types: Iterable[Any] = ()) -> None:
        self._kinds: dict[type[Any], Kind] = dict(_KINDS)
        self._names: dict[str, Kind] = {kind.name: kind for kind in _KINDS.values()}
        for given in types:
            self._learn(given)

    def including(self, types: Iterable[Any]) -> StrictSerializer:
        """This serializer, and ``types`` with it."""
        wider = StrictSerializer()
        wider._kinds, wider._names = dict(self._kinds), dict(self._names)
        for given in types:
            wider._learn(given)
        return wider

    def including_names(self, names: Collection[tuple[str, ...]]) -> StrictSerializer:
        """This serializer and the classes of ``names`` (module, name) that are loaded and can be kept.

        LangGraph names its graphs' schemas so; a name that is not loaded is left out, never imported.
        """
        found = (getattr(sys.modules.get(name[0]), name[-1], None) for name in names if len(name) >= 2)
        return self.including([cls for cls in found if isinstance(cls, type) and kind_of(cls) is not None])

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """``obj`` as ``("json", bytes)``; raises StoreError for a value that would not come back as it is."""
        return "json", self.encode(obj, "the value")

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """What ``dumps_typed`` was given; raises StoreError for anything that it did not write."""
        kind, body = data
        if kind != "json":
            raise StoreError(f"a value is stored as {kind!r}, and guideway reads JSON only; it was not written by it")
        return self.decode(body, "the value")

    def encode(self, value: Any, what: str) -> bytes:
        """``value`` as bytes.

        Args:
            value: what to write.
            what: what the value is, for the message of a refusal.

        Raises:
            StoreError: something in it is of no known kind, or is a secret.
        """
        try:
            return _json(self._tree(value)).encode("utf-8", "surrogatepass")
        except _RefusedError as refused:
            place = what + "".join(reversed(refused.path))
            raise StoreError(f"{place} cannot be stored: {refused.reason}", value=place) from None
        except (RecursionError, ValueError) as error:
            raise StoreError(f"{what} cannot be stored: {error}", value=what) from error

    def decode(self, body: bytes, what: str) -> Any:
        """What ``encode`` was given.

        Args:
            body: the bytes that it returned.
            what: what the value is, for the message of a refusal.

        Raises:
            StoreError: the bytes are not whole, name a kind that this serializer does not have, or hold what
                its class no longer accepts.
        """
        try:
            return json.loads(body.decode("utf-8", "surrogatepass"), object_hook=self._revive)
        except _RefusedError as refused:
            raise StoreError(f"{what} cannot be read: {refused.reason}", value=what) from refused.__cause__
        except (RecursionError, ValueError) as error:
            raise StoreError(f"{what} cannot be read: it is not whole ({error})", value=what) from error

    def _learn(self, given: Any) -> None:
        if isinstance(given, type) and kind_of(given) is None and not named_types(given):
            raise ConfigError(
                f"{given.__module__}.{given.__qualname__} cannot be kept as data: give pydantic models, dataclasses, "
                "typed dicts, enums or named tuples",
                where=caller(),
            )
        for cls in named_types(given):
            kind = kind_of(cls)
            if kind is None or cls in self._kinds:
                continue
            if kind.name in self._names:
                raise ConfigError(f"two classes are named {kind.name}: rename one of them", where=caller())
            self._kinds[cls] = self._names[kind.name] = kind

    def _tree(self, value: Any) -> Any:
        cls = _class_of(value)
        if cls in _PLAIN:
            return value
        if cls is dict:
            return self._dict_tree(value)
        if cls is list:
            return self._list_tree(value)
        if cls is float:
            return value if math.isfinite(value) else {_TAG: "float", "v": repr(value)}
        kind = self._kinds.get(cls)
        if kind is None:
            raise _RefusedError(_no_kind(cls))
        return {_TAG: kind.name, "v": self._tree(kind.out(value))}

    def _dict_tree(self, value: dict[Any, Any]) -> Any:
        tree: dict[str, Any] = {}
        for key, item in value.items():
            if type(key) is not str or key == _TAG:
                return {_TAG: "dict", "v": [[self._tree(k), self._tree(v)] for k, v in value.items()]}
            try:
                tree[key] = item if type(item) in _PLAIN else self._tree(item)
            except _RefusedError as refused:
                refused.path.append(f".{key}")
                raise
        return tree

    def _list_tree(self, value: list[Any]) -> list[Any]:
        tree: list[Any] = []
        for index, item in enumerate(value):
            try:
                tree.append(item if type(item) in _PLAIN else self._tree(item))
            except _RefusedError as refused:
                refused.path.append(f"[{index}]")
                raise
        return tree

    def _revive(self, tree: dict[str, Any]) -> Any:
        if _TAG not in tree:
            return tree
        name = tree[_TAG]
        kind = self._names.get(name) if isinstance(name, str) and tree.keys() == {_TAG, "v"} else None
        if kind is None:
            raise _RefusedError(f"it holds a {name!r}, which is no type of this graph's schema")
        try:
            return kind.back(tree["v"])
        except Exception as error:  # a class of the author's may raise anything when it validates
            raise _RefusedError(f"{name} does not accept what was stored ({_why(error)})") from error


def _no_kind(cls: type[Any]) -> str:
    if issubclass(cls, SECRETS):
        return "it is a secret, which is never written; keep secrets in deps, outside the state"
    way_out = "" if kind_of(cls) is None else f"give its class to the saver as types=[{cls.__name__}], or "
    return (
        f"{cls.__module__}.{cls.__qualname__} is neither plain data nor a type of the graph's schema; "
        f"{way_out}write plain data"
    )


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):  # its own text quotes the data
        return "; ".join(
            f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors(include_input=False)
        )
    return f"{type(error).__name__}: {error}"


def kind_of(cls: type[Any]) -> Kind | None:
    """How a class of a graph's schema is written; None where it cannot be kept as data."""
    name = f"{cls.__module__}.{cls.__qualname__}"
    if issubclass(cls, Flag):
        return Kind(name, lambda value: value.value, cls)
    if issubclass(cls, Enum):
        return Kind(name, lambda value: value.name, lambda key: cls[key])
    if issubclass(cls, RootModel):
        return Kind(name, lambda value: value.root, cls.model_validate)
    if issubclass(cls, BaseModel):
        return _model_kind(name, cls)
    if dataclasses.is_dataclass(cls):
        return _dataclass_kind(name, cls)
    if is_named_tuple(cls):
        return Kind(name, lambda value: value._asdict(), lambda data: cls(**data))
    if issubclass(cls, AnyUrl):
        return Kind(name, str, cls)
    return None


def _model_kind(name: str, cls: type[BaseModel]) -> Kind:
    """A model's fields and extras; its private attributes are no data, and start as in a new one."""
    fields = tuple(cls.model_fields)

    def out(value: BaseModel) -> dict[str, Any]:
        return {**(value.model_extra or {}), **{field: getattr(value, field) for field in fields}}

    return Kind(name, out, lambda data: cls.model_validate(data, by_name=True, by_alias=False))


def _dataclass_kind(name: str, cls: Any) -> Kind:
    fields = dataclasses.fields(cls)
    later = tuple(field.name for field in fields if not field.init)

    def back(data: dict[str, Any]) -> Any:
        value = cls(**{key: item for key, item in data.items() if key not in later})
        for key in later:
            object.__setattr__(value, key, data[key])
        return value

    return Kind(name, lambda value: {field.name: getattr(value, field.name) for field in fields}, back)


def _zone_name(zone: timezone) -> list[Any]:
    offset, name = zone.utcoffset(None), zone.tzname(None)
    return [offset] if name == timezone(offset).tzname(None) else [offset, name]


def _zoneinfo_key(zone: ZoneInfo) -> str:
    if not zone.key:
        raise _RefusedError("a ZoneInfo without a key cannot be found again")
    return zone.key


def _zoned(read: Callable[[str], Any]) -> Callable[[list[Any]], Any]:
    def back(data: list[Any]) -> Any:
        text, fold, zone = data
        if not isinstance(zone, tzinfo | None):
            raise TypeError("its zone is none")
        return read(text).replace(tzinfo=zone, fold=fold)

    return back


def _deque(data: list[Any]) -> deque[Any]:
    return deque(*data)


def _pairs(data: list[Any]) -> dict[Any, Any]:
    return {key: value for key, value in data}  # noqa: C416 - dict(data) would take two-letter strings for pairs


def _known_kinds() -> Mapping[type[Any], Kind]:
    kinds: dict[type[Any], Kind] = {
        dict: Kind("dict", dict, _pairs),  # with keys that JSON does not have; others are written plain
        float: Kind("float", repr, float),  # NaN and the infinities; others are written plain
        tuple: Kind("tuple", list, tuple),
        set: Kind("set", list, set),
        frozenset: Kind("frozenset", list, frozenset),
        deque: Kind("deque", lambda value: [list(value), value.maxlen], _deque),
        bytes: Kind("bytes", lambda value: base64.b64encode(value).decode(), base64.b64decode),
        bytearray: Kind("bytearray", bytes, bytearray),
        Decimal: Kind("decimal", str, Decimal),
        Fraction: Kind("fraction", str, Fraction),
        UUID: Kind("uuid", str, UUID),
        datetime: Kind(
            "datetime",
            lambda value: [value.replace(tzinfo=None).isoformat(), value.fold, value.tzinfo],
            _zoned(datetime.fromisoformat),
        ),
        time: Kind(
            "time",
            lambda value: [value.replace(tzinfo=None).isoformat(), value.fold, value.tzinfo],
            _zoned(time.fromisoformat),
        ),
        date: Kind("date", date.isoformat, date.fromisoformat),
        timedelta: Kind(
            "timedelta", lambda value: [value.days, value.seconds, value.microseconds], lambda data: timedelta(*data)
        ),
        timezone: Kind("timezone", _zone_name, lambda data: timezone(*data)),
        ZoneInfo: Kind("zone", _zoneinfo_key, ZoneInfo),
        type(pathlib.Path()): Kind("path", str, pathlib.Path),
        Send: Kind(
            "Send",
            lambda value: [value.node, value.arg, value.timeout],
            lambda data: Send(data[0], data[1], timeout=data[2]),
        ),
        Interrupt: Kind(
            "Interrupt",
            lambda value: [value.value, value.id, value.response_schema],
            lambda data: Interrupt(value=data[0], id=data[1], response_schema=data[2]),
        ),
    }
    for address in ("IPv4Address", "IPv4Interface", "IPv4Network", "IPv6Address", "IPv6Interface", "IPv6Network"):
        cls = getattr(ipaddress, address)
        kinds[cls] = Kind(address, str, cls)
    for part in (Command, Overwrite, TimeoutPolicy):
        kinds[part] = _dataclass_kind(part.__name__, part)
    models: list[type[BaseModel]] = [*_message_classes(), Document]
    for model in models:
        kinds[model] = _model_kind(model.__name__, model)
    return kinds


def _message_classes() -> list[type[BaseModel]]:
    exported = (getattr(messages, name) for name in messages.__all__)
    return [cls for cls in exported if isinstance(cls, type) and issubclass(cls, messages.BaseMessage)]


_KINDS = _known_kinds()
