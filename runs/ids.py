"""Names: of new runs, and of the person at the keyboard."""

from __future__ import annotations

import getpass
import os
import secrets
import time

from ..errors import ConfigError, RunNotFound


def new_id() -> str:
    """A new run's id: the day and a random part, short enough to type."""
    return f"{time.strftime('%y%m%d')}-{secrets.token_hex(4)}"


def valid_id(name: str) -> None:
    """Refuses a run's id that could not be typed or told apart.

    Args:
        name: the id.

    Raises:
        ConfigError: it is empty, too long, or holds blanks or unprintable characters.
    """
    if not name or len(name) > 200 or any(char.isspace() or not char.isprintable() for char in name):
        raise ConfigError(f"run_id={name!r} must be 1 to 200 printable characters without blanks")


def known_id(run_id: object) -> str:
    """A run's id as a caller gives it: a text, and never the store's own number of some other run.

    Args:
        run_id: what was given.

    Raises:
        RunNotFound: it is no text.
    """
    if isinstance(run_id, str):
        return run_id
    hint = f"; write {type(run_id).__name__.lower()}.id" if hasattr(run_id, "id") else ""
    raise RunNotFound(f"a run is known by its id, a text, and not by a {type(run_id).__name__}{hint}", run=None)


def system_user() -> str:
    """The operating system's name of whoever runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"
