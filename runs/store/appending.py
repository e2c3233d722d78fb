"""What the driver of a run commits: its beginning, its events with all that changes with them, its release.

Each commit is a part (see parts.py), written alone or in one transaction with the parts of other runs.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...errors import GuidewayError, LeaseLost, RunExists, StateInvalid, StoreError
from . import chain, journal, rows
from .chain import prepare
from .driving import Driving
from .heartbeat import Heartbeat
from .leases import RELEASE
from .parts import Beginning, Changing, One, Part, Releasing
from .records import Change, Checkpoint, Draft, Effect, EffectTaken, Event, Lease, RequestDraft, TailMoved

_NOTHING: Mapping[str, str] = {}

_log = logging.getLogger("guideway")


class Appending(Driving):
    """The store as the drivers of runs see it."""

    _heartbeat: Heartbeat | None

    # Beginnings and releases

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
        part = self.beginning(run_id=run_id, flow=flow, shape=shape, build=build, events=events, by=by, tags=tags)
        return part.alone()

    def beginning(
        self,
        *,
        run_id: str,
        flow: str,
        shape: str,
        build: str,
        events: Sequence[Draft],
        by: str | None = None,
        tags: Iterable[str] = (),
    ) -> Beginning:
        """As ``begin``, for ``together``; what cannot be stored is refused here."""
        require_id(run_id)
        at = self._clock()
        prepared = prepare(events, 0, chain.genesis(run_id), at)
        return Beginning(self, (run_id, flow, shape, build, "running", by, rows.tag_text(tags), at, at), prepared)

    def _insert(self, cursor: sqlite3.Cursor, values: tuple[Any, ...], events: list[Event]) -> int:
        cursor.execute(
            "insert or ignore into runs (id, flow, shape, build, status, starter, tags, created, updated, fence, "
            "dead_from) values (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
            values,
        )
        if not cursor.rowcount:
            raise RunExists(f"{self.path}: there is a run {values[0]!r} already. Choose another id.", run=values[0])
        rid = cursor.lastrowid or 0
        journal.insert(cursor, rid, events)
        return rid

    def release(self, lease: Lease, *, checkpoint: Checkpoint | None = None) -> None:
        """Let the run go, and keep LangGraph's checkpoint with it; a lease that is lost is let go in silence.

        Where that cannot be written (the disk is full), it is logged: the lease runs out, and what the caller has
        done, or was told, stands.

        Args:
            lease: the run's.
            checkpoint: rides along.
        """
        self._drop(lease)
        if self._db.closed:
            return
        try:
            if checkpoint is not None:
                self.releasing(lease, checkpoint=checkpoint).alone()
            else:
                self._db.single(RELEASE, (lease.rid, lease.fence), "release")
        except StoreError as error:
            self.not_released(lease, error)

    def not_released(self, lease: Lease, error: Exception) -> None:
        """Logs that a run is let go, and its row still says that it is held.

        Args:
            lease: the run's.
            error: why.
        """
        _log.warning("run %s is let go, but not in the store, where its lease runs out: %s", lease.run, error)

    def releasing(self, lease: Lease, *, checkpoint: Checkpoint | None = None) -> Releasing:
        """As ``release``, for ``together``; nothing is dispatched under the lease from here on."""
        self._drop(lease)
        return Releasing(self, lease, checkpoint)

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
        part = self.part(
            lease, drafts, status=status, verdict=verdict, end=end, error=error, open_requests=open_requests,
            request_status=request_status, effects=effects, shape=shape, build=build, power=power,
            checkpoint=checkpoint, release=release,
        )  # fmt: skip
        return part.alone()

    def part(
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
    ) -> Part[list[Event]]:
        """As ``append``, for ``together``; what JSON cannot carry may be refused here."""
        plain = not (open_requests or request_status or effects or checkpoint or release or status or shape or build)
        if plain and len(drafts) == 1:
            return One(self, lease, drafts[0], power)
        change = Change(
            drafts, status, verdict, end, error, open_requests, request_status, effects, shape, build, checkpoint
        )
        return Changing(self, lease, change, power, release)

    # Commits

    def together(self, parts: Sequence[Part[Any]]) -> None:
        """Commit parts of several runs in one transaction; each of them is ``over`` then, and has its own outcome.

        A part that is refused is undone by itself. Where the transaction fails as a whole, each part is tried once
        more alone, so that what is wrong with one fails no other.

        Args:
            parts: of which no two are one run's.
        """
        if len(parts) == 1:
            self._try_alone(parts[0])
            return
        try:
            with self._db.writing(",".join([part.kinds for part in parts]), power=any(p.power for p in parts)) as tx:
                for part in parts:
                    _write_among(tx.cursor, part)
        except Exception:  # noqa: BLE001  # each part is told its own, below
            for part in parts:
                part.error = None
                self._try_alone(part)
            return
        for part in parts:
            _finish(part)

    def _try_alone(self, part: Part[Any]) -> None:
        try:
            part.alone()
        except Exception as error:  # noqa: BLE001  # whoever waits for the part is told
            part.fail(error)

    def _may_begin(self, lease: Lease) -> None:
        if lease.closing:
            raise LeaseLost(
                f"this process stops, and lets run {lease.run!r} go before its next call. Nothing was dispatched. "
                "Resume the run.",
                run=lease.run,
            )

    def _stand(self, cursor: sqlite3.Cursor, lease: Lease) -> None:
        """Refuse a writer who lost the lease, or who does not know the last event."""
        found = cursor.execute(
            "select (select max(key) from events where key between ? and ?) from runs where rid = ? and fence = ?",
            (lease.rid << 32, journal.key(lease.rid, 0xFFFFFFFF), lease.rid, lease.fence),
        ).fetchone()
        if found is None:
            raise self._lost(lease)
        if found[0] is not None and found[0] != journal.key(lease.rid, lease.tail):
            raise self._moved(lease)

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


def _write_among(cursor: sqlite3.Cursor, part: Part[Any]) -> None:
    """Write a part beside others: what is refused is undone, and SQLite's own errors fail the transaction."""
    if not part.many:
        try:
            part.write(cursor)
        except GuidewayError as error:
            part.error = error
        return
    cursor.execute("savepoint part")
    try:
        part.write(cursor)
    except (GuidewayError, TailMoved, EffectTaken) as error:
        part.error = error
        cursor.execute("rollback to part")
    cursor.execute("release part")


def _finish(part: Part[Any]) -> None:
    if part.error is None:
        try:
            part.wrote()
        except (GuidewayError, TailMoved) as error:
            part.error = error
    part.over = True


def require_id(run_id: str) -> None:
    """Refuse what cannot be a run's id.

    Raises:
        StateInvalid: it is empty, or holds what cannot be printed.
    """
    if not (run_id and run_id.isprintable()):
        raise StateInvalid(f"{run_id!r} cannot be a run's id: it is empty, or holds what cannot be printed.")
