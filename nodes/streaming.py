"""Who hears a model's answer while it comes: tokens are for people who watch, and never for the journal.

A model that can speak while it thinks gives each piece of text to ``listener()``; what the listener hears is
the answer's text in order. Nothing else changes: the answer, its tokens and its price are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

Heard = Callable[[str], None]
"""Called with each piece of text of an answer, in order, as it comes."""

_LISTENER: ContextVar[Heard | None] = ContextVar("guideway_heard", default=None)


@contextmanager
def heard_by(listener: Heard | None) -> Generator[None, None, None]:
    """Lets a listener hear the answers of the models that are called inside.

    Args:
        listener: hears them; None where nobody watches, and models answer in one piece.
    """
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def listener() -> Heard | None:
    """Who hears the answer of the model that is called now; None where nobody does."""
    return _LISTENER.get()
