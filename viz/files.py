"""Writes a file whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from ..errors import FlowError, caller


def write(path: Path, data: bytes) -> None:
    """Writes a file, so that whoever reads its name finds the old content or the new, and never a part.

    Args:
        path: the file.
        data: its content.

    Raises:
        FlowError: the file cannot be written; nothing is left behind.
    """
    place = path.resolve()  # what a link names is written, and the link stays
    if place.is_dir():
        raise FlowError(f"cannot write {str(path)!r}: it is a folder; name a file in it", where=caller())
    if place.exists() and not os.access(place, os.W_OK):
        raise FlowError(f"cannot write {str(path)!r}: the file is read-only", where=caller())
    draft = place.with_name(f".guideway-{secrets.token_hex(8)}")
    try:
        with open(draft, "xb") as file:
            file.write(data)
        os.replace(draft, place)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        why = f"there is no folder {str(path.parent)!r}" if isinstance(error, FileNotFoundError) else error.strerror
        raise FlowError(f"cannot write {str(path)!r}: {why}", where=caller()) from error
