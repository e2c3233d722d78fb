"""One forge for all tests of a worker, and a folder in memory for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.torture import disk
from tests.torture.forge import Forge

MEMORY = "/dev/shm"


@pytest.fixture(scope="session")
def forge() -> Iterator[Forge]:
    """A warm process whose children drive runs, and die."""
    forge = Forge()
    yield forge
    forge.close()


@pytest.fixture(scope="session")
def disks() -> Iterator[Forge]:
    """A forge whose children's calls to the disk are written down, and fail when told to."""
    with TemporaryDirectory() as folder:
        library = disk.build(Path(folder))
        if library is None:
            pytest.skip("there is no C compiler here (cc), or no Linux: calls to the disk cannot be watched")
        forge = Forge(library)
        yield forge
        forge.close()


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder in memory, where there is one.

    A killed process loses nothing that it handed to the kernel, so thousands of kills need not wait for a disk.
    """
    with TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        yield Path(folder)


COUNTED = {
    "kills": "killed by SIGKILL at a commit that was chosen, and driven on",
    "kills at instants": "killed by SIGKILL at any instant, and driven on",
    "stops": "stopped by SIGSTOP, taken over, and woken",
    "races": "raced for one run by six processes",
    "losses": "disks after a power loss that were opened",
    "flips": "files in which bytes were changed, and what came of it was looked at",
    "failures": "times that the disk failed, and the run went on later",
}
"""What is counted, and what it is called."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many kills, stops and races there were: a torture that killed nobody says nothing of kills."""
    reports = [
        found for kind in terminalreporter.stats.values() for found in kind if isinstance(found, pytest.TestReport)
    ]
    told = [item for report in reports if report.when == "call" for item in report.user_properties]
    counts = {name: sum(int(str(count)) for told_, count in told if told_ == name) for name in COUNTED}
    for name, what in COUNTED.items():
        if counts[name]:
            terminalreporter.write_line(f"{what}: {counts[name]}")
    killed = counts["kills"] + counts["kills at instants"]
    if killed:
        terminalreporter.write_line(f"kills in all: {killed}")
