"""The store on SQLite: every run's journal, requests, leases and effects in one file, or in memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from ...errors import LeaseLost, RunExists, StateInvalid, StoreError
from . import chain, journal, opening, rows, schema, shelf
from .chain import prepare
from .database import Hook, Transaction
from .driving import Driving
from .heartbeat import Heartbeat
from .leases import RELEASE, TTL, Leases, renew
from .outside import kinds
from .records import (
    Change,
    Checkpoint,
    Draft,
    Effect,
    Event,
    Lease,
    RequestDraft,
    RunRow,
    TailMoved,
)

_NOTHING: Mapping[str, str] = {}


class SqliteStore(Driving):
    """A store of runs.

    Every method is synchronous and may be called from any thread; a commit takes microseconds. A
    store does not survive a fork: open it in the child.

    Args:
        path: the file; None keeps all in memory, for this process alone.
        durability: ``process``: an ordinary commit survives a crash of the process at once, and a
            power loss within moments; ``power``: each survives both.
        create: make the file when it is missing.
        ttl: seconds that a lease lasts when its holder's death cannot be proved.
        patience: seconds that opening waits for another program that holds the file.
        clock: gives the unix time of events and of decisions.

    Raises:
        StoreNotFound: the folder is missing, or the file is and ``create`` is false.
        StoreForeign: the file is something else.
        StoreTooNew: a newer guideway wrote it.
        StoreReadOnly: the file or its folder cannot be written.
        StoreLocked: another program holds it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        *,
        durability: Literal["process", "power"] = "process",
        create: bool = True,
        ttl: float = TTL,
        patience: float = opening.PATIENCE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if path is None or path == ":memory:":
            super().__init__(opening.open_memory(schema.STORE), clock)
            self._heartbeat = None
        else:
            where = os.path.abspath(path)
            super().__init__(
                opening.open_file(where, schema.STORE, create=create, power=durability == "power", patience=patience),
                clock,
            )
            self._heartbeat = Heartbeat(where, ttl)
        self._leases = Leases(self.path, self._db.file or object(), ttl if self.durable else None)
        self._ttl = ttl
        self._kept: set[tuple[str, str]] = set()

    @property
    def hook(self) -> Hook | None:
        """For tests that kill: called with "before" or "after", and kinds, around every commit but the heartbeat's."""
        return self._db.hook

    @hook.setter
    def hook(self, hook: Hook | None) -> None:
        self._db.hook = hook

    # Runs and their leases

    def create(
        self,
        *,
        run_id: str,
        flow: str,
        shape: str,
        build: str,
        by: str | None = None,
        tags: Iterable[str] = (),
        events: Sequence[Draft] = (),
        hold: bool = False,
        power: bool = False,
    ) -> tuple[RunRow, Lease | None]:
        """Begin a run with its first events.

        Args:
            run_id: unique in the store.
            flow: the flow's name.
            shape: the flow's shape.
            build: the flow's build.
            by: who starts it.
            tags: by which runs are listed.
            events: the first of the journal, committed with the run.
            power: this commit survives a power loss.
            hold: this process drives it at once: the run is ``running``, not ``ready``.

        Raises:
            RunExists: the id is taken.
            StateInvalid: the id is not printable, or a body is not JSON.
        """
        _require_id(run_id)
        at = self._clock()
        prepared = prepare(events, 0, chain.genesis(run_id), at)
        with self._db.writing(kinds(events), power=power) as tx:
            status = "running" if hold else "ready"
            rid = self._insert(tx, (run_id, flow, shape, build, status, by, rows.tag_text(tags), at, at), prepared)
            lease = self._leases.begin(tx.cursor, rid, run_id, 1, 1) if hold else None
            row = rows.find(tx.cursor, rid, self.path)
        return row, self._hold(lease)

    def begin(
        self,
        *,
        run_id: str,
        flow: str,
        shape: str,
        build: str,
        events: Sequence[Draft],
        by: str | None = None,
        tags: Iterable[str] = (),
    ) -> tuple[Lease, list[Event]]:
        """Begin a run that this process drives at once: as ``create`` with ``hold``, without reading anything back.

        Args:
            run_id: unique in the store.
            flow: the flow's name.
            shape: the flow's shape.
            build: the flow's build.
            events: the first of the journal, committed with the run.
            by: who starts it.
            tags: by which runs are listed.

        Returns:
            The lease, and the events as they were stored; fold these, not the drafts.

        Raises:
            RunExists: the id is taken.
            StateInvalid: the id is not printable, or a body is not JSON.
        """
        _require_id(run_id)
        at = self._clock()
        prepared = prepare(events, 0, chain.genesis(run_id), at)
        with self._db.writing(kinds(events)) as tx:
            rid = self._insert(tx, (run_id, flow, shape, build, "running", by, rows.tag_text(tags), at, at), prepared)
            lease = self._leases.begin(tx.cursor, rid, run_id, 1, 1)
        self._hold(lease)
        return lease, prepared

    def _insert(self, tx: Transaction, values: tuple[Any, ...], events: list[Event]) -> int:
        tx.cursor.execute(
            "insert or ignore into runs (id, flow, shape, build, status, starter, tags, created, updated, fence, "
            "dead_from) values (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
            values,
        )
        if not tx.cursor.rowcount:
            raise RunExists(f"{self.path}: there is a run {values[0]!r} already. Choose another id.", run=values[0])
        rid = tx.cursor.lastrowid or 0
        journal.insert(tx.cursor, rid, events)
        return rid

    def acquire(self, run_id: str) -> Lease:
        """Become the run's driver; its status stays as it is.

        Raises:
            RunNotFound: no such run.
            RunBusy: somebody drives it; ``data["holder"]`` names the process.
        """
        with self._db.writing("acquire") as tx:
            lease = self._leases.take(tx.cursor, run_id)
        self._hold(lease)
        return lease

    def renew(self, lease: Lease) -> None:
        """Prolong a lease now, without waiting for the heartbeat.

        Raises:
            LeaseLost: another holder took over.
        """
        if self.durable:
            with self._db.writing("renew") as tx:
                deadline = renew(tx.cursor, lease, self._ttl)
            lease.deadline = deadline
        lease.check()

    def _hold(self, lease: Lease | None) -> Lease | None:
        if lease is not None and self._heartbeat is not None:
            self._heartbeat.hold(lease)
        return lease

    def _drop(self, lease: Lease) -> None:
        super()._drop(lease)
        if self._heartbeat is not None:
            self._heartbeat.drop(lease)

    # The journal, written by the run's driver

    def append(
        self,
        lease: Lease,
        drafts: Sequence[Draft],
        *,
        status: str | None = None,
        verdict: str | None = None,
        end: str | None = None,
        error: dict[str, Any] | None = None,
        open_requests: Sequence[RequestDraft] = (),
        request_status: Mapping[str, str] = _NOTHING,
        effects: Sequence[Effect] = (),
        shape: str | None = None,
        build: str | None = None,
        power: bool = False,
        checkpoint: Checkpoint | None = None,
        release: bool = False,
    ) -> list[Event]:
        """Commit events and all that changes with them, in one transaction.

        Args:
            lease: the run's; its tail moves along.
            drafts: the events, in their order.
            status: the run's new status; the next three are written with it.
            verdict: how the run ended.
            end: the name of the end.
            error: why it parked or failed, data that JSON can carry.
            open_requests: what an ``asked`` among the drafts opens.
            request_status: request id to new status: ``consumed``, ``dispatched``, ``undispatched``, ``withdrawn``.
            effects: claims and settlements of business keys.
            shape: the run's new shape, when it was migrated.
            build: the run's new build.
            power: this commit survives a power loss.
            checkpoint: rides along.
            release: let the run go in the same commit.

        Returns:
            The events as they were stored; fold these, not the drafts.

        Raises:
            LeaseLost: another took over, the run was cancelled, or it is being let go and this would begin a call.
            TailMoved: somebody outside appended; fold its events, and try again.
            StateInvalid: data that JSON cannot carry.
            DecisionRefused: a request's status does not allow what is asked.
            EffectTaken: a business key is claimed already.
        """
        self._may_begin(lease, drafts)
        plain = not (open_requests or request_status or effects or checkpoint or release or status or shape or build)
        if plain and len(drafts) == 1:
            events = self._append_one(lease, drafts[0], power)
        else:
            change = Change(
                drafts, status, verdict, end, error, open_requests, request_status, effects, shape, build, checkpoint
            )
            events = self._append_change(lease, change, power, release)
        if events:
            lease.tail, lease.link = events[-1].number, events[-1].link
        if release:
            self._drop(lease)
        return events

    def _may_begin(self, lease: Lease, drafts: Sequence[Draft]) -> None:
        if lease.closing and any(draft.kind == "intent" for draft in drafts):
            raise self._closing(lease)

    def _append_one(self, lease: Lease, draft: Draft, power: bool) -> list[Event]:
        events = prepare((draft,), lease.tail, lease.link, self._clock())
        event = events[0]
        rid, fence = lease.rid, lease.fence
        values = (rid << 32 | event.number, event.kind, event.at, event.payload.decode(), event.link, rid, fence)
        written = self._db.single(journal.APPEND, values, event.kind, power=power)
        if written == 0:
            raise self._lost(lease)
        if written < 0:
            raise self._moved(lease)
        return events

    def _append_change(self, lease: Lease, change: Change, power: bool, release: bool) -> list[Event]:
        with self._db.writing(kinds(change.drafts) or "update", power=power) as tx:
            self._stand(tx, lease)
            events = journal.write(
                tx.cursor, lease.rid, lease.tail, lease.link, change, at=self._clock(), path=self.path
            )
            if release:
                tx.cursor.execute(RELEASE, (lease.rid, lease.fence))
        return events

    def _stand(self, tx: Transaction, lease: Lease) -> None:
        """Refuse a writer who lost the lease, or who does not know the last event."""
        found = tx.cursor.execute(
            "select (select max(key) from events where key between ? and ?) from runs where rid = ? and fence = ?",
            (lease.rid << 32, journal.key(lease.rid, 0xFFFFFFFF), lease.rid, lease.fence),
        ).fetchone()
        if found is None:
            raise self._lost(lease)
        if found[0] is not None and found[0] != journal.key(lease.rid, lease.tail):
            raise self._moved(lease)

    def _closing(self, lease: Lease) -> LeaseLost:
        return LeaseLost(
            f"this process stops, and lets run {lease.run!r} go before its next call. Nothing was dispatched. "
            "Resume the run.",
            run=lease.run,
        )

    def _lost(self, lease: Lease) -> LeaseLost:
        self._drop(lease)
        row = self.run(lease.run)
        why = f"{row.holder} took it over" if row.holder else f"it is {row.status} now"
        return LeaseLost(
            f"this process no longer holds run {lease.run!r}: {why}. Nothing was committed. "
            "Look at the run, then resume it.",
            run=lease.run,
            status=row.status,
            holder=row.holder,
        )

    def news(self, lease: Lease) -> list[Event]:
        """What somebody outside appended since the lease's tail, which moves along; fold these.

        Args:
            lease: the run's.

        Raises:
            LeaseLost: another holder took over.
        """
        with self._db.reading() as cursor:
            held = cursor.execute("select 1 from runs where rid = ? and fence = ?", (lease.rid, lease.fence)).fetchone()
            events = journal.read(cursor, lease.rid, lease.tail, self.path)
        if held is None:
            raise self._lost(lease)
        if events:
            lease.tail, lease.link = events[-1].number, events[-1].link
        return events

    def _moved(self, lease: Lease) -> Exception:
        with self._db.reading() as cursor:
            events = journal.read(cursor, lease.rid, lease.tail, self.path)
        if not events:
            return StoreError(f"{self.path}: run {lease.run!r} refused an event. Resume the run.", path=self.path)
        lease.tail, lease.link = events[-1].number, events[-1].link
        return TailMoved(events)

    def put_manifest(self, shape: str, build: str, data: dict[str, Any]) -> None:
        """Keep the manifest of a version; after the first time this costs nothing."""
        if (shape, build) in self._kept:
            return
        if self.manifest(shape, build) is None:
            with self._db.writing("manifest") as tx:
                shelf.put_manifest(tx.cursor, shape, build, data)
        self._kept.add((shape, build))

    def close(self) -> None:
        """Let go what is held, and close the file; a second time does nothing."""
        if self._db.closed:
            return
        if self._heartbeat is not None:
            for lease in self._heartbeat.stop():
                self.release(lease)
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _require_id(run_id: str) -> None:
    if not (run_id and run_id.isprintable()):
        raise StateInvalid(f"{run_id!r} cannot be a run's id: it is empty, or holds what cannot be printed.")
