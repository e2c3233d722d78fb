"""A warm process that forks a child for every drive of a run, and kills the child at a commit that was chosen.

The forge holds no store, no loop and no thread, so that its children start whole in milliseconds. Each child opens
the store itself, plays the run's people until the run is over, and leaves a report; or dies by SIGKILL on the way.
"""

from __future__ import annotations

import asyncio
import gc
import json
import operator
import os
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.house import ROOT
from tests.torture import disk, mutants

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
        disk: the folder's calls to the disk are written down here (see disk.py), and the store is closed at the end.
        faults: how the disk fails: what ``disk.fault`` takes, ``at`` which boundary it begins, and whether the people
            mend it when they are told, and go on in the same process (``mends``).
        store: the store's folder, where it is another one.
        pages: of the write-ahead log before it is folded in, where it is not the usual number.
        durability: the store's.
    """

    scenario: str
    folder: str
    kill: int = 0
    dies_after: str | None = None
    settles: str = "ledger"
    run: str = RUN
    breaks: str | None = None
    disk: str | None = None
    faults: dict[str, Any] | None = None
    store: str | None = None
    pages: int = 0
    durability: str = "process"


@dataclass(frozen=True)
class Report:
    """What a child left behind.

    Args:
        signal: by which it died; 0 where it ended by itself.
        killed_at: the boundary at which it killed itself, ``before step``; None where it did not.
        boundaries: all boundaries that it passed, in order.
        run: how the run stood at the end.
        failed: what the people were told when the store failed: the error's type, and what it said.
    """

    signal: int
    killed_at: str | None
    boundaries: list[str]
    run: dict[str, Any] = field(default_factory=dict[str, Any])
    failed: list[list[str]] = field(default_factory=list[list[str]])


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

    def drive(self, job: Job) -> Report:
        """Let a child drive a run until it is over, or until it dies.

        Raises:
            AssertionError: the child failed otherwise.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        Path(job.folder).mkdir(parents=True, exist_ok=True)
        for name in ("report", "error", "kill"):
            (Path(job.folder) / name).unlink(missing_ok=True)
        self._process.stdin.write(json.dumps(job.__dict__) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        folder = Path(job.folder)
        assert not (folder / "error").exists(), f"{job}\n{(folder / 'error').read_text()}"
        died = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        assert died or os.WEXITSTATUS(status) == 0, f"{job} ended with {os.WEXITSTATUS(status)}"
        found = json.loads((folder / "report").read_text()) if (folder / "report").exists() else {}
        mark = folder / "kill"
        killed_at = mark.read_text() if mark.exists() else None
        return Report(died, killed_at, found.get("boundaries", []), found.get("run", {}), found.get("failed", []))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


# Inside the forge


def serve() -> None:
    """Fork a child for each line that comes, wait for it, and say how it ended."""
    warm()
    gc.freeze()  # what is there now is not looked at again, so that children do not copy it
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            work(Job(**json.loads(line)))
        _, status = os.waitpid(child, 0)
        print(status, flush=True)


def warm() -> None:
    """Run a flow once in memory, so that children find everything loaded; no thread is left behind."""
    from guideway import Anyone
    from tests.torture.scenarios import SCENARIOS
    from tests.torture.world import World

    async def once(folder: Path) -> None:
        for name in SCENARIOS:
            with compiled(name, None, World(folder), Anyone()) as app:
                await app.astart(SCENARIOS[name].given, by="starter")

    with TemporaryDirectory() as folder:
        asyncio.run(once(Path(folder)))


def compiled(name: str, store: str | None, world: Any, roles: Any, durability: str = "process") -> Any:
    """The app of a scenario."""
    from guideway.testing.models import ScriptedModel
    from tests.torture.scenarios import SCENARIOS

    models = {"default": ScriptedModel(SCENARIOS[name].model)}
    return flow_of(name).compile(store=store, models=models, deps=world, roles=roles, durability=durability)


@cache
def flow_of(name: str) -> Any:
    """The flow of a scenario: a value, so that the children share the one that was made before them."""
    from tests.torture.scenarios import SCENARIOS

    return SCENARIOS[name].flow()


def work(job: Job) -> None:
    """One child: never returns."""
    folder = Path(job.folder)
    try:
        if job.breaks is not None:
            mutants.apply(job.breaks, setattr, operator.setitem)
        report = asyncio.run(_drive(job, folder))
        (folder / "report").write_text(json.dumps(report))
    except BaseException:  # noqa: BLE001  # the test is told, whatever it was
        (folder / "error").write_text(traceback.format_exc())
        os._exit(1)
    os._exit(0)


async def _drive(job: Job, folder: Path) -> dict[str, Any]:
    from guideway import Anyone
    from guideway.errors import StoreError
    from tests.torture.world import World

    world = World(folder, job.dies_after)
    _on_disk(job, folder)
    where = Path(job.store or job.folder) / "runs.db"
    failed: list[list[str]] = []
    try:
        app = compiled(job.scenario, str(where), world, Anyone(), job.durability)
    except StoreError as error:
        return {"failed": [[type(error).__name__, str(error)]]}
    boundaries: list[str] = []

    def hook(when: str, kinds: str) -> None:
        boundaries.append(f"{when} {kinds}")
        if job.disk is not None:
            _marked(app, job, boundaries)
        if len(boundaries) == job.kill:
            (folder / "kill").write_text(boundaries[-1])
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)  # nothing runs after this line

    app.store.hook = hook
    run = await _mending(app, job, world, failed)
    app.store.hook = None
    report = {"boundaries": boundaries, "failed": failed, "run": {} if run is None else told(app, run, world)}
    if job.disk is not None and run is not None:
        app.close()
    return report


async def _mending(app: Any, job: Job, world: Any, failed: list[list[str]]) -> Any:
    """The people, who are told when the store fails; None where they go away then."""
    from guideway.errors import StoreError

    while True:
        try:
            return await _people(app, job, world)
        except StoreError as error:
            failed.append([type(error).__name__, str(error)])
            if job.faults is None or not job.faults.get("mends"):
                if job.faults is None and job.store is None:
                    raise
                return None
            assert len(failed) < 10, failed
            disk.fault("write", "", times=0)


def _on_disk(job: Job, folder: Path) -> None:
    """The disk is watched, and the write-ahead log is folded in as often as the job says."""
    from guideway.runs.store import opening

    if job.pages:
        setattr(opening, "LOG_PAGES", job.pages)  # noqa: B010  # a constant, for those who read it
        setattr(opening, "POWER_PAGES", job.pages)  # noqa: B010
    if job.disk is not None:
        disk.watch(Path(job.store) if job.store else folder, job.disk)


def _marked(app: Any, job: Job, boundaries: list[str]) -> None:
    """A boundary, among the calls to the disk: how it syncs, and how long the journal is that stands there."""
    connection = app.store._db._connection
    level = connection.execute(f"pragma synchronous -- {len(boundaries)}").fetchone()[0]
    tail = connection.execute("select ifnull(max(key), 0) & 4294967295 from events").fetchone()[0]
    disk.mark(f"{level} {tail} {boundaries[-1]}")
    if job.faults is not None and len(boundaries) == job.faults["at"]:
        disk.fault(**{name: value for name, value in job.faults.items() if name not in ("at", "mends")})


async def _people(app: Any, job: Job, world: Any) -> Any:
    """Whoever starts, decides, settles and resumes, until the run is over; they remember nothing between processes."""
    from guideway.errors import RunNotFound
    from tests.torture.scenarios import SCENARIOS

    scenario = SCENARIOS[job.scenario]
    for _ in range(80):
        try:
            run = app.get(job.run)
        except RunNotFound:
            await app.astart(scenario.given, run_id=job.run, by="starter")
            continue
        if run.status in ("ended", "cancelled"):
            return run
        if run.status == "parked":
            if job.settles == "never":
                return run
            settle(app, job, run, world)
        for request in run.waiting:
            _decide(app, scenario, request)
        await app.aresume(job.run)
    raise AssertionError(f"the run does not come to an end: {run.status} {run.error} {[e.kind for e in run.events]}")


def _decide(app: Any, scenario: Any, request: Any) -> None:
    if request.kind == "answer":
        app.answer(request, scenario.answer, by="customer")
        return
    decision = scenario.decides(request)
    if decision == "leave":
        return
    if decision == "expire":
        time.sleep(max(0.0, request.expires - time.time()) + 0.005)
    elif isinstance(decision, dict):
        app.approve(request, by=("ann", "bea")[len(request.edited)], note="not that much", edits=decision)
    elif decision == "approve":
        app.approve(request, by=("ann", "bea", "cy")[len(request.edited)], note="seen")
    else:
        app.deny(request, by="ann", note="no")


def settle(app: Any, job: Job, run: Any, world: Any) -> None:
    """A person looks into the world's ledger, under the key of the call whose result is missing."""
    from guideway import GIVE_UP, NOT_DONE

    for branch, key in open_keys(run).items():
        found = {"ledger": world.found(key), "give up": GIVE_UP, "not done": None}[job.settles]
        result = NOT_DONE if found is None else found
        app.settle(job.run, branch or None, result, by="auditor", note="looked into the ledger")


def open_keys(run: Any) -> dict[str, str]:
    """The keys of the calls that have an intent and no result, by the branch that is parked there."""
    opened: dict[str, dict[str, str]] = {}
    parked: set[str] = set()
    for event in run.events:
        branch = event.body.get("branch", "")
        calls = opened.setdefault(branch, {})
        if event.kind == "intent" and event.body["kind"] == "tool":
            calls[event.body["slot"]] = event.body["key"]
        elif event.kind == "result":
            calls.pop(event.body["slot"], None)
        elif event.kind == "parked":
            parked.add(branch)
        elif event.kind in ("settled", "resumed"):
            parked.discard(branch)
        elif event.kind == "step":
            calls.clear()
    return {branch: next(iter(opened[branch].values())) for branch in sorted(parked)}


def told(app: Any, run: Any, world: Any) -> dict[str, Any]:
    """All that must be the same whether a run was disturbed or not, and what it spent."""
    return {
        "status": run.status,
        "verdict": run.verdict,
        "end": run.end,
        "error": None if run.error is None else run.error.category,
        "state": app.flow.type.dump(run.state),
        "path": sorted(
            ([step.branch, step.node, step.outcome, step.edge, step.update, step.entry] for step in run.steps),
            key=lambda step: step[0],  # what is side by side has no order
        ),
        "decided": sorted([e.body["status"], e.body["by"]] for e in run.events if e.kind in ("decided", "expired")),
        "spent": {"steps": run.spent.steps, "calls": run.spent.calls, "tokens": run.spent.tokens},
        "chain": app.store.verify(run.id),
        "open": [row.id for row in app.store.requests()],
        "ledger": sorted(world.done()),
        "kinds": [event.kind for event in run.events],
    }
