"""Secrets in data: sealed where a value becomes JSON, opened where it becomes a value of its type again.

What is sealed is ``{"$secret": "v1...."}``: the secret under the key of its run's vault, by AES-SIV (RFC 5297). The
same secret in the same run is the same data, so that calls can be compared and digests taken over it, and neither can
be computed without the key. The vault in use is a matter of the context: a run sets its own while it is folded,
driven and decided about. Outside of runs there is one that dies with the process.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, from_json, to_json, to_jsonable_python

from ..errors import StateInvalid
from ..guards.secrecy import (
    SEALED,
    SECRETS,
    Traits,
    hidden,
    holds_sealed,
    is_sealed,
    masked,
    put_in,
    revealed,
    secrets_in,
    traits_of,
    words_of,
)
from .shapes import is_dict, is_list, is_mapping, is_series

BLOCK = 32
"""Bytes to which a secret is filled up, so that how long it is does not show."""

UNSTORED = "p1."
"""In front of what is sealed under a key that dies with the process: a journal refuses it."""

_BOUND = [b"guideway secret 1"]


class Vault:
    """Seals and opens the secrets of one run.

    Args:
        key: 64 random bytes.
        wrapped: the same under the keys of the App, as the run's first event holds it; "" for none.
        forgets: it is of no run: nothing that it made may be stored, and what it saw is not remembered.
    """

    def __init__(self, key: bytes, wrapped: str = "", *, forgets: bool = False) -> None:
        self.key = key
        self.wrapped = wrapped
        self.version = "v1." if wrapped else UNSTORED
        self.forgets = forgets
        self.words: set[str] = set()
        self.beside: Callable[[], list[Any]] | None = None

    def __repr__(self) -> str:
        return "Vault()"

    @cached_property
    def _cipher(self) -> Any:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # only flows with secrets need it

        return AESSIV(self.key)

    def seal(self, value: Any, *, remember: bool = True) -> dict[str, str]:
        """JSON-able data, sealed.

        Args:
            value: the data.
            remember: keep its texts out of what is said of errors from now on.
        """
        said = to_json(value)
        said += b" " * (-len(said) % BLOCK)
        made = base64.urlsafe_b64encode(self._cipher.encrypt(said, _BOUND)).decode()
        if remember:
            self.know(value)
        return {SEALED: f"{self.version}{made}"}

    def open(self, sealed: str) -> Any:
        """The data that was sealed.

        Args:
            sealed: what ``seal`` made of it.

        Raises:
            StateInvalid: this vault did not make it, or it was changed.
        """
        from cryptography.exceptions import InvalidTag

        try:
            if not sealed.startswith(self.version):
                raise ValueError
            said = self._cipher.decrypt(base64.urlsafe_b64decode(sealed[len(self.version) :].encode()), _BOUND)
        except (ValueError, InvalidTag):
            said = None
        if said is None:
            raise StateInvalid("a sealed secret cannot be opened: it was changed, or is of another run")
        value = from_json(said)
        self.know(value)
        return value

    def know(self, *values: Any) -> None:
        """Remembers what may not be in the text of an error.

        Args:
            values: secrets, or what they hold.
        """
        if not self.forgets:
            self.words |= words_of(values)

    def look_beside(self, find: Callable[[], list[Any]]) -> None:
        """Where else secrets are that may not be in the text of an error: they are looked for when there is one.

        Args:
            find: gives them; asked once, since it may go through much.
        """
        self.beside = find

    def clean(self, text: str) -> str:
        """A text without what may not be in it.

        Args:
            text: any text.
        """
        if self.beside is not None:
            find, self.beside = self.beside, None
            self.know(*find())
        return hidden(text, self.words) if self.words else text


_current: ContextVar[Vault | None] = ContextVar("guideway_vault", default=None)
_own: list[Vault] = []


def vault() -> Vault:
    """The vault in use."""
    found = _current.get()
    if found is not None:
        return found
    if not _own:
        _own.append(Vault(os.urandom(64), forgets=True))
    return _own[0]


@contextmanager
def using(given: Vault | None) -> Generator[None]:
    """Uses a vault in here.

    Args:
        given: the vault; None leaves the one in use.
    """
    if given is None:
        yield
        return
    token = _current.set(given)
    try:
        yield
    finally:
        _current.reset(token)


def cleaned(text: str) -> str:
    """A text without the secrets of the run that is under way.

    Args:
        text: any text, an exception's say.
    """
    found = _current.get()
    return text if found is None else found.clean(text)


# to data and back

_kept: WeakKeyDictionary[TypeAdapter[Any], Traits] = WeakKeyDictionary()
_ANY: TypeAdapter[Any] = TypeAdapter(Any)


LONGEST = 14_000
"""Bits of the longest whole number that is written: about 4,200 digits. JSON's readers refuse more than 4,300."""


def traits(adapter: TypeAdapter[Any]) -> Traits:
    """What values of an adapter's type may hold.

    Args:
        adapter: pydantic's adapter.
    """
    found = _kept.get(adapter)
    if found is None:
        found = _kept[adapter] = traits_of(getattr(adapter, "_type", Any))
    return found


def with_seals(adapter: TypeAdapter[Any], value: Any, data: Any, **options: Any) -> Any:
    """Data of a value with its secrets sealed; the same where it holds none.

    Args:
        adapter: of the value's type.
        value: the value.
        data: its JSON form, in which pydantic masks secrets, unless the author's serializers tell them.
        options: as they were given to ``dump_python``.

    Raises:
        PydanticSerializationError: a secret at a place whose type names none, or data that says it is one.
    """
    held = traits(adapter)
    if not (held.secret or held.free):
        return data
    secrets = secrets_in(value)
    if holds_sealed(data):
        raise PydanticSerializationError(f"the key {SEALED!r} marks what is sealed: use another name")
    if not secrets:
        return data
    if not held.secret:
        raise PydanticSerializationError("it holds a secret where the type names none: type it SecretStr")
    told = adapter.dump_python(value, mode="python", warnings=False, **options)
    made = vault()
    sealed = _side_by_side(told, data, lambda item: made.seal(_plain(item)))
    if _tells(sealed, words_of(secrets)):  # a serializer or a computed field of the author's tells it
        return made.seal(_side_by_side(told, data, _plain))
    return sealed


def jsonable(adapter: TypeAdapter[Any], value: Any) -> Any:
    """A value of a type as JSON-able data that ``typed`` reads back; its secrets are sealed.

    Args:
        adapter: the type's adapter.
        value: the value.

    Raises:
        PydanticSerializationError: it has no JSON form.
    """
    data = adapter.dump_python(value, mode="json", by_alias=True, round_trip=True, warnings=False)
    _no_giants(data)
    return with_seals(adapter, value, data, by_alias=True, round_trip=True)


def typed(adapter: TypeAdapter[Any], data: Any) -> Any:
    """A value of a type from what ``jsonable`` made of it.

    Args:
        adapter: the type's adapter.
        data: the data.

    Raises:
        ValidationError: it does not fit.
        StateInvalid: a secret in it cannot be opened.
    """
    return adapter.validate_python(opened(data) if traits(adapter).secret else data)


def untyped(value: Any, *, by_alias: bool = True, fallback: Any = None) -> Any:
    """Any value as JSON-able data, its secrets sealed, whatever its type is.

    Args:
        value: the value.
        by_alias: fields of models are told by their aliases.
        fallback: makes something of what has no JSON form; without it that raises.

    Raises:
        PydanticSerializationError: it has no JSON form.
    """
    secrets = secrets_in(value)
    if not secrets:
        return to_jsonable_python(value, by_alias=by_alias, fallback=fallback)
    data = to_jsonable_python(value, by_alias=by_alias, fallback=lambda item: _or_mask(item, fallback))
    told = _ANY.dump_python(value, mode="python", by_alias=by_alias, warnings=False)
    made = vault()
    sealed = _side_by_side(told, data, lambda item: made.seal(_plain(item)))
    return made.seal(_side_by_side(told, data, _plain)) if _tells(sealed, words_of(secrets)) else sealed


def shown(value: Any) -> Any:
    """Any value as people see it: JSON-able, its secrets masked, what has no JSON form as ``repr`` has it.

    Args:
        value: the value.
    """
    return masked(untyped(value, fallback=repr))


def opened(data: Any) -> Any:
    """Data with its sealed secrets opened: only for what is read into a type that hides them again.

    Args:
        data: JSON-able data.

    Raises:
        StateInvalid: one cannot be opened.
    """
    return put_in(data, vault().open)


def seals_in(data: Any) -> set[str]:
    """The sealed secrets in data.

    Args:
        data: JSON-able data.
    """
    found: set[str] = set()
    put_in(data, found.add)
    return found


def resealed(data: Any, before: Vault | None, after: Vault | None) -> Any:
    """Data of one run as data of another.

    Args:
        data: JSON-able data.
        before: the vault of the run that it is from; None where that has none.
        after: the vault of the run that takes it.
    """
    if before is None or after is None or before is after:
        return data
    return put_in(data, lambda sealed: after.seal(before.open(sealed)))


def _no_giants(data: Any) -> None:
    left: list[Any] = [data]
    while left:
        item = left.pop()
        if type(item) is int and item.bit_length() > LONGEST:
            raise PydanticSerializationError("a number of more than 4,200 digits, which JSON does not keep")
        if is_dict(item):
            left += item.values()
        elif is_series(item):
            left += item


def _or_mask(item: Any, fallback: Any) -> Any:
    if isinstance(item, SECRETS):
        return str(item)
    if fallback is None:
        raise PydanticSerializationError(f"Unable to serialize unknown type: {type(item)}")
    return fallback(item)


def _plain(secret: Any) -> Any:
    """What a secret holds, as JSON has it."""
    return to_jsonable_python(revealed(secret), by_alias=True)


def _side_by_side(told: Any, data: Any, put: Callable[[Any], Any]) -> Any:
    """Data with something put where the value, as Python has it, holds a secret."""
    if isinstance(told, SECRETS):
        return put(told)
    if is_mapping(told) and is_dict(data):
        if len(told) != len(data):
            return data
        pairs = zip(told.values(), data.items(), strict=True)
        return {name: _side_by_side(item, other, put) for item, (name, other) in pairs}
    if not is_list(data):
        return data
    if isinstance(told, set | frozenset):
        items: list[Any] = [*told]
        return [put(item) for item in items] if any(isinstance(item, SECRETS) for item in items) else data
    parts: list[Any] = list(told) if hasattr(told, "__len__") and not isinstance(told, str | bytes) else []
    if len(parts) != len(data):
        return data
    return [_side_by_side(item, other, put) for item, other in zip(parts, data, strict=True)]


def _tells(data: Any, words: set[str]) -> bool:
    """Whether a text in data, seals apart, tells a secret."""
    left: list[Any] = [data]
    while left:
        item = left.pop()
        if is_sealed(item):
            continue
        if is_dict(item):
            left += [*item.keys(), *item.values()]
        elif is_list(item):
            left += item
        elif isinstance(item, str):
            if item in words or hidden(item, words) != item:
                return True
        elif isinstance(item, int | float) and not isinstance(item, bool) and str(item) in words:
            return True
    return False
