"""What a child of the forge does: it opens the store, does to runs what its job says, and leaves a report."""

from __future__ import annotations

import asyncio
import json
import operator
import os
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from guideway.errors import GuidewayError, StoreError
from tests.torture import disk, mutants
from tests.torture.forge import Job
from tests.torture.points import Points
from tests.torture.rush import rush


def warm() -> None:
    """Run a flow once in memory, so that children find everything loaded; no thread is left behind."""
    from guideway import Anyone
    from tests.torture.scenarios import ALL
    from tests.torture.world import World

    async def once(folder: Path) -> None:
        for name in ALL:
            with compiled(name, None, World(folder), Anyone()) as app:
                await app.astart(ALL[name].given, by="starter")

    with TemporaryDirectory() as folder:
        asyncio.run(once(Path(folder)))


def compiled(name: str, store: str | None, world: Any, roles: Any, durability: str = "process") -> Any:
    """The app of a scenario."""
    from guideway.testing.models import ScriptedModel
    from tests.torture.scenarios import ALL

    models = {"default": ScriptedModel(ALL[name].model)}
    return flow_of(name).compile(store=store, models=models, deps=world, roles=roles, durability=durability)


@cache
def flow_of(name: str) -> Any:
    """The flow of a scenario: a value, so that the children share the one that was made before them."""
    from tests.torture.scenarios import ALL

    return ALL[name].flow()


def work(job: Job, begun: Callable[[], object] = int, together: Callable[[], object] = int) -> NoReturn:
    """One child: never returns.

    Args:
        job: what it does.
        begun: called when the store is open and the drive begins.
        together: called where all that do the same are to go on at once.
    """
    try:
        if job.breaks is not None:
            mutants.apply(job.breaks, setattr, operator.setitem)
        if job.rush:
            report: dict[str, Any] = {"run": rush(Path(job.folder), job.rush, job.durability, job.crowd)}
        else:
            report = asyncio.run(_drive(job, Path(job.folder), begun, together))
        job.left("report").write_text(json.dumps(report))
    except BaseException:  # noqa: BLE001  # the test is told, whatever it was
        job.left("error").write_text(traceback.format_exc())
        os._exit(1)
    os._exit(0)


async def _drive(job: Job, folder: Path, begun: Callable[[], object], together: Callable[[], object]) -> dict[str, Any]:
    from guideway import Anyone
    from tests.torture.races import RACES
    from tests.torture.world import World

    points = Points(folder, job.stop)
    world = World(folder, job.dies_after, points if job.points else None)
    _on_disk(job, folder)
    failed: list[list[str]] = []
    try:
        app = compiled(job.scenario, str(Path(job.store or job.folder) / "runs.db"), world, Anyone(), job.durability)
    except StoreError as error:
        return {"failed": [[type(error).__name__, str(error)]]}
    if job.many > 1:
        return {"told": {"rounds": await RACES[job.style](app, job, world, together)}}
    boundaries: list[str] = []

    def hook(when: str, kinds: str) -> None:
        boundaries.append(f"{when} {kinds}")
        if job.disk is not None:
            _marked(app, job, boundaries)
        if len(boundaries) == job.kill:
            job.left("kill").write_text(boundaries[-1])
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)  # nothing runs after this line

    if job.points:
        points.watch(app.store)
    else:
        app.store.hook = hook
    begun()
    begin = time.monotonic()
    raised: str | None = None
    names = [job.run]
    try:
        names = await _mending(app, job, world, failed)
    except GuidewayError as error:
        if not points.woke:
            raise
        raised = type(error).__name__  # of a process that was stopped, and is not the run's driver any more
    seconds = time.monotonic() - begin
    app.store.hook = None
    told_ = {"seconds": seconds, "points": points.passed, "woke": points.woke, "raised": raised}
    if job.crowd:
        return {"boundaries": boundaries, "crowd": {name: told(app, app.get(name), world) for name in names}}
    report = {"boundaries": boundaries, "run": _all_told(app, names, world), "told": told_, "failed": failed}
    if job.disk is not None and names:
        app.close()
    return report


async def _mending(app: Any, job: Job, world: Any, failed: list[list[str]]) -> list[str]:
    """The people, who are told when the store fails; no runs are told of where they go away then."""
    from tests.torture.errands import STYLES

    while True:
        try:
            jobs = [replace(job, run=f"{job.run}-{n}") for n in range(job.crowd)] or [job]
            found = await asyncio.gather(*[STYLES[job.style](app, one, world) for one in jobs])
            return [name for names in found for name in names]
        except StoreError as error:
            if job.faults is None and job.store is None:
                raise
            failed.append([type(error).__name__, str(error)])
            if job.faults is None or not job.faults.get("mends"):
                return []
            assert len(failed) < 10, failed
            disk.fault("write", "", times=0)


def _on_disk(job: Job, folder: Path) -> None:
    """The disk is watched, and the write-ahead log is folded in as often as the job says."""
    from guideway.runs.store import opening

    if job.pages:
        setattr(opening, "LOG_PAGES", job.pages)  # noqa: B010  # a constant, for those who read it
        setattr(opening, "POWER_PAGES", job.pages)  # noqa: B010  # a constant, for those who read it
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


def _all_told(app: Any, names: list[str], world: Any) -> dict[str, Any]:
    """As ``told``; of several runs each thing by run, and what they spent together."""
    found = [told(app, app.get(name), world) for name in names]
    if not found:
        return {}
    if len(found) == 1:
        return found[0]
    merged: dict[str, Any] = {what: [run[what] for run in found] for what in found[0]}
    spent = {what: sum(run["spent"][what] for run in found) for what in found[0]["spent"]}
    return merged | {"spent": spent, "ledger": found[0]["ledger"], "open": found[0]["open"]}
