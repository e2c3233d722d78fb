"""What a disk keeps when the power goes: built from what a process did to its files, call by call.

The process runs with disk.c before its C library, which writes down every write, sync and name. Here these are played
up to a moment, and the disk of that moment is built: what was synced is there; of what was not, anything may be.
"""

from __future__ import annotations

import ctypes
import errno
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from struct import Struct

SECTOR = 512
_HEAD = Struct("<cIQI")
STORE = "runs.db"
LEDGER = "ledger"
"""The world's own record: it is elsewhere, and loses nothing."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the process, or a mark.

    Args:
        what: O(pened), W(ritten), T(runcated), S(ynced), U(nlinked), M(ark).
        file: which opening it is about.
        place: offset or new length; the flags of an opening.
        data: bytes written, name, or the mark.
    """

    what: str
    file: int
    place: int
    data: bytes

    @property
    def text(self) -> str:
        """The name or the mark."""
        return self.data.decode()


def build(folder: Path) -> Path | None:
    """Compile disk.c; None where there is no compiler.

    Args:
        folder: where the library goes.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or os.uname().sysname != "Linux":
        return None
    made = folder / "disk.so"
    source = Path(__file__).with_suffix(".c")
    options = ["-std=gnu11", "-O1", "-shared", "-fPIC", "-o", str(made), str(source), "-ldl", "-lpthread"]
    subprocess.run([compiler, *options], check=True, capture_output=True, text=True)
    return made


# In the process that is watched


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(os.environ["LD_PRELOAD"])


def watch(folder: Path, log: str) -> None:
    """Write down what this process does to the files of a folder, from now on."""
    _library().disk_watch(os.fsencode(folder), os.fsencode(log))


def mark(text: str) -> None:
    """A word between two calls."""
    _library().disk_mark(text.encode())


def fault(call: str, end: str, after: int = 0, times: int = -1, error: int = errno.ENOSPC) -> None:
    """Let calls fail.

    Args:
        call: open, write, sync, truncate or unlink.
        end: how the file's name ends.
        after: how many go well before.
        times: how many fail; -1 is for good, 0 ends it.
        error: the error's number.
    """
    _library().disk_fault(call.encode(), end.encode(), ctypes.c_long(after), ctypes.c_long(times), error)


# In the test


def calls(log: Path) -> list[Call]:
    """What a process wrote down; its last words may be cut off."""
    data = log.read_bytes()
    found: list[Call] = []
    at = 0
    while at + _HEAD.size <= len(data):
        what, file, place, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        found.append(Call(what.decode(), file, place, data[at : at + length]))
        at += length
    return found


@dataclass(slots=True)
class File:
    """One file: what is surely there, and what was written since it was synced."""

    synced: bytes = b""
    since: list[tuple[int, bytes | None]] = field(default_factory=list[tuple[int, bytes | None]])

    def settle(self) -> None:
        """All that was written is there."""
        self.synced = bytes(_applied(bytearray(self.synced), self.since))
        self.since = []

    def after(self, draw: random.Random | None) -> bytes:
        """What is left of it: nothing of what was not synced, or whatever the draw says."""
        if draw is None:
            return self.synced
        share = draw.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        kept: list[tuple[int, bytes | None]] = []
        for place, data in self.since:
            if data is None:
                kept += [(place, None)] if draw.random() < share else []
            else:
                kept += [part for part in _sectors(place, data) if draw.random() < share]
        kept = [_torn(place, data, draw) for place, data in kept]
        return bytes(_applied(bytearray(self.synced), kept))


def _sectors(place: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    end = place + len(data)
    while place < end:
        stop = min(end, (place // SECTOR + 1) * SECTOR)
        yield place, data[len(data) - (end - place) : len(data) - (end - stop)]
        place = stop


def _torn(place: int, data: bytes | None, draw: random.Random) -> tuple[int, bytes | None]:
    return (place, data) if data is None or draw.random() > 0.02 else (place, data[: draw.randrange(len(data))])


def _applied(whole: bytearray, writes: list[tuple[int, bytes | None]]) -> bytearray:
    for place, data in writes:
        if data is None:
            del whole[place:]
            whole.extend(bytes(place - len(whole)))
        else:
            whole.extend(bytes(max(0, place - len(whole))))
            whole[place : place + len(data)] = data
    return whole


class Disk:
    """The disk under a store's folder, as the calls of a process leave it.

    Args:
        before: the files that are there at first, synced.
    """

    def __init__(self, before: dict[str, bytes] | None = None) -> None:
        self.files = [File(data) for data in (before or {}).values()]
        self.names: dict[str, int] = {name: place for place, name in enumerate(before or {})}
        self.synced_names = dict(self.names)
        self.names_since: list[tuple[str, int | None]] = []
        self.open: dict[int, int | None] = {}

    def take(self, call: Call) -> None:
        """Follow one call."""
        if call.what == "O":
            self._opened(call)
        elif call.what == "U" and _kept(call.text):
            self.names.pop(call.text, None)
            self.names_since.append((call.text, None))
        elif call.what in "WTS" and (place := self.open.get(call.file)) is not None:
            if place < 0:
                self._names_synced()
            elif call.what == "S":
                self.files[place].settle()
            else:
                self.files[place].since.append((call.place, call.data if call.what == "W" else None))
                if self.names.get(LEDGER) == place:
                    self.files[place].settle()

    def _opened(self, call: Call) -> None:
        name = call.text
        if name == ".":
            self.open[call.file] = -1
            return
        if not _kept(name):
            return
        if name not in self.names:
            self.names[name] = len(self.files)
            self.names_since.append((name, len(self.files)))
            self.files.append(File())
        self.open[call.file] = self.names[name]
        if call.place & os.O_TRUNC:
            self.files[self.names[name]].since.append((0, None))

    def _names_synced(self) -> None:
        self.synced_names, self.names_since = dict(self.names), []

    def after(self, draw: random.Random | None = None) -> dict[str, bytes]:
        """The files that are there when the power comes back.

        Args:
            draw: says what of the rest the disk had written already; None: nothing.
        """
        names = dict(self.synced_names)
        if LEDGER in self.names:
            names[LEDGER] = self.names[LEDGER]
        share = 0.0 if draw is None else draw.choice((0.0, 0.5, 1.0))
        for name, place in self.names_since:
            if draw is not None and draw.random() < share:
                if place is None:
                    names.pop(name, None)
                else:
                    names[name] = place
        return {name: self.files[place].after(draw) for name, place in names.items()}


def _kept(name: str) -> bool:
    """Whether a file is the store's or the world's; the index of the log in shared memory never outlives a boot."""
    return name == LEDGER or (name.startswith(STORE) and not name.endswith("-shm"))


def lay(files: dict[str, bytes], folder: Path) -> None:
    """Put files into a new folder."""
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
