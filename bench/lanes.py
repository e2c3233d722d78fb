"""Contenders as processes: one that stays warm, one that is new in each round, and one that only starts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parent.parent

Round = Callable[[], dict[str, float]]
"""One round: does the work and gives its figures by name."""


class Broken(Exception):
    """A contender did not do its work; what it printed is told."""


class Lane(Protocol):
    """A contender.

    Args:
        name: what the table calls it.
    """

    @property
    def name(self) -> str: ...

    def missing(self) -> str | None:
        """The package that it needs and that is not installed."""

    def open(self, home: Path) -> tuple[Round, Callable[[], None]]:
        """Get ready, in an empty folder of its own: what does a round, and what ends it."""


@dataclass(frozen=True)
class Task:
    """A piece of work: a function of a peer's module, with its options.

    Args:
        peer: the module in bench/peers.
        call: the function; takes a folder and the options, and gives what does a round.
        options: JSON-able.
        needs: the package it needs.
    """

    peer: str
    call: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    needs: str = "guideway"

    def missing(self) -> str | None:
        """The package that is not installed."""
        return None if find_spec(self.needs) else self.needs

    def words(self, home: Path, preload: Path | None = None) -> str:
        """What the worker process is told."""
        told = {"peer": self.peer, "call": self.call, "options": dict(self.options), "home": str(home)}
        return json.dumps(told | ({} if preload is None else {"preload": str(preload)}))


class Worker:
    """A process that does a task's rounds when told.

    Args:
        task: the task.
        home: its folder.
        preload: a file of modules to import first; None where imports count.
    """

    def __init__(self, task: Task, home: Path, preload: Path | None = None) -> None:
        self._log = home / "worker.log"
        self._task = task
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.worker", task.words(home, preload)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
            )
        self._hear()

    def ask(self, word: str) -> Any:
        """Tell it a word, and hear what comes of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.close()
            status = self._process.returncode
            said = self._log.read_text()[-3000:]
            raise Broken(f"{self._task.peer}.{self._task.call} ended with status {status}:\n{said}")
        return json.loads(line)

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


@dataclass(frozen=True)
class Warm:
    """A process that stays: connections are open, files and caches warm.

    Args:
        name: what the table calls it.
        task: what it does.
    """

    name: str
    task: Task

    def missing(self) -> str | None:
        """The package that it needs and that is not installed."""
        return self.task.missing()

    def open(self, home: Path) -> tuple[Round, Callable[[], None]]:
        """Start the process."""
        worker = Worker(self.task, home)
        return lambda: worker.ask("round"), worker.close


@dataclass(frozen=True)
class Cold:
    """A new process in every round, on a copy of what another process left when it died.

    Imports are apart: a first process tells which modules the work loads, and the others load them beforehand.

    Args:
        name: what the table calls it.
        make: leaves the store behind; its process ends itself in the middle of the work.
        task: what each round's process does.
    """

    name: str
    make: Task
    task: Task

    def missing(self) -> str | None:
        """The package that it needs and that is not installed."""
        return self.task.missing()

    def open(self, home: Path) -> tuple[Round, Callable[[], None]]:
        """Make what is opened, and find out what is imported."""
        left, modules = home / "left", home / "modules.txt"
        left.mkdir()
        _die(self.make, left)

        def process(preload: Path | None) -> Worker:
            now = home / "now"
            shutil.rmtree(now, ignore_errors=True)
            shutil.copytree(left, now)
            _sync(now)  # the first commit must not wait for the copy to reach the disk
            return Worker(self.task, now, preload)

        first = process(None)
        first.ask("round")
        modules.write_text("\n".join(first.ask("modules")))
        first.close()

        def a_round() -> dict[str, float]:
            worker = process(modules)
            try:
                return worker.ask("round")
            finally:
                worker.close()

        return a_round, lambda: shutil.rmtree(home, ignore_errors=True)


def _sync(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


DIED = 9
"""The exit status of a process that ended itself in the middle of its work, as it should."""


def _die(task: Task, home: Path) -> None:
    worker = Worker(task, home)
    try:
        worker.ask("round")
    except Broken as error:
        if f"status {DIED}:" not in str(error):
            raise
    else:
        raise Broken(f"{task.peer}.{task.call} was to end in the middle of its work, and did not")
    finally:
        worker.close()


@dataclass(frozen=True)
class Start:
    """A Python that starts, runs a piece of code and ends, net of one that does nothing.

    Args:
        name: what the table calls it.
        code: what it runs.
    """

    name: str
    code: str

    def missing(self) -> str | None:
        """Nothing."""
        return None

    def open(self, home: Path) -> tuple[Round, Callable[[], None]]:
        """Run it once, so that its bytecode is written."""
        _started(self.code)

        def a_round() -> dict[str, float]:
            bare, full = _started("pass"), _started(self.code)
            return {key: full[key] - bare[key] for key in full}

        return a_round, lambda: None


def _started(code: str) -> dict[str, float]:
    """Milliseconds by the clock and of the processor that a Python takes for a piece of code.

    It may write bytecode: what is installed has its own from the installer, and a checkout would be compiled each time.
    """
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=env)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Broken(f"python -c {code!r} ended with status {process.returncode}")
    return {"wall": wall * 1e3, "cpu": (used.ru_utime + used.ru_stime) * 1e3}
