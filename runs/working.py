"""The worker: drives the runs of a flow that are due, several at a time, beside other workers on the same store.

Which runs are due is asked of the store, again and again; a run's lease says who drives it. So workers
need nothing of each other, and one that dies leaves its runs to the next.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from pydantic import BaseModel

from ..errors import ConfigError, GuidewayError, LeaseLost, RunBusy, StoreLocked
from .believing import GRACE
from .engine import Engine
from .overruns import overrun_of
from .readiness import turns
from .store import Event, Lease
from .underway import between_calls, open_tools, tools_of

S = TypeVar("S", bound=BaseModel)

AT_ONCE = 4
"""How many runs a worker drives at a time, where nothing else is said."""
PUT_OFF = 5.0
"""Seconds until a run that could not be driven, or an effect that nobody knows of, is tried again; then twice that."""
LONGEST = 300.0
"""Seconds that such a run is put off at the most."""
LOOK = 0.05
"""Seconds between two looks whether a run can be let go."""

_log = logging.getLogger("guideway")


class Worker(Generic[S]):
    """Drives due runs until it is stopped.

    Args:
        engine: the flow with its store.
        at_once: how many runs at a time.
        pause: seconds between two looks at the store when nothing is due.
        tick: called at every look; it may raise.

    Raises:
        ConfigError: ``at_once`` or ``pause`` cannot be.
    """

    def __init__(
        self, engine: Engine[S], *, at_once: int = AT_ONCE, pause: float = 1.0, tick: Callable[[], object] | None = None
    ) -> None:
        if at_once < 1:
            raise ConfigError(f"work(at_once={at_once!r}) drives nothing: give 1 or more")
        if not pause > 0:
            raise ConfigError(f"work(pause={pause!r}) would never rest: give seconds, such as 1.0")
        self.engine = engine
        self.driven = 0
        self._at_once = at_once
        self._pause = pause
        self._tick = tick
        self._next_tick = float("-inf")
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._leases: dict[str, Lease] = {}
        self._off: dict[str, tuple[float, float]] = {}
        self._asked: dict[str, tuple[int, float | None]] = {}
        self._asks = {tool.name for tool in tools_of(engine.flow) if tool.reconcile is not None}
        self._stopping = self._begun = False
        self._ended = threading.Event()

    def work(self, until: Callable[[], bool] | None = None, stopping: Callable[[], object] | None = None) -> int:
        """As ``run``, for code that is not async; when it is interrupted, it ends what is under way before it raises.

        Args:
            until: see ``run``.
            stopping: called when it is interrupted; a second interruption is not waited for.
        """
        try:
            return self.engine.portal.call(self.run(until))
        except KeyboardInterrupt:
            if stopping is not None:
                stopping()
            while not self._ended.wait(LOOK) and self._begun:
                pass  # the loop's thread was told, and ends what is under way
            raise

    @property
    def ended(self) -> bool:
        """Whether it holds no run: it has stopped, or never begun."""
        return self._ended.is_set() or not self._begun

    async def run(self, until: Callable[[], bool] | None = None) -> int:
        """Works until it is told to stop. When it is cancelled, the calls under way are finished and the runs let go.

        Args:
            until: asked whenever all that was due has been begun; True: what is under way is driven to its end.

        Returns:
            How many times a run was driven.
        """
        self._begun = True
        try:
            while True:
                for run_id in self._due():
                    while len(self._tasks) >= self._at_once:
                        await self._rest()
                    self._begin(run_id)
                if until is not None and until():
                    break
                await self._rest()
            while self._tasks:
                await self._rest()
            return self.driven
        except BaseException:
            await self._stop()
            raise
        finally:
            for task in self._tasks.values():
                task.cancel()
            self._ended.set()

    # what is due

    def _due(self) -> list[str]:
        self._look_after()
        try:
            found = self.engine.store.drivable(self.engine.flow.name) + self._parked()
        except StoreLocked as error:
            _log.warning("nothing is driven for now: %s", error)
            return []
        now = time.monotonic()
        return [run for run in found if run not in self._tasks and self._off.get(run, (0.0, 0.0))[1] <= now]

    def _look_after(self) -> None:
        """Requests whose time is over expire, and people are told, though all places are taken."""
        if time.monotonic() < self._next_tick:
            return
        self._next_tick = time.monotonic() + self._pause / 2
        for what in (self.engine.sweep, self._tick):
            try:
                if what is not None:
                    what()
            except Exception:  # noqa: BLE001  # one damaged row, or a full disk, must not stop the worker
                _log.exception("a worker could not look after requests; it goes on")

    def _parked(self) -> list[str]:
        """Parked runs of which a branch can go on, and those whose tool can ask the world, when it is time to."""
        due: list[str] = []
        for run, tail in self.engine.store.parked(self.engine.flow.name):
            if self._asked.get(run, (-1, None))[0] != tail:
                self._asked[run] = (tail, self._again_at(run))
            at = self._asked[run][1]
            if at is not None and at <= time.time():
                due.append(run)
        return due

    def _again_at(self, run: str) -> float | None:
        try:
            if next(turns(self.engine.load(run), frozenset()), None) is not None:
                return 0.0  # somebody decided for a branch beside the one that is parked
            events = self.engine.store.events(run)
            if did_not_fit(events, but=self.engine.flow.shape):
                return 0.0
            return again_at(events, self._asks)
        except Exception as error:  # noqa: BLE001  # a parked run that cannot be read is a person's to look at
            _log.error("parked run %s cannot be looked at: %s", run, error)
            return None

    # driving

    def _begin(self, run_id: str) -> None:
        task = asyncio.get_running_loop().create_task(self._drive(run_id))
        self._tasks[run_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(run_id, None))

    async def _drive(self, run_id: str) -> None:
        store = self.engine.store
        try:
            if store.run(run_id).status not in ("ready", "running", "parked") or store.held(run_id) == "held":
                return  # it was due when the worker looked, and another was faster
            drive = await self.engine.take(run_id)
            before = store.run(run_id)  # what others did until now is not this worker's
            self._leases[run_id] = drive.lease
            drive.lease.closing = self._stopping
            await self.engine.drive(drive)
            after = store.run(run_id)
        except (RunBusy, LeaseLost):
            return  # somebody else drives it, or it was cancelled
        except asyncio.CancelledError:
            if not self._stopping:  # not by this worker: it must not be tried again and again
                self._put_off(run_id, None)
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the other runs go on
            self._put_off(run_id, error)
            return
        finally:
            self._leases.pop(run_id, None)
        if (before.status, before.tail) != (after.status, after.tail):
            self.driven += 1
            self._off.pop(run_id, None)
        elif after.status == "parked":
            self._asked[run_id] = (after.tail, None)  # until something happens to it
        elif after.status in ("ready", "running") and not self._stopping:
            self._put_off(run_id, None)

    def _put_off(self, run_id: str, error: Exception | None) -> None:
        seconds = min(max(self._off.get(run_id, (0.0, 0.0))[0] * 2, PUT_OFF), LONGEST)
        self._off[run_id] = (seconds, time.monotonic() + seconds)
        known = isinstance(error, GuidewayError)
        told = "it did not move" if error is None else str(error) if known else repr(error)
        _log.error(
            "run %s could not be driven, and is tried again in %.0f s: %s", run_id, seconds, told,
            exc_info=None if known else error,
        )  # fmt: skip

    async def _rest(self) -> None:
        """Until a run that is under way was driven, or for a pause."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=self._pause, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(self._pause)
        self._look_after()

    async def _stop(self) -> None:
        """No further call is begun, those under way are finished, and each run is let go between two calls."""
        self._stopping = True
        for lease in self._leases.values():
            lease.closing = True
        while self._tasks:
            for run_id, lease in list(self._leases.items()):
                if self._let_go(lease) and run_id in self._tasks:
                    self._tasks[run_id].cancel()
                    self._leases.pop(run_id, None)
            if self._tasks:
                await asyncio.wait(self._tasks.values(), timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)

    def _let_go(self, lease: Lease) -> bool:
        try:
            return self.engine.store.let_go(lease, between=between_calls)
        except GuidewayError as error:
            _log.error("run %s is given up: %s", lease.run, error)
            return True


def did_not_fit(events: list[Event], *, but: str) -> bool:
    """Whether a run is parked because another version of the flow could not go on with it.

    Args:
        events: the run's events.
        but: the shape of the version that asks: what it parked itself, it does not try again.
    """
    parks = [event.body for event in events if event.kind == "parked"]
    last = parks[-1] if parks else {}
    return last.get("reason") == "flow_changed" and last.get("shape") not in (None, but)


def again_at(events: list[Event], asks: set[str]) -> float | None:
    """When the world is to be asked again what became of a parked run's effect; None where nobody can be asked.

    The first time is when a caller that may have lived is surely over: the call's timeout and a grace. From
    then on each time is twice as far from the last, which the journal remembers for all workers.

    Args:
        events: the run's events.
        asks: the names of the tools that have ``reconcile=``.
    """
    parks = [event for event in events if event.kind == "parked"]
    calls = [call for call in open_tools(events) if call.body.get("tool") in asks]
    if not calls or not parks or parks[-1].body.get("reason") != "unknown_effect":
        return None
    if any(overrun_of(events, call.number) == (None, True) and _told_after(events, call, parks[-1]) for call in calls):
        return 0.0  # it went on, and has ended: what the world says of it is believed from now on
    over = max(call.at + float(call.body.get("timeout") or 0.0) for call in calls) + GRACE
    tried = sum(1 for event in parks if event.number > calls[0].number)
    return max(over, parks[-1].at + min(PUT_OFF * 2.0 ** min(tried - 1, 20), LONGEST))


def _told_after(events: list[Event], call: Event, park: Event) -> bool:
    """Whether something was said of how a call went on after the run parked."""
    return any(
        event.number > park.number and event.kind == "breach" and event.body.get("intent") == call.number
        for event in events
    )
