"""The keys of an App, and what they are for: each run's secrets are sealed under a key of its own, kept under these.

The run's key stands in its first event, encrypted by Fernet (AES-128-CBC and HMAC-SHA256) under the App's first key.
So keys can be changed while runs are under way: what was sealed stays as it is, and with it every digest over it.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

from pydantic import BaseModel

from ..errors import ConfigError, JournalBroken
from ..flows.flow import Flow
from ..flows.inside import flows_in, nodes_in
from ..guards.secrecy import SEALED, secrets_in, traits_of
from ..nodes.sealing import Vault, resealed, seals_in, using
from ..nodes.shapes import is_dict, is_series

if TYPE_CHECKING:
    from .store.records import EffectRow, Event

GUIDEWAY_KEY = "GUIDEWAY_KEY"
"""The environment variable that holds the key where ``compile`` is given none; several with commas between."""

MAKE = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
"""What makes a key."""

Key = str | bytes
LENGTH = 64
"""Bytes of a run's key: two AES-256 keys, one for the text and one for its tag."""


class Events(Protocol):
    """What has journals: a store."""

    def first(self, run: str | int) -> list[Event]:
        """The run's first event alone."""
        ...


class Keys:
    """The keys of one App.

    Args:
        flow: the flow.
        given: a Fernet key, or several: the first encrypts, all decrypt; None takes those of the environment.
        durable: what is written outlives the process.

    Raises:
        ConfigError: a key is missing, or is none.
    """

    def __init__(self, flow: Flow[Any], given: Key | Sequence[Key] | None, *, durable: bool) -> None:
        self.secret = where_secret(flow)
        self.flow = flow.name
        self._vaults: WeakValueDictionary[str, Vault] = WeakValueDictionary()
        found = _keys(given, flow.line)
        if not found and self.secret is not None and durable:
            raise ConfigError(
                f"flow {flow.name!r} holds secrets ({self.secret}) and its store is durable, so compile needs a key: "
                f"compile(..., key=...), or {GUIDEWAY_KEY} in the environment. This makes one: {MAKE}. Keep it apart "
                "from the store: without it no run that holds a secret goes on",
                where=flow.line,
            )
        self._fernets: Any = None
        if found or self.secret is not None:
            self._fernets = _fernets(found, flow.line)

    def new(self) -> Vault | None:
        """The vault of a new run; None where the flow holds no secrets."""
        if self.secret is None:
            return None
        key = os.urandom(LENGTH)
        made = Vault(key, self._fernets.encrypt(key).decode())
        self._vaults[made.wrapped] = made
        return made

    def again(self, vault: Vault) -> str:
        """A run's key as a new run of it holds it: encrypted under the first key of today.

        Args:
            vault: of the run that it comes from.
        """
        return str(self._fernets.encrypt(vault.key).decode())

    def of(self, events: Sequence[Event], run: str) -> Vault | None:
        """The vault of a run; None where it has none.

        Args:
            events: its journal, or the first of it.
            run: its id.

        Raises:
            ConfigError: none of the keys is that of the run.
        """
        sealed = events[0].body.get("sealed") if events else None
        if sealed is None:
            return None
        wrapped: Any = sealed.get(SEALED) if is_dict(sealed) else None
        if not isinstance(wrapped, str):
            raise JournalBroken(f"run {run!r}: event 1 holds no key for its secrets where one must be", row=1)
        known = self._vaults.get(wrapped)
        if known is None:
            known = self._vaults[wrapped] = Vault(self._unwrapped(wrapped, run), wrapped)
        return known

    def of_run(self, store: Events, run: str) -> Vault | None:
        """The vault of a run of a store; None where this flow holds no secrets.

        Args:
            store: the store.
            run: the run's id.

        Raises:
            ConfigError: none of the keys is that of the run.
        """
        return None if self.secret is None else self.of(store.first(run), run)

    def must_open(self, store: Events, run: str) -> None:
        """Refuses where a run could not go on for want of its key, whether or not this flow holds secrets today.

        Args:
            store: the store.
            run: the run's id.

        Raises:
            ConfigError: none of the keys is that of the run.
        """
        self.of(store.first(run), run)

    def taken_over(self, store: Events, row: EffectRow, vault: Vault | None) -> Any:
        """The result of a call that another run made, its secrets under the key of the run that takes it.

        Args:
            store: the store.
            row: the call's.
            vault: of the run that takes it.
        """
        its = self.of_run(store, row.run) if seals_in(row.result) else None
        return resealed(row.result, its, vault)

    def _unwrapped(self, wrapped: str, run: str) -> bytes:
        from cryptography.fernet import InvalidToken

        found: bytes | None = None
        if self._fernets is not None:
            try:
                found = self._fernets.decrypt(wrapped.encode())
            except (InvalidToken, ValueError):
                found = None
        if found is None or len(found) != LENGTH:
            lacks = "no key was given" if self._fernets is None else "none of the keys that were given opens them"
            raise ConfigError(
                f"run {run!r} of flow {self.flow!r} holds secrets (event 1), and {lacks}. Nothing was changed. Give "
                f"the key that it was started with, compile(..., key=[<today's>, <that one>]) or {GUIDEWAY_KEY}; "
                "if that is lost, so are its secrets, and the run cannot go on: start another",
                run=run,
                event=1,
            )
        return found


def _keys(given: Any, where: str | None) -> list[bytes]:
    """The keys that were given, or stand in the environment."""
    many: list[Any]
    if given is None:
        many = [part.strip() for part in os.environ.get(GUIDEWAY_KEY, "").split(",") if part.strip()]
    else:
        many = [*given] if is_series(given) else [given]
    found: list[bytes] = []
    for one in many:
        if not isinstance(one, str | bytes):
            raise _no_key("it is neither text nor bytes", where)
        found.append(one.encode() if isinstance(one, str) else one)
    return found


def _fernets(keys: list[bytes], where: str | None) -> Any:
    from cryptography.fernet import Fernet, MultiFernet

    refused = False
    made: list[Any] = []
    for key in keys or [Fernet.generate_key()]:  # a store in memory dies with the process, and so may its key
        try:
            made.append(Fernet(key))
        except (ValueError, TypeError):
            refused = True
    if refused:  # outside of the handler: what was given is in no traceback
        raise _no_key("it is not 32 bytes in URL-safe base64", where)
    return MultiFernet(made)


def _no_key(why: str, where: str | None) -> ConfigError:
    return ConfigError(f"key= (or {GUIDEWAY_KEY}) is no key: {why}. This makes one: {MAKE}", where=where)


def where_secret(flow: Flow[Any]) -> str | None:
    """Where a flow, or one inside of it, may hold a secret, in words; None where it holds none.

    Args:
        flow: the flow.
    """
    for inner in flows_in(flow):
        for name in sorted(inner.type.secret):
            return f"the state field {inner.state.__name__}.{name}"
    for node in nodes_in(flow):
        for tool in (node, *getattr(node, "tools", ())):
            for param in tool.params:
                if param.kind == "field" and traits_of(param.annotation).secret:
                    return f"the parameter {param.name!r} of {tool.name!r}"
            if traits_of(tool.returns).secret:
                return f"what {tool.name!r} gives"
    return None


@contextmanager
def hiding(vault: Vault | None, deps: Any) -> Generator[None]:
    """Has the secrets of a run sealed in here, and those of the deps too kept out of what is said of errors.

    Args:
        vault: the run's; None where it has none.
        deps: what ``compile(deps=...)`` was given.
    """
    if deps is not None:
        if vault is None:
            vault = Vault(os.urandom(LENGTH))  # of a run that holds none to seal
        vault.look_beside(lambda: secrets_of(deps))
    with using(vault):
        yield


NEAREST = 2000
"""How many of the values in deps are looked at, the nearest first: deps may hold a whole database."""


def secrets_of(deps: Any) -> list[Any]:
    """The secrets in what ``compile(deps=...)`` was given.

    Args:
        deps: a mapping, a model, a dataclass, or any object with attributes.
    """
    own = getattr(deps, "__dict__", None)
    found = secrets_in(deps, most=NEAREST)
    if isinstance(own, dict) and not isinstance(deps, BaseModel):
        found += secrets_in(own, most=NEAREST)
    return found
