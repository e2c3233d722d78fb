"""A warm process that forks a child for every drive of a run, and kills or stops the child where it was chosen.

The forge holds no store, no loop and no thread, so that its children start whole in milliseconds. Each child opens
the store itself, plays the run's people until the run is over, and leaves a report; or dies by SIGKILL on the way,
at a commit or at any instant; or is stopped, and goes on when it is woken.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.house import ROOT

RUN = "the-run"


@dataclass(frozen=True)
class Job:
    """One drive.

    Args:
        scenario: its name.
        folder: holds the store, the ledger and the reports.
        kill: the commit's boundary at which the child dies, counted from 1; 0 lets it live.
        dies_after: the effect right after which the child dies.
        settles: how the people settle an unknown effect: by the world's ledger, as not done, or not at all.
        run: the run's id.
        breaks: the protection that is taken out (see mutants.py).
        style: how runs are driven, and what is done to them from outside (see errands.py).
        delay: seconds from the beginning of the drive after which the child is killed, wherever it is.
        stop: the point at which the child stops itself, counted from 1 (see points.py); 0 for none.
        points: have the points counted.
        many: how many children do the same at once.
        who: which of them this one is.
        rounds: how often they do it, one run each.
        disk: the folder's calls to the disk are written down here (see disk.py), and the store is closed at the end.
        faults: how the disk fails: what ``disk.fault`` takes, ``at`` which boundary it begins, and whether the people
            mend it when they are told, and go on in the same process (``mends``).
        store: the store's folder, where it is another one.
        pages: of the write-ahead log before it is folded in, where it is not the usual number.
        durability: the store's.
        crowd: how many runs are driven at once on the child's loop, each with its people; 0 for the run alone.
        rush: seconds that so many processes use one store, see rush.py.
    """

    scenario: str
    folder: str
    kill: int = 0
    dies_after: str | None = None
    settles: str = "ledger"
    run: str = RUN
    breaks: str | None = None
    style: str = "people"
    delay: float | None = None
    stop: int = 0
    points: bool = False
    many: int = 1
    who: int = 0
    rounds: int = 1
    disk: str | None = None
    faults: dict[str, Any] | None = None
    store: str | None = None
    pages: int = 0
    durability: str = "process"
    crowd: int = 0
    rush: float = 0.0

    def left(self, what: str) -> Path:
        """A file that this child leaves behind."""
        return Path(self.folder) / (what if self.many == 1 else f"{what}.{self.who}")


@dataclass(frozen=True)
class Report:
    """What a child left behind.

    Args:
        signal: by which it died; 0 where it ended by itself.
        killed_at: the boundary at which it killed itself, ``before step``; None where it did not.
        boundaries: all boundaries that it passed, in order.
        run: how the run stood at the end.
        told: whatever else it said.
        failed: what the people were told when the store failed: the error's type, and what it said.
        crowd: how each run of a crowd stood, by its id.
    """

    signal: int
    killed_at: str | None
    boundaries: list[str]
    run: dict[str, Any] = field(default_factory=dict[str, Any])
    told: dict[str, Any] = field(default_factory=dict[str, Any])
    failed: list[list[str]] = field(default_factory=list[list[str]])
    crowd: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])


@dataclass(frozen=True)
class Stopped:
    """A child that stands still.

    Args:
        pid: its process id.
        at: the point at which it stopped itself.
        job: what it does.
    """

    pid: int
    at: str
    job: Job


class Forge:
    """The warm process, from the test's side.

    Args:
        disk: the library that stands before the C library (see disk.py).
    """

    def __init__(self, disk: Path | None = None) -> None:
        self.disk = disk
        code = "from tests.torture.forge import serve; serve()"
        environment = os.environ | ({} if disk is None else {"LD_PRELOAD": str(disk)})
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        self._stopped: set[int] = set()

    def drive(self, job: Job) -> Report:
        """Let a child drive a run until it is over, or until it dies.

        Raises:
            AssertionError: the child failed otherwise.
        """
        pid, status = self._begin(job)
        assert not os.WIFSTOPPED(status), f"{job}: {pid} stopped"
        return self._report(job, status)

    def stop(self, job: Job) -> Stopped | Report:
        """Let a child drive a run until it stops itself; the report of one that ended before."""
        pid, status = self._begin(job)
        if not os.WIFSTOPPED(status):
            return self._report(job, status)
        assert os.WSTOPSIG(status) == signal.SIGSTOP
        self._stopped.add(pid)
        return Stopped(pid, job.left("stop").read_text(), job)

    def wake(self, stopped: Stopped) -> Report:
        """Let a stopped child go on until it ends."""
        pid, status = self._ask({"wake": stopped.pid})
        assert pid == stopped.pid
        self._stopped.discard(pid)
        return self._report(stopped.job, status)

    def race(self, job: Job) -> list[Report]:
        """Let several children do the same at once."""
        jobs = [replace(job, who=who) for who in range(job.many)]
        _, failed = self._begin(job)
        reports = [self._report(one, 0) for one in jobs]
        assert failed == 0
        return reports

    def _begin(self, job: Job) -> tuple[int, int]:
        Path(job.folder).mkdir(parents=True, exist_ok=True)
        for who in range(job.many):
            for name in ("report", "error", "kill", "stop"):
                replace(job, who=who).left(name).unlink(missing_ok=True)
        return self._ask(asdict(job))

    def _ask(self, order: dict[str, Any]) -> tuple[int, int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        pid, status = self._process.stdout.readline().split()
        return int(pid), int(status)

    def _report(self, job: Job, status: int) -> Report:
        error, report, mark = job.left("error"), job.left("report"), job.left("kill")
        assert not error.exists(), f"{job}\n{error.read_text()}"
        died = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        assert died or os.WEXITSTATUS(status) == 0, f"{job} ended with {os.WEXITSTATUS(status)}"
        found = {} if died or not report.exists() else json.loads(report.read_text())  # it may have died while it wrote
        return Report(
            died,
            mark.read_text() if mark.exists() else None,
            found.get("boundaries", []),
            found.get("run", {}),
            found.get("told", {}),
            found.get("failed", []),
            found.get("crowd", {}),
        )

    def close(self) -> None:
        """End the process, and the children that a test which failed left standing."""
        for pid in self._stopped:
            with suppress(ProcessLookupError):  # an interruption may have ended it already
                os.kill(pid, signal.SIGKILL)
        self._process.communicate()


# Inside the forge


def serve() -> None:
    """Carry out each order that comes, and say which child it was about and how that ended, or that it stopped."""
    from tests.torture import child

    child.warm()
    gc.freeze()  # what is there now is not looked at again, so that children do not copy it
    for line in sys.stdin:
        order = json.loads(line)
        if "wake" in order:
            found = _woken(order["wake"])
        elif order["many"] > 1:
            found = _raced(Job(**order))
        else:
            found = _driven(Job(**order))
        print(*found, flush=True)


def _driven(job: Job) -> tuple[int, int]:
    from tests.torture.child import work

    begun, says = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(begun)
        work(job, begun=lambda: os.close(says))
    os.close(says)
    if job.delay is not None:
        os.read(begun, 1)  # until the child has closed it
        time.sleep(job.delay)
        os.kill(child, signal.SIGKILL)  # one that has ended is there until it is waited for
    os.close(begun)
    return os.waitpid(child, os.WUNTRACED)


def _woken(child: int) -> tuple[int, int]:
    os.kill(child, signal.SIGCONT)
    _, status = os.waitpid(child, os.WCONTINUED)
    assert os.WIFCONTINUED(status)
    return os.waitpid(child, 0)


def _raced(job: Job) -> tuple[int, int]:
    from tests.torture.child import work

    start = multiprocessing.get_context("fork").Barrier(job.many, timeout=60)
    children: list[int] = []
    for who in range(job.many):
        child = os.fork()
        if child == 0:
            work(replace(job, who=who), together=start.wait)
        children.append(child)
    statuses = [os.waitpid(child, 0)[1] for child in children]
    return children[0], max(statuses)
