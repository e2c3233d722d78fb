"""The engine of an App: a flow with its store, models and deps, and the drives of its runs.

Async once: the App's faces, LangGraph's tasks and foreign callers of the graph all come through here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from pydantic import BaseModel

from ..errors import ConfigError, DecisionRefused, JournalBroken, LeaseLost, RunNotFound, RunNotReady
from ..flows.flow import Flow
from ..flows.inside import flows_in
from ..flows.position import AtNode
from ..guards.gates import Approval
from ..nodes.models import Models
from ..nodes.streaming import Heard
from .agreeing import agree
from .driver import Drive
from .forking import first_events
from .hearing import hearing
from .ids import new_id, system_user, valid_id
from .keeping import Keeper
from .keys import Keys, hiding
from .lifecycle import OVER
from .looking import view_of
from .portal import Portal
from .remembering import Remembered
from .sharing import Queue, Sharing
from .standing import Standing, versions_of
from .starting import started
from .store import Checkpoint, Draft, Event, Lease, RunRow, SqliteStore
from .versions import fit
from .views import Run

S = TypeVar("S", bound=BaseModel)

_log = logging.getLogger("guideway")

Listener = Callable[[str, Event], None]
"""Called with a run's id and each event as it is committed."""

Ear = Callable[[str, dict[str, Any]], None]
"""Called with a run's id and what a model just said: node, slot and text."""


class Engine(Generic[S]):
    """A flow with what it needs to run.

    Args:
        flow: the flow.
        store: where its runs live.
        models: the chat models by slot.
        deps: whatever nodes need from outside.
        keys: under which secrets are kept.
    """

    def __init__(self, flow: Flow[S], store: SqliteStore, models: Models, deps: Any, keys: Keys) -> None:
        self.flow = flow
        self.keys = keys
        self.store = store
        self.models = models
        self.deps = deps
        self.portal = Portal()
        self.keeper = Keeper()
        self.remembered: Remembered[S] = Remembered()
        self.sharing = Sharing(store)
        self.listeners: list[Listener] = []
        self.ears: list[Ear] = []
        self.gated = any(isinstance(gate, Approval) for inner in flows_in(flow) for gate in inner.gates.values())
        self._manifest_kept = False
        self._turns: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()

    @cached_property
    def saver(self) -> Any:
        """LangGraph's saver, bound to the journal."""
        from .langgraph.bound import BoundSaver

        return BoundSaver(self.flow.type.fields, values=self._values, load=self._snapshot)

    @cached_property
    def graph(self) -> Any:
        """The compiled LangGraph graph."""
        from .langgraph.graph import build_graph

        return build_graph(self, self.saver)

    def tell(self, run: str, event: Event) -> None:
        """Tells the listeners of an event that was committed; a listener that raises is logged, and stops nothing.

        Args:
            run: the run's id.
            event: the event.
        """
        if not self.listeners:
            return
        for listener in tuple(self.listeners):
            try:
                listener(run, event)
            except Exception:  # noqa: BLE001  # a listener's mistake is its own
                _log.exception("a listener failed on event %d (%s) of run %s", event.number, event.kind, run)

    def hears(self, run: str, about: dict[str, Any]) -> Heard | None:
        """Who hears a model's answer while it comes; None where nobody watches.

        Args:
            run: the run's id.
            about: node and slot, told with each piece of text.
        """
        ears = tuple(self.ears)
        if not ears:
            return None

        def hear(text: str) -> None:
            for ear in ears:
                ear(run, about | {"text": text})

        return hear

    # starting

    async def start(
        self, given: Mapping[str, Any] | BaseModel, run_id: str | None, by: str | None, tags: Iterable[str]
    ) -> Run[S]:
        """Creates a run, as ``begin``, and drives it."""
        with self.sharing.here() as queue:
            lease, events = await queue.begin(self._first(given, run_id, by, tags))
            return await self._drive(self._begun(lease, events), queue)

    def begin(
        self, given: Mapping[str, Any] | BaseModel, run_id: str | None, by: str | None, tags: Iterable[str]
    ) -> Drive[S]:
        """Creates a run and takes its lease; its first event holds the validated input.

        Args:
            given: the input.
            run_id: the run's id, or None for a new one.
            by: who starts it.
            tags: the run's tags.

        Raises:
            ConfigError: the flow has a gate and nobody is named as the starter.
            StateInvalid: the input does not fit the state.
            RunExists: the id is taken.
        """
        return self._begun(*self.store.begin(**self._first(given, run_id, by, tags)))

    def _first(
        self, given: Mapping[str, Any] | BaseModel, run_id: str | None, by: str | None, tags: Iterable[str]
    ) -> dict[str, Any]:
        if self.gated and not (by or "").strip():
            raise ConfigError(
                f"flow {self.flow.name!r} has an approval, so a run must say who starts it: start(..., by='web'). "
                "Whoever starts a run may not approve its calls"
            )
        return self._new(run_id, by, tags, [started(self.flow, self.keys, given, by)])

    def fork(self, run_id: str, at: int, by: str, update: Mapping[str, Any] | None, new: str | None) -> Drive[S]:
        """Creates a run from another one, in one commit, and takes its lease; of the other only the journal is read.

        Args:
            run_id: the run that is forked.
            at: the number of the step after which the fork stands.
            by: who forks it.
            update: state fields to write first.
            new: the fork's id, or None for a new one.

        Raises:
            GuidewayError: what ``app.fork`` raises.
        """
        row = self.store.run(run_id)
        self._mine(row)
        events, versions = self.store.events(row.rid), versions_of(self.store)
        drafts = first_events(self.flow, row, events, versions, at=at, by=by, update=update, keys=self.keys)
        return self._begun(*self.store.begin(**self._new(new, by, row.tags, drafts)))

    def _begun(self, lease: Lease, events: Sequence[Event]) -> Drive[S]:
        return Drive(self, lease, Standing(self.flow, lease.run, self.keys).apply_all(events))

    def _new(self, run_id: str | None, by: str | None, tags: Iterable[str], drafts: Sequence[Draft]) -> dict[str, Any]:
        """What ``store.begin`` takes."""
        name = run_id or new_id()
        valid_id(name)
        self._keep_manifest()
        flow = self.flow
        about = {"run_id": name, "flow": flow.name, "shape": flow.shape, "build": flow.build}
        return {**about, "by": by, "tags": tags, "events": drafts}

    def _keep_manifest(self) -> None:
        if not self._manifest_kept:
            self.store.put_manifest(self.flow.shape, self.flow.build, self.flow.manifest())
            self._manifest_kept = True

    # driving

    async def drive(self, drive: Drive[S]) -> Run[S]:
        """Drives a run until it waits, parks or ends, through LangGraph, and lets it go.

        Args:
            drive: the run under its lease.
        """
        with self.sharing.here() as queue:
            return await self._drive(drive, queue)

    async def _drive(self, drive: Drive[S], queue: Queue) -> Run[S]:
        drive.queue = queue
        thread = drive.lease.run
        checkpoint: Checkpoint | None = None
        config = self.saver.begin(thread)
        try:
            if not drive.over:
                async with hearing(self.store, drive.lease):
                    with hiding(drive.standing.vault, self.deps):
                        await self.graph.ainvoke({}, config, context=drive, durability="exit", stream_mode=[])
                blob = self.saver.blob(thread)
                checkpoint = None if blob is None else Checkpoint(blob)
            else:
                drive.settle()  # its driver may have died before it could say that nothing goes on
        except LeaseLost:
            if self.store.run(thread).status != "cancelled":
                raise
        finally:
            self.saver.forget(thread)
            await queue.release(drive.lease, checkpoint)
        return self.view(drive.standing)

    async def resume(self, run_id: str) -> Run[S]:
        """Goes on with a run; one that is over is only looked at.

        Args:
            run_id: the run's id.

        Raises:
            RunNotFound: no such run of this flow.
            RunBusy: somebody drives it.
        """
        self.sweep()
        if self.store.run(run_id).status in OVER:
            return self.get(run_id)
        return await self.drive(await self.take(run_id))

    async def take(self, run_id: str) -> Drive[S]:
        """Takes a run that is there: its lease, and where it stands by its journal.

        Args:
            run_id: the run's id.

        Raises:
            RunNotFound: no such run.
            RunBusy: somebody drives it.
        """
        self._mine(self.store.run(run_id))
        lease = self.store.acquire(run_id)
        try:
            standing = self.remembered.goes_on(self.store, lease) or self.load(run_id)
            row = agree(self.store.run(run_id), standing, self.store.path)
            lease.tail, lease.link = standing.tail, row.link
            self.remembered.keep(standing, row)
            drive = Drive(self, lease, standing)
            drive.status = row.status
            self._keep_manifest()
            fit(drive)
            return drive
        except BaseException:
            self.store.release(lease)
            raise

    def _mine(self, row: RunRow) -> None:
        if row.flow != self.flow.name:
            raise RunNotFound(
                f"run {row.id!r} in {self.store.path} is of flow {row.flow!r}, not of {self.flow.name!r}: "
                "resume it with its own flow",
                run=row.id,
            )

    async def one_step(self, run_id: str, given: Any, place: str) -> Drive[S]:
        """One step for a foreign caller of the graph, under a lease of its own; a new thread starts a run.

        Args:
            run_id: LangGraph's thread id, which is the run's.
            given: the input, at the graph's entry; None elsewhere.
            place: the LangGraph node that was called.

        Returns:
            The drive, let go: how the run stands now.

        Raises:
            RunBusy: somebody drives the run.
            ConfigError: no thread id.
        """
        if not run_id:
            raise ConfigError('app.graph needs config={"configurable": {"thread_id": <the run\'s id>}}')
        # the gates that a run waits at are tasks of one superstep: they come one after the other
        async with self._turns.setdefault((id(asyncio.get_running_loop()), run_id), asyncio.Lock()):
            return await self._one_step(run_id, given, place)

    async def _one_step(self, run_id: str, given: Any, place: str) -> Drive[S]:
        try:
            self.store.run(run_id)
        except RunNotFound:
            if given is None:
                raise
            drive = self.begin(dict(given), run_id, system_user(), ())
            begun = drive.standing.at != AtNode("START")  # the entry's own step, which its first event holds
        else:
            drive, begun = await self.take(run_id), False
        with self.sharing.here() as queue:
            drive.queue = queue
            return await self._step(drive, queue, begun=begun, place=place)

    async def _step(self, drive: Drive[S], queue: Queue, *, begun: bool, place: str) -> Drive[S]:
        from .langgraph.graph import places_of

        try:
            if not (begun or drive.over) and place in (*places_of(drive.standing), "start"):
                with hiding(drive.standing.vault, self.deps):
                    await drive.go_on(stretch=False)
            elif not begun:
                drive.settle()
        finally:
            await queue.release(drive.lease)
        return drive

    # reading

    def load(self, run_id: str, events: list[Event] | None = None) -> Standing[S]:
        """Where a run stands, folded from its journal.

        Args:
            run_id: the run's id.
            events: its journal, where it was just read.
        """
        standing = Standing(self.flow, run_id, self.keys, versions_of(self.store))
        return standing.apply_all(self.store.events(run_id) if events is None else events)

    def get(self, run_id: str) -> Run[S]:
        """A run of this flow as it stands.

        Args:
            run_id: the run's id.

        Raises:
            RunNotFound: no such run of this flow.
        """
        self._mine(self.store.run(run_id))
        events = self.store.events(run_id)
        return self.view(self.load(run_id, events), events)

    def view(self, standing: Standing[S], events: list[Event] | None = None) -> Run[S]:
        """A frozen view of a run.

        Args:
            standing: where it stands.
            events: all of its events, where they were just read.
        """
        row = agree(self.store.run(standing.run), standing, self.store.path)
        return view_of(row, standing, self.keeper.of(self.store, row, standing.tail, events))

    def _values(self, run_id: str) -> Mapping[str, Any]:
        try:
            state = self.load(run_id).state
        except RunNotFound:
            return {}
        return {name: getattr(state, name) for name in self.flow.type.fields}

    def _snapshot(self, run_id: str) -> bytes | None:
        try:
            found = self.store.checkpoint(run_id)
        except RunNotFound:
            return None
        return None if found is None else found.data

    # time

    def sweep(self) -> list[str]:
        """Expires every request whose time is over; gives the ids of their runs."""
        runs: list[str] = []
        for row in self.store.due(time.time()):
            body = {"request": row.id, "status": "expired", "by": None, "note": "nobody decided in time"}
            try:
                self.store.decide(row.id, Draft("expired", body), status="expired")
            except (RunNotReady, DecisionRefused):
                continue  # somebody was faster
            except JournalBroken:
                _log.exception("request %s is overdue, and the journal of its run %s is broken", row.id, row.run)
                continue
            runs.append(row.run)
        return runs

    async def close(self) -> None:
        """Lets go what is held."""
        await asyncio.sleep(0)
        self.store.close()
