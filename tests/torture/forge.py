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
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.house import ROOT
from tests.torture import mutants
from tests.torture.rush import rush

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
        crowd: how many runs are driven at once on the child's loop, each with its people; 0 for the run alone.
        rush: seconds that so many processes use one store, see rush.py.
        durability: of their stores.
    """

    scenario: str
    folder: str
    kill: int = 0
    dies_after: str | None = None
    settles: str = "ledger"
    run: str = RUN
    breaks: str | None = None
    crowd: int = 0
    rush: float = 0.0
    durability: str = "process"


@dataclass(frozen=True)
class Report:
    """What a child left behind.

    Args:
        signal: by which it died; 0 where it ended by itself.
        killed_at: the boundary at which it killed itself, ``before step``; None where it did not.
        boundaries: all boundaries that it passed, in order.
        run: how the run stood at the end.
        crowd: how each run of a crowd stood, by its id.
    """

    signal: int
    killed_at: str | None
    boundaries: list[str]
    run: dict[str, Any] = field(default_factory=dict[str, Any])
    crowd: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])


class Forge:
    """The warm process, from the test's side."""

    def __init__(self) -> None:
        code = "from tests.torture.forge import serve; serve()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
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
        return Report(died, killed_at, found.get("boundaries", []), found.get("run", {}), found.get("crowd", {}))

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


def compiled(name: str, store: str | None, world: Any, roles: Any) -> Any:
    """The app of a scenario."""
    from guideway.testing.models import ScriptedModel
    from tests.torture.scenarios import SCENARIOS

    model = ScriptedModel(SCENARIOS[name].model)
    return flow_of(name).compile(store=store, models={"default": model}, deps=world, roles=roles)


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
        if job.rush:
            report: dict[str, Any] = {"run": rush(folder, job.rush, job.durability, job.crowd)}
        else:
            report = asyncio.run(_drive(job, folder))
        (folder / "report").write_text(json.dumps(report))
    except BaseException:  # noqa: BLE001  # the test is told, whatever it was
        (folder / "error").write_text(traceback.format_exc())
        os._exit(1)
    os._exit(0)


async def _drive(job: Job, folder: Path) -> dict[str, Any]:
    from guideway import Anyone
    from tests.torture.world import World

    world = World(folder, job.dies_after)
    app = compiled(job.scenario, str(folder / "runs.db"), world, Anyone())
    boundaries: list[str] = []

    def hook(when: str, kinds: str) -> None:
        boundaries.append(f"{when} {kinds}")
        if len(boundaries) == job.kill:
            (folder / "kill").write_text(boundaries[-1])
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)  # nothing runs after this line

    app.store.hook = hook
    jobs = [replace(job, run=f"{job.run}-{n}") for n in range(job.crowd)]
    runs = await asyncio.gather(*[_people(app, one, world) for one in jobs or [job]])
    app.store.hook = None
    if jobs:
        return {"boundaries": boundaries, "crowd": {run.id: told(app, run, world) for run in runs}}
    return {"boundaries": boundaries, "run": told(app, runs[0], world)}


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
