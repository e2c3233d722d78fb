"""Who drives a run: a process, known well enough that its death can be proved on the same host."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import socket
import time
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds leases; None is what this system does not tell.

    Args:
        boot: the kernel's id of this boot.
        space: the process namespace, without which process ids mean nothing.
        times: the time namespace, without which monotonic clocks are not comparable.
        pid: the process id.
        started: the process's start in ticks since boot, by which a reused id is recognised.
        user: the operating system's user.
        host: the host's name, for people.
    """

    boot: str | None
    space: str | None
    times: str | None
    pid: int
    started: int | None
    user: str
    host: str

    @staticmethod
    def read(text: str) -> Holder:
        """From the text of a row; ValueError or TypeError when it is none."""
        data = json.loads(text)
        return Holder(**{field.name: data[field.name] for field in fields(Holder) if field.name in data})

    def text(self) -> str:
        """For a row: JSON."""
        return _text(self)

    def describe(self) -> str:
        """For people: ``ann@host pid 123``."""
        return f"{self.user}@{self.host} pid {self.pid}"

    def same_process(self, other: Holder) -> bool:
        """Whether both are one process, surely."""
        return self == other and None not in (self.boot, self.space, self.started)

    def same_clock(self, other: Holder) -> bool:
        """Whether monotonic times of both can be compared: one boot, one time namespace."""
        return self.boot is not None and self.boot == other.boot and self.times == other.times

    def provably_dead(self) -> bool:
        """Whether this process is surely gone: only ever true on the host and in the namespace that it ran in."""
        here = this_process()
        if None in (self.boot, self.space, self.started):
            return False
        if self.boot != here.boot or self.space != here.space:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass  # it lives, under another user
        seen = _stat(self.pid)
        if seen is None:
            return False  # hidden from us, which proves nothing
        state, threads, started = seen
        # a start is told by the clock of the time namespace of whoever asks: elsewhere it is another number
        reused = started != self.started and self.times == here.times
        return reused or (started == self.started and state in "ZX" and threads <= 1)


def this_process() -> Holder:
    """This process."""
    return _process(os.getpid())


Ticks = list[Any]
"""A moment by the monotonic clock, in seconds, behind what tells which boot's clock that is."""


def ticks() -> Ticks | None:
    """Now, by a clock that nobody sets; None where this system does not tell which one it is."""
    here = this_process()
    if here.boot is None:
        return None
    return [_clock(here.boot, here.times), round(time.monotonic(), 3)]


def since(told: Ticks | None, wall: float) -> float:
    """Seconds since a moment: by the monotonic clock where that is the same one, else by the clock on the wall.

    Args:
        told: the moment, as ``ticks`` gave it.
        wall: the same, seconds since the epoch.
    """
    now = ticks()
    if told is not None and now is not None and told[0] == now[0]:
        return float(now[1]) - float(told[1])
    return time.time() - wall


@cache
def _clock(boot: str, times: str | None) -> str:
    return hashlib.sha256(f"{boot} {times}".encode()).hexdigest()[:8]


@cache
def _text(holder: Holder) -> str:
    return json.dumps(asdict(holder), separators=(",", ":"))


@cache
def _process(pid: int) -> Holder:
    seen = _stat(pid)
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):
        user = f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
    own = _link("/proc/self") == str(pid)  # else /proc shows another namespace, whose process ids are not ours
    return Holder(
        boot=_file("/proc/sys/kernel/random/boot_id"),
        space=_link("/proc/self/ns/pid") if own else None,
        times=_link("/proc/self/ns/time"),
        pid=pid,
        started=None if seen is None or not own else seen[2],
        user=user,
        host=socket.gethostname(),
    )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.cache_clear)  # the id of a dead ancestor may come back as our own


def _file(path: str) -> str | None:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip() or None
    except (OSError, ValueError):
        return None


def _link(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None


def _stat(pid: int) -> tuple[str, int, int] | None:
    """State, number of threads and start time of a process; None when it cannot be seen."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            words = file.read().rpartition(b")")[2].split()  # after the program's name, which may hold anything
        return words[0].decode(), int(words[17]), int(words[19])
    except (OSError, ValueError, IndexError):
        return None
