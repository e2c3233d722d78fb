"""What the figures were measured on: the machine, the versions, and how busy it was with other things."""

from __future__ import annotations

import os
import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("guideway", "langgraph", "langgraph-checkpoint-sqlite", "apache-burr", "dbos", "pydantic-graph", "pydantic")
MEMORY = {"tmpfs", "ramfs"}


def versions() -> dict[str, str]:
    """What is installed, by package."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def load() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]


def file_system(folder: Path) -> str:
    """What kind of file system a folder is on, where the system tells.

    Args:
        folder: the folder.
    """
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    around = [(point, kind) for point, kind in mounts if folder.resolve().is_relative_to(point)]
    return max(around, key=lambda found: len(found[0]), default=("", "unknown"))[1]


def described(folder: Path) -> dict[str, Any]:
    """The machine, for the record.

    Args:
        folder: where the stores are.
    """
    return {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "files": file_system(folder),
        "versions": versions(),
    }


def warning(folder: Path) -> str | None:
    """What is wrong with measuring here.

    Args:
        folder: where the stores are.
    """
    if file_system(folder) in MEMORY:
        return f"{folder} is in memory: a commit there costs nothing, so name a folder on a disk by --folder"
    return None


def busy(before: float, spread: float) -> str | None:
    """Whether others were at work.

    Args:
        before: the load average before the first round.
        spread: the median, over the lines, of the most to the least of a line's rounds.
    """
    signs: list[str] = []
    if before > 0.5:
        signs.append(f"the load average was {before:.2f} before the first round")
    if spread > 1.5:
        signs.append(f"within half of the lines, the slowest round took over {spread:.1f} times the fastest")
    if not signs:
        return None
    return f"The machine was noisy: {', and '.join(signs)}. Measure again on a quiet one."
