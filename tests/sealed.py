"""Folders that nobody can write, not even root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def sealed(folder: Path) -> Iterator[Path]:
    """The folder, and all in it, cannot be written meanwhile: by its modes, and for root by a mount.

    Args:
        folder: is there, and holds no other folders.
    """
    places = [folder, *folder.iterdir()]
    modes = {place: place.stat().st_mode for place in places}
    mounted = os.getuid() == 0
    if mounted:
        for command in (["mount", "--bind", folder, folder], ["mount", "-o", "remount,bind,ro", folder]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                subprocess.run(["umount", folder], capture_output=True, check=False)
                pytest.skip(f"root writes in spite of modes, and may not mount here: {done.stderr.strip()}")
    else:
        for place in reversed(places):
            place.chmod(0o555 if place.is_dir() else 0o444)
    try:
        yield folder
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)
        for place, mode in modes.items():
            place.chmod(mode)
