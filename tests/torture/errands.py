"""What is done to runs: how they are started, driven, decided, settled, cancelled, retried and forked.

Each errand looks at what is there and goes on from it, so that it can be begun anew after any kill.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from guideway.errors import RunBusy, RunNotFound
from guideway.runs.lifecycle import OVER
from tests.torture.forge import Job

Errand = Callable[[Any, Job, Any], Awaitable[list[str]]]
"""Does something with an app, a job and a world until it is done; gives the ids of the runs that are told of."""


async def people(app: Any, job: Job, world: Any) -> list[str]:
    """Whoever starts, decides, settles and resumes, until the run is over; they remember nothing between processes."""

    async def begin(given: Any) -> None:
        await app.astart(given, run_id=job.run, by="starter")

    async def go_on() -> None:
        await app.aresume(job.run)

    await _until_over(app, job, world, begin, go_on)
    return [job.run]


async def graph(app: Any, job: Job, world: Any) -> list[str]:
    """The same, through LangGraph: a foreign caller, for whom every step is a task with a lease of its own."""
    config = {"configurable": {"thread_id": job.run}}

    async def begin(given: Any) -> None:
        await app.graph.ainvoke(given, config)

    async def go_on() -> None:
        await app.graph.ainvoke({}, config)

    await _until_over(app, job, world, begin, go_on)
    return [job.run]


async def _until_over(
    app: Any, job: Job, world: Any, begin: Callable[[Any], Awaitable[None]], go_on: Callable[[], Awaitable[None]]
) -> None:
    from tests.torture.scenarios import ALL

    scenario = ALL[job.scenario]
    turns, end = 0, time.monotonic() + 60
    while turns < 80:
        turns += 1
        try:
            run = app.get(job.run)
        except RunNotFound:
            await begin(scenario.given)
            continue
        if run.status in OVER or (run.status == "parked" and job.settles == "never"):
            return
        if run.status == "parked":
            settle(app, job, run, world)
        for request in run.waiting:
            decide(app, scenario, request)
        try:
            await go_on()
        except RunBusy:  # whoever drove it was stopped, and its lease is not over
            assert time.monotonic() < end, "the run stays busy"
            await asyncio.sleep(0.002)
            turns -= 1
    raise AssertionError(f"the run does not come to an end: {run.status} {run.error} {[e.kind for e in run.events]}")


async def work(app: Any, job: Job, world: Any) -> list[str]:
    """A worker drives several runs at a time; people decide between its rounds."""
    from tests.torture.scenarios import ALL

    scenario = ALL[job.scenario]
    names = [f"{job.run}-{number}" for number in range(4)]
    for name in names:
        try:
            app.store.run(name)
        except RunNotFound:
            app.store.release(app._engine.begin(scenario.given, name, "starter", ()).lease)
    for _ in range(40):
        await app.awork(until=lambda: True, pause=0.01)
        runs = [app.get(name) for name in names]
        if all(run.status in OVER for run in runs):
            return names
        for run in runs:
            if run.status == "parked":
                settle(app, job, run, world)
            for request in run.waiting:
                decide(app, scenario, request)
    raise AssertionError(f"the runs do not come to an end: {[(run.status, run.error) for run in runs]}")


async def cancel(app: Any, job: Job, world: Any) -> list[str]:
    """Somebody cancels a run that waits."""

    async def act(run: Any) -> bool:
        if run.status == "waiting":
            await app.acancel(job.run, by="ann", note="not any more")
        return bool(run.status == "waiting")

    return await _with(app, job, world, act)


async def retry(app: Any, job: Job, world: Any) -> list[str]:
    """A run fails, the world is mended, and somebody retries it."""

    async def act(run: Any) -> bool:
        if run.verdict == "failed":
            world.mend()
            await app.aretry(job.run, by="ann", note="mended")
        return bool(run.verdict == "failed")

    return await _with(app, job, world, act)


async def _with(app: Any, job: Job, world: Any, act: Callable[[Any], Awaitable[bool]]) -> list[str]:
    """Something is done to a run when it is time to, until the run is over."""
    from tests.torture.scenarios import ALL

    for _ in range(80):
        try:
            run = app.get(job.run)
        except RunNotFound:
            await app.astart(ALL[job.scenario].given, run_id=job.run, by="starter")
            continue
        if await act(run):
            continue
        if run.status in OVER:
            return [job.run]
        if run.status == "parked":
            settle(app, job, run, world)
        await app.aresume(job.run)
    raise AssertionError(f"the run does not come to an end: {run.status} {run.error}")


async def fork(app: Any, job: Job, world: Any) -> list[str]:
    """A run ends, and somebody forks it from where it stood before its effect."""
    first = replace(job, run=f"{job.run}-first")
    await people(app, first, world)
    step = next(step.number for step in app.get(first.run).steps if step.node == FORKED_AFTER[job.scenario])
    try:
        app.get(job.run)
    except RunNotFound:
        await app.afork(first.run, at=step, by="starter", new_id=job.run)
    await people(app, job, world)
    return [first.run, job.run]


FORKED_AFTER = {"loop": "print_label", "first_page": "find_order", "rules_asked": "look"}
"""By scenario, the node after whose first step a fork stands."""


async def sweep(app: Any, job: Job, world: Any) -> list[str]:
    """Requests expire when somebody looks into the inbox; then people go on."""
    with suppress(RunNotFound):
        for request in app.get(job.run).waiting:
            if request.expires is not None:
                await asyncio.sleep(max(0.0, request.expires - time.time()) + 0.005)
        app.inbox()
    return await people(app, job, world)


async def beats(app: Any, job: Job, world: Any) -> list[str]:
    """As ``people``, with a heart that beats as fast as it can: it writes beside every commit of the run."""
    app.store._heartbeat._wake = Hasty()
    return await people(app, job, world)


class Hasty:
    """Stands for the event on which a heartbeat waits: nothing is waited for."""

    def wait(self, seconds: float) -> None:
        """Let the others have a moment."""
        time.sleep(0.0005)

    def clear(self) -> None:
        """Nothing is set."""

    def set(self) -> None:
        """Nobody waits."""


STYLES: dict[str, Errand] = {
    "people": people,
    "graph": graph,
    "work": work,
    "cancel": cancel,
    "retry": retry,
    "fork": fork,
    "sweep": sweep,
    "beats": beats,
}
"""The errands by name."""


def decide(app: Any, scenario: Any, request: Any) -> None:
    """What a person of a scenario decides about a request."""
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
    from tests.torture.scenarios import ALL

    time.sleep(ALL[job.scenario].quiet)
    if app.store.run(run.id).status != "parked":
        return  # the call has told its end meanwhile
    for branch, key in open_keys(run).items():
        found = {"ledger": world.found(key), "give up": GIVE_UP, "not done": None}[job.settles]
        result = NOT_DONE if found is None else found
        app.settle(run.id, branch or None, result, by="auditor", note="looked into the ledger")


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
