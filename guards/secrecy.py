"""Secrets in types and in values: which types may hold one, what a value holds, and what is shown in its place.

A secret is pydantic's ``SecretStr``, ``SecretBytes`` or ``Secret[T]``, wherever it is nested.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, NewType, TypeGuard, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import quote

from pydantic import BaseModel, Secret, SecretBytes, SecretStr
from typing_extensions import is_typeddict

MASK = "**********"
"""What is shown in the place of a secret, as pydantic shows it."""

SEALED = "$secret"
"""The only key of a sealed secret in data: its value is what the vault made of it."""

SECRETS: tuple[Any, ...] = (SecretStr, SecretBytes, Secret)

_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})


@dataclasses.dataclass(frozen=True)
class Traits:
    """What values of a type may hold.

    Args:
        secret: a secret may be in one, at a place that its type names.
        free: a place in it takes what its type does not name: keys of a dict, ``Any``, extras of a model.
    """

    secret: bool
    free: bool


def traits_of(annotation: Any) -> Traits:
    """What values of an annotation may hold.

    Args:
        annotation: a type, as pydantic resolved it.
    """
    return _traits(annotation) if isinstance(annotation, Hashable) else Traits(secret=True, free=True)


@lru_cache(maxsize=4096)
def _traits(annotation: Hashable) -> Traits:
    found = {"secret": False, "free": False}
    seen: set[int] = set()
    left: list[Any] = [annotation]
    while left:
        item = left.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        left += _parts(item, found)
    return Traits(**found)


def _parts(item: Any, found: dict[str, bool]) -> list[Any]:
    """The types inside of a type; what it is itself is noted."""
    origin = get_origin(item)
    cls: Any = origin if isinstance(origin, type) else item
    if origin is Annotated:
        return [get_args(item)[0]]
    if isinstance(cls, type) and issubclass(cls, SECRETS):
        found["secret"] = True
        return []
    if hasattr(item, "__value__") and not isinstance(item, type):  # a `type` statement's alias
        return [item.__value__, *get_args(item)]
    if hasattr(origin, "__value__"):
        return [getattr(origin, "__value__"), *get_args(item)]  # noqa: B009  # no class that a type checker knows
    if isinstance(item, TypeVar):
        return [Any if item.__bound__ is None else item.__bound__]
    if isinstance(item, NewType):
        return [item.__supertype__]
    if isinstance(item, type) and origin is None:
        return _of_class(item, found)
    if isinstance(cls, type):
        found["free"] = found["free"] or issubclass(cls, Mapping)
    arguments = [part for part in get_args(item) if part is not Ellipsis]
    return [*arguments, *(_of_class(cls, found) if isinstance(cls, type) and not _collects(cls) else [])]


def _collects(cls: Any) -> bool:
    return not hasattr(cls, "__pydantic_fields__") and issubclass(cls, Collection)


def _of_class(cls: Any, found: dict[str, bool]) -> list[Any]:
    if issubclass(cls, BaseModel):
        found["free"] = found["free"] or cls.model_config.get("extra") == "allow"
        return [info.annotation for info in cls.model_fields.values()]
    if dataclasses.is_dataclass(cls) or is_typeddict(cls) or hasattr(cls, "_fields"):
        try:
            return list(get_type_hints(cls).values())
        except NameError:  # a name that only pydantic could resolve: anything may be in there
            found |= {"secret": True, "free": True}
            return []
    if cls in (Any, object) or issubclass(cls, dict | list | set | frozenset | tuple | Mapping):
        found["free"] = True
    return []


def secrets_in(value: Any, *, most: int | None = None) -> list[Any]:
    """The secrets that a value holds, at any depth: in models, dataclasses, lists, sets, tuples and dicts.

    Args:
        value: any value.
        most: of how many values inside are looked at, those nearest to the top first; None for all.
    """
    found: list[Any] = []
    seen: set[int] = set()
    left: deque[Any] = deque((value,))
    while left and (most is None or len(seen) < most):
        item = left.popleft()
        if type(item) in _PLAIN or id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, SECRETS):
            found.append(item)
        else:
            left.extend(_inside(item))
    return found


def _inside(item: Any) -> Iterable[Any]:
    if _is_mapping(item):
        return [*item.keys(), *item.values()]
    if _is_series(item):
        return item
    if isinstance(item, BaseModel):
        return [*item.__dict__.values(), *(item.model_extra or {}).values()]
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        return [getattr(item, one.name, None) for one in dataclasses.fields(item)]
    return []


def revealed(secret: Any) -> Any:
    """What a secret holds.

    Args:
        secret: the secret.
    """
    return secret.get_secret_value()


def words_of(values: Iterable[Any]) -> set[str]:
    """The texts that values hold: what may not be shown of a secret, or of what was given for one.

    Args:
        values: secrets, or any values.
    """
    found: set[str] = set()
    left = list(values)
    seen: set[int] = set()
    while left:
        item = left.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, SECRETS):
            left.append(revealed(item))
        elif isinstance(item, str):
            found.add(item)
        elif isinstance(item, bytes | bytearray):
            found |= {bytes(item).decode(errors="replace"), bytes(item).hex()}
        elif item is None or isinstance(item, bool):
            continue
        elif inside := list(_inside(item)):
            left += inside
        elif not isinstance(item, BaseModel | Mapping | list | tuple | set | frozenset):
            found.add(str(item))
    return found - {"", MASK}


def hidden(text: str, words: Collection[str]) -> str:
    """A text with secrets taken out of it: as they are, and as JSON, Python, a URL, base64 and hex write them.

    Args:
        text: any text.
        words: what may not be in it; one of less than four letters only where it stands as a word.
    """
    if not words:
        return text
    return _pattern(frozenset(words)).sub(MASK, text)


@lru_cache(maxsize=256)
def _pattern(words: frozenset[str]) -> re.Pattern[str]:
    forms = {form for word in words for form in _forms(word)}
    parts = [
        re.escape(form) if len(form) >= SHORT else rf"(?<!\w){re.escape(form)}(?!\w)"
        for form in sorted(forms, key=len, reverse=True)
    ]
    return re.compile("|".join(parts))


SHORT = 4
"""Letters below which a secret is only taken out where it stands as a word."""


def _forms(word: str) -> Iterator[str]:
    raw = word.encode("utf-8", "surrogatepass")
    yield word
    yield repr(word)[1:-1]
    yield json.dumps(word)[1:-1]
    yield json.dumps(word, ensure_ascii=False)[1:-1]
    yield quote(raw)
    yield quote(raw, safe="")
    if len(raw) < SHORT:
        return
    yield raw.hex()
    yield raw.hex().upper()
    for before in range(3):  # base64 writes three bytes at a time: the same text has three forms
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"\0" * before + raw).decode()
            core = whole[-(-8 * before // 6) : 8 * (before + len(raw)) // 6]
            if len(core) >= SHORT:
                yield core


def is_sealed(value: Any) -> bool:
    """Whether data is a sealed secret, as a vault writes it.

    Args:
        value: JSON-able data.
    """
    return _is_dict(value) and len(value) == 1 and SEALED in value


def masked(value: Any) -> Any:
    """Data with every sealed secret shown as ``MASK``; the same object where there is none.

    Args:
        value: JSON-able data.
    """
    return put_in(value, _mask)


def _mask(_: str) -> str:
    return MASK


def put_in(value: Any, put: Callable[[str], Any]) -> Any:
    """Data with something put in the place of every sealed secret; the same object where there is none.

    Args:
        value: JSON-able data.
        put: called with what the vault made of it.
    """
    if _is_dict(value):
        if len(value) == 1 and isinstance(value.get(SEALED), str):
            return put(value[SEALED])
        items = {name: put_in(item, put) for name, item in value.items()}
        return items if any(items[name] is not item for name, item in value.items()) else value
    if _is_list(value):
        parts = [put_in(item, put) for item in value]
        if all(one is other for one, other in zip(parts, value, strict=True)):
            return value
        return parts if type(value) is list else tuple(parts)
    return value


def holds_sealed(value: Any) -> bool:
    """Whether anything in data says of itself that it is a sealed secret.

    Args:
        value: JSON-able data.
    """
    left: list[Any] = [value]
    while left:
        item = left.pop()
        if _is_dict(item):
            if SEALED in item:
                return True
            left += item.values()
        elif _is_list(item):
            left += item
    return False


def _is_dict(value: Any) -> TypeGuard[dict[Any, Any]]:
    return isinstance(value, dict)


def _is_mapping(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list | tuple)


def _is_series(value: Any) -> TypeGuard[Iterable[Any]]:
    return isinstance(value, list | tuple | set | frozenset)
