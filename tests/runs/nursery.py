"""A warm process that gives birth to others: each is a real process of its own, which need not import everything anew.

Its side of the wire is a socket: an order is a piece of code with its words and two file descriptors, and is answered
by the child's id; when a child ends, its status is told.
"""

from __future__ import annotations

import atexit
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from functools import cache
from typing import Any

from tests.house import ROOT

_SERVE = "from tests.runs.nursery import serve\ncode = serve()\ndel serve\nexec(code)"


class Nursery:
    """The warm process, from the test's side."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        given = [sys.executable, "-c", _SERVE, str(theirs.fileno())]
        self._process = subprocess.Popen(given, cwd=ROOT, pass_fds=[theirs.fileno()])
        theirs.close()
        self._wire = ours
        self._ended: dict[int, int] = {}

    def born(self, code: str, words: list[str], stdin: int, stdout: int) -> int:
        """The id of a new child.

        Args:
            code: what it runs as its main module.
            words: what follows its name in ``sys.argv``.
            stdin: where it reads.
            stdout: where it writes.
        """
        socket.send_fds(self._wire, [json.dumps([code, words]).encode()], [stdin, stdout])
        while True:
            told = self._hear()
            if "born" in told:
                return int(told["born"])

    def ended(self, child: int, *, wait: bool) -> int | None:
        """How a child ended, as ``subprocess`` says it; None while it lives.

        Args:
            child: its id.
            wait: until it has ended.
        """
        self._wire.setblocking(wait)
        try:
            while child not in self._ended:
                self._hear()
        except BlockingIOError:
            return None
        finally:
            self._wire.setblocking(True)
        return self._ended[child]

    def _hear(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._wire.recv(1 << 12))
        if "ended" in told:
            self._ended[told["ended"]] = told["status"]
        return told

    def close(self) -> None:
        """End the warm process."""
        self._wire.close()
        self._process.wait()


@cache
def nursery() -> Nursery:
    """The one of this process."""
    found = Nursery()
    atexit.register(found.close)
    return found


# In the warm process


def serve() -> str:
    """Gives birth to children until nobody listens any more: in a child the code that it shall run, else nothing."""
    import hypothesis
    import pytest

    import guideway.runs.langgraph.graph
    import guideway.testing  # noqa: F401  # what the children would import

    assert hypothesis
    assert pytest
    wire = socket.socket(fileno=int(sys.argv[1]))
    hears, says = os.pipe()
    os.set_blocking(says, False)
    signal.set_wakeup_fd(says)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # so that the wakeup pipe hears of it
    watched = selectors.DefaultSelector()
    watched.register(wire, selectors.EVENT_READ)
    watched.register(hears, selectors.EVENT_READ)
    while True:
        for key, _ in watched.select():
            if key.fileobj is wire:
                code = _birth(wire, (hears, says))
                if code is not None:
                    return code
            else:
                os.read(hears, 1 << 12)
                _tell_of_the_dead(wire)


def _birth(wire: socket.socket, pipe: tuple[int, int]) -> str | None:
    data, fds, _, _ = socket.recv_fds(wire, 1 << 20, 2)
    if not data:
        return ""  # the test's process is gone
    code, words = json.loads(data)
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, fd in enumerate(fds):
            os.dup2(fd, number)
        for fd in (*fds, *pipe):
            os.close(fd)
        wire.close()
        sys.argv = ["-c", *words]
        return str(code)
    for fd in fds:
        os.close(fd)
    wire.send(json.dumps({"born": child}).encode())
    return None


def _tell_of_the_dead(wire: socket.socket) -> None:
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if child == 0:
            return
        wire.send(json.dumps({"ended": child, "status": os.waitstatus_to_exitcode(status)}).encode())
