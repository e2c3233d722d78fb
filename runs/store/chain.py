"""The chain of a journal: what a payload's bytes are, and how each event seals the one before it."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from struct import Struct
from typing import Any

from pydantic_core import from_json, to_json

from ...errors import StateInvalid
from ...guards.secrecy import SEALED
from ...nodes.sealing import UNSTORED
from .records import Draft, Event

_UNSTORED = f'{{"{SEALED}":"{UNSTORED}'.encode()
_PLACE = Struct(">Qd").pack  # number and time: fixed length, so that what is hashed reads one way only


def encode(value: Any, what: str) -> bytes:
    """The stored bytes of a value: compact JSON.

    Args:
        value: data that JSON can carry.
        what: names the value in an error.

    Raises:
        StateInvalid: JSON cannot carry the value (NaN, a foreign object, text that is not Unicode).
    """
    try:
        return _through(value)[0]
    except _NOT_JSON as error:
        raise _refused(what, error) from error


def decode(payload: str | bytes) -> Any:
    """What was stored; ValueError where the bytes are not JSON."""
    return from_json(payload, allow_inf_nan=False)


def _through(value: Any) -> tuple[bytes, Any]:
    payload = to_json(value, inf_nan_mode="constants")
    if _UNSTORED in payload:
        raise ValueError("a secret that was sealed outside of its run")
    return payload, from_json(payload, allow_inf_nan=False)  # refuses NaN, and nesting that cannot be read again


_NOT_JSON = (ValueError, TypeError, RecursionError)


def _refused(what: str, error: Exception) -> StateInvalid:
    return StateInvalid(
        f"{what} holds a value that JSON cannot carry ({error}). Nothing was committed. "
        "Use finite numbers, text, lists and dicts with text keys."
    )


def genesis(run_id: str) -> bytes:
    """The link before a run's first event: journals of two runs cannot be exchanged."""
    return sha256(b"guideway journal 1\0" + run_id.encode("utf-8", "surrogatepass")).digest()


def seal(link: bytes, number: int, kind: str, at: float, digest: bytes) -> bytes:
    """The link of an event, from the link before it and the digest of its payload."""
    return sha256(link + _PLACE(number, at) + kind.encode() + b"\0" + digest).digest()


def prepare(drafts: Iterable[Draft], tail: int, link: bytes, at: float) -> list[Event]:
    """The events that these drafts become when they are appended after ``tail``.

    Raises:
        StateInvalid: a body that JSON cannot carry.
    """
    events: list[Event] = []
    for draft in drafts:
        tail += 1
        kind = draft.kind
        try:
            payload, body = _through(draft.body)
        except _NOT_JSON as error:
            raise _refused(f"the event {kind!r}", error) from error
        if not payload.startswith(b"{"):
            raise StateInvalid(f"the event {kind!r} has a body that is no object. Nothing was committed.")
        link = seal(link, tail, kind, at, sha256(payload).digest())
        events.append(Event(tail, kind, at, body, link, payload))
    return events


def verify(run_id: str, events: Iterable[Event]) -> int | None:
    """The first event that does not fit the chain, given a run's events from its first on.

    Returns:
        None when all fit, else the number of the first that was changed, or is missing.
    """
    return unfit(genesis(run_id), 0, events)


def unfit(link: bytes, tail: int, events: Iterable[Event]) -> int | None:
    """The first event that does not fit the chain behind an event that does; None when all fit.

    Args:
        link: that event's; the run's genesis where there is none.
        tail: its number.
        events: what comes behind it, in order.
    """
    for expected, event in enumerate(events, tail + 1):
        digest = event.erased or sha256(event.payload).digest()
        link = seal(link, event.number, event.kind, event.at, digest)
        if event.number != expected or event.link != link:
            return expected
    return None
