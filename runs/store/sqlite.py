"""The store on SQLite: every run's journal, requests, leases and effects in one file, or in memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from . import chain, identity, opening, rows, schema, shelf
from .appending import Appending, require_id
from .chain import prepare
from .database import Hook
from .heartbeat import Heartbeat
from .leases import TTL, Leases, renew
from .outside import kinds
from .records import Draft, Lease, RunRow


class SqliteStore(Appending):
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
        identity.record(self._db)
        self._looked = False
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
        require_id(run_id)
        at = self._clock()
        prepared = prepare(events, 0, chain.genesis(run_id), at)
        with self._db.writing(kinds(events), power=power) as tx:
            status = "running" if hold else "ready"
            values = (run_id, flow, shape, build, status, by, rows.tag_text(tags), at, at)
            rid = self._insert(tx.cursor, values, prepared)
            lease = self._leases.begin(tx.cursor, rid, run_id, 1, 1) if hold else None
            row = rows.find(tx.cursor, rid, self.path)
        return row, self._hold(lease)

    def _hold(self, lease: Lease | None) -> Lease | None:
        if not self._looked:
            self._looked = True
            identity.look(self._db)
        return super()._hold(lease)

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

    def held_here(self) -> list[Lease]:
        """The leases of the runs that this process drives in a file; none in memory, where nothing outlives it."""
        return [] if self._heartbeat is None else self._heartbeat.held()

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
