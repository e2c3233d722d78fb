"""What several processes do to one run, or to many, at the same moment, each again and again with a fresh run.

The processes live on from round to round and meet at a barrier before each. The first of them prepares a round's run
and looks at what became of it; each tells what it did in every round, and which error it was told.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from guideway import NOT_DONE
from guideway.errors import GuidewayError
from guideway.runs.lifecycle import OVER
from tests.torture.forge import Job

Act = Callable[[], Awaitable[object]]
Race = Callable[[Any, Job, Any, Callable[[], object]], Awaitable[list[dict[str, Any]]]]

LATE = {"cancel": 0.03, "resume": 0.01, "resume too": 0.01}
"""Seconds by which some come later than others, at the most, so that each sometimes wins."""


async def _acted(name: str, act: Act) -> dict[str, Any]:
    try:
        await act()
    except GuidewayError as error:
        return {"act": name, "raised": type(error).__name__, "why": getattr(error, "data", {}).get("reason")}
    return {"act": name, "raised": None, "why": None}


async def _raced(
    app: Any,
    job: Job,
    together: Callable[[], object],
    prepare: Callable[[str], Awaitable[None]],
    acts: Callable[[str], dict[str, Act]],
    world: Any,
) -> list[dict[str, Any]]:
    rounds: list[dict[str, Any]] = []
    draw = random.Random(f"{job.folder} {job.who}")
    for number in range(job.rounds):
        run = f"{job.run}-{number}"
        if job.who == 0:
            await prepare(run)
        together()
        name, act = list(acts(run).items())[job.who]
        together()
        await asyncio.sleep(draw.uniform(0.0, LATE.get(name, 0.001)))
        rounds.append(await _acted(name, act))
        together()
        if job.who == 0:
            rounds[-1] |= await _ended(app, run, world)
    return rounds


async def _ended(app: Any, run: str, world: Any) -> dict[str, Any]:
    """Drives a run on until it is over or needs somebody, and tells what the journal and the world say of it."""
    found = app.get(run)
    if found.status not in (*OVER, "parked", "waiting"):
        found = await app.aresume(run)
    kinds = [event.kind for event in found.events]
    paid = [event for event in found.events if event.kind == "result" and "value" in event.body]
    keys = {event.body["key"] for event in found.events if event.kind == "intent" and "key" in event.body}
    return {
        "status": found.status,
        "end": found.end,
        "kinds": kinds,
        "decided": [event.body["status"] for event in found.events if event.kind in ("decided", "expired")],
        "paid": len(paid),
        "effects": sum(line.split("\t")[1] in keys for line in world.done()),
        "chain": app.store.verify(run),
        "held": app.store.held(run),
    }


async def _waits(app: Any, job: Job, run: str) -> None:
    from tests.torture.scenarios import ALL

    started = await app.astart(ALL[job.scenario].given, run_id=run, by="starter")
    assert started.status == "waiting"


def _sync(act: Callable[[], object]) -> Act:
    async def acts() -> object:
        return act()

    return acts


async def decide(app: Any, job: Job, world: Any, together: Callable[[], object]) -> list[dict[str, Any]]:
    """Six that resume, approve twice, deny and cancel a run that waits before a high-stakes effect."""

    def acts(run: str) -> dict[str, Act]:
        asked = app.get(run).waiting[0]
        return {
            "resume": lambda: app.aresume(run),
            "approve": lambda: app.aapprove(asked, by="ann"),
            "approve too": _then(lambda: app.aapprove(asked, by="bea"), lambda: app.aresume(run)),
            "deny": lambda: app.adeny(asked, by="cy"),
            "cancel": lambda: app.acancel(run, by="dan"),
            "resume too": lambda: app.aresume(run),
        }

    return await _raced(app, job, together, lambda run: _waits(app, job, run), acts, world)


def _then(first: Act, second: Act) -> Act:
    async def acts() -> object:
        await first()
        return await second()

    return acts


async def edit(app: Any, job: Job, world: Any, together: Callable[[], object]) -> list[dict[str, Any]]:
    """Six that change what is asked about, approve it as it was seen, and go on."""

    def acts(run: str) -> dict[str, Act]:
        asked = app.get(run).waiting[0]
        return {
            "edit": lambda: app.aapprove(asked, by="ann", edits={"amount": 60}),
            "approve": lambda: app.aapprove(asked, by="bea"),
            "edit too": lambda: app.aapprove(asked, by="cy", edits={"amount": 65}),
            "approve too": lambda: app.aapprove(asked, by="dan"),
            "resume": lambda: app.aresume(run),
            "resume too": lambda: app.aresume(run),
        }

    return await _raced(app, job, together, lambda run: _waits(app, job, run), acts, world)


async def expire(app: Any, job: Job, world: Any, together: Callable[[], object]) -> list[dict[str, Any]]:
    """Six of whom some approve, and some look, at the moment at which a request expires."""

    def acts(run: str) -> dict[str, Act]:
        asked = app.get(run).waiting[0]

        def due(act: Act, early: float) -> Act:
            async def acts() -> object:
                await asyncio.sleep(max(0.0, asked.expires - time.time() - early))
                return await act()

            return acts

        return {
            "approve": due(lambda: app.aapprove(asked, by="ann"), 0.001),
            "approve too": due(lambda: app.aapprove(asked, by="bea"), 0.0005),
            "resume": due(lambda: app.aresume(run), -0.0005),
            "look": due(app.ainbox, 0.0),
            "look too": due(app.ainbox, 0.0),
            "look again": due(app.ainbox, -0.0005),
        }

    return await _raced(app, job, together, lambda run: _waits(app, job, run), acts, world)


async def start(app: Any, job: Job, world: Any, together: Callable[[], object]) -> list[dict[str, Any]]:
    """Six that start one run."""
    from tests.torture.scenarios import ALL

    async def prepare(run: str) -> None:
        """There is nothing yet."""

    def acts(run: str) -> dict[str, Act]:
        given = ALL[job.scenario].given
        return {f"start {who}": lambda: app.astart(given, run_id=run, by="starter") for who in range(job.many)}

    return await _raced(app, job, together, prepare, acts, world)


async def settle(app: Any, job: Job, world: Any, together: Callable[[], object]) -> list[dict[str, Any]]:
    """Six that settle one parked run, as done or as not done, and go on."""
    from tests.torture.scenarios import ALL

    async def prepare(run: str) -> None:
        world.unmend()
        parked = await app.astart(ALL[job.scenario].given, run_id=run, by="starter")
        assert parked.status == "parked"
        world.mend()

    def acts(run: str) -> dict[str, Act]:
        return {
            f"{'done' if who % 2 else 'not done'} {who}": _then(
                _sync(lambda who=who: app.settle(run, None, f"receipt {who}" if who % 2 else NOT_DONE, by=f"p{who}")),
                lambda: app.aresume(run),
            )
            for who in range(job.many)
        }

    return await _raced(app, job, together, prepare, acts, world)


async def retry(app: Any, job: Job, world: Any, together: Callable[[], object]) -> list[dict[str, Any]]:
    """Six that retry one run that failed."""
    from tests.torture.scenarios import ALL

    async def prepare(run: str) -> None:
        world.unmend()
        failed = await app.astart(ALL[job.scenario].given, run_id=run, by="starter")
        assert failed.verdict == "failed"
        world.mend()

    def acts(run: str) -> dict[str, Act]:
        return {f"retry {who}": lambda who=who: app.aretry(run, by=f"p{who}") for who in range(job.many)}

    return await _raced(app, job, together, prepare, acts, world)


async def work(app: Any, job: Job, world: Any, together: Callable[[], object]) -> list[dict[str, Any]]:
    """Six workers over as many runs as there are rounds."""
    from tests.torture.scenarios import ALL

    names = [f"{job.run}-{number}" for number in range(job.rounds)]
    if job.who == 0:
        for name in names:
            app.store.release(app._engine.begin(ALL[job.scenario].given, name, "starter", ()).lease)
    together()
    driven = await app.awork(until=lambda: not app.store.drivable(app.flow.name), pause=0.01)
    together()
    told = [await _ended(app, name, world) for name in names] if job.who == 0 else []
    return [{"driven": driven}, *told]


RACES: dict[str, Race] = {
    "decide": decide,
    "edit": edit,
    "expire": expire,
    "start": start,
    "settle": settle,
    "retry": retry,
    "work": work,
}
"""The races by name."""
