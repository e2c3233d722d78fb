"""The parts of a commit: what one driver writes in it, alone or beside the drivers of other runs.

Each part has an outcome of its own. One that is refused (its lease is lost, its tail has moved, a key is taken)
leaves the others as they are; what makes the whole transaction fail, fails it for all.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from . import journal, shelf
from .chain import prepare
from .leases import RELEASE
from .outside import kinds
from .records import Change, Checkpoint, Draft, Event, Lease

if TYPE_CHECKING:
    from .appending import Appending

T = TypeVar("T")


class Part(Generic[T]):
    """What one driver writes in a commit.

    Args:
        store: where.
        kinds: what is written, for the hook.
        power: the commit that it is part of survives a power loss.
    """

    __slots__ = ("error", "found", "kinds", "over", "power", "store")

    many = True
    """Whether it is more than one statement, so that it is undone by a savepoint when it is refused."""

    begins = False
    """Whether it begins a call or a run: where it is not written yet, it is not when its driver is cancelled."""

    def __init__(self, store: Appending, kinds: str, power: bool) -> None:
        self.store = store
        self.kinds = kinds
        self.power = power
        self.over = False
        self.found: T | None = None
        self.error: Exception | None = None

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Write it, inside the commit's transaction; it raises to be refused."""
        raise NotImplementedError

    def wrote(self) -> None:
        """Called when the commit is done, with this part in it."""

    def fail(self, error: Exception) -> None:
        """It is over, and was not written.

        Args:
            error: why.
        """
        self.error = error
        self.over = True

    def alone(self) -> T:
        """Write it in a commit of its own.

        Raises:
            Exception: why it was refused, or why the commit failed.
        """
        with self.store._db.writing(self.kinds, power=self.power) as tx:
            self.write(tx.cursor)
        self.wrote()
        self.over = True
        return self.result()

    def result(self) -> T:
        """What came of it, once it is over.

        Raises:
            Exception: why it was refused, or why the commit failed; then nothing of it was written.
        """
        assert self.over
        if self.error is not None:
            raise self.error
        return self.found  # type: ignore[return-value]  # a part without an error has what it gives


class One(Part[list[Event]]):
    """An ordinary step: one event, and the one statement that checks the fence and writes it.

    Args:
        store: where.
        lease: the run's.
        draft: the event.
        power: the commit survives a power loss.
    """

    __slots__ = ("events", "lease", "values", "written")

    many = False

    def __init__(self, store: Appending, lease: Lease, draft: Draft, power: bool) -> None:
        self.store, self.kinds, self.power, self.lease = store, draft.kind, power, lease
        self.over, self.found, self.error = False, None, None
        self.events = prepare((draft,), lease.tail, lease.link, store._clock())
        event = self.events[0]
        rid = lease.rid
        row = (rid << 32 | event.number, event.kind, event.at, event.payload.decode(), event.link)
        self.values = (*row, rid, lease.fence)
        self.written = 0

    @property
    def begins(self) -> bool:  # type: ignore[override]  # of some classes all are alike
        """Whether it is an intent."""
        return self.kinds == "intent"

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Write the event: no row where the lease is lost, and no second one of a number."""
        if self.begins:
            self.store._may_begin(self.lease)
        try:
            self.written = cursor.execute(journal.APPEND, self.values).rowcount
        except sqlite3.IntegrityError:
            self.written = -1

    def alone(self) -> list[Event]:
        """Write the event in a commit of its own: the statement is its transaction."""
        if self.begins:
            self.store._may_begin(self.lease)
        self.written = self.store._db.single(journal.APPEND, self.values, self.kinds, power=self.power)
        self.wrote()
        return self.events

    def wrote(self) -> None:
        """The lease's tail moves along, where the event was written."""
        if self.written == 0:
            raise self.store._lost(self.lease)
        if self.written < 0:
            raise self.store._moved(self.lease)
        event = self.events[0]
        self.lease.tail, self.lease.link = event.number, event.link
        self.found, self.over = self.events, True


class Changing(Part[list[Event]]):
    """Events with all that changes with them.

    Args:
        store: where.
        lease: the run's.
        change: what changes.
        power: the commit survives a power loss.
        release: let the run go in the same commit.
    """

    __slots__ = ("change", "lease", "release")

    def __init__(self, store: Appending, lease: Lease, change: Change, power: bool, release: bool) -> None:
        super().__init__(store, kinds(change.drafts) or "update", power)
        self.lease = lease
        self.change = change
        self.release = release

    @property
    def begins(self) -> bool:  # type: ignore[override]  # of some classes all are alike
        """Whether an intent is among the events."""
        return any(draft.kind == "intent" for draft in self.change.drafts)

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Write all of it, for a writer who holds the lease and knows the last event."""
        store, lease = self.store, self.lease
        if self.begins:
            store._may_begin(lease)
        store._stand(cursor, lease)
        self.found = journal.write(
            cursor, lease.rid, lease.tail, lease.link, self.change, at=store._clock(), path=store.path
        )
        if self.release:
            cursor.execute(RELEASE, (lease.rid, lease.fence))

    def wrote(self) -> None:
        """The lease's tail moves along."""
        if self.found:
            self.lease.tail, self.lease.link = self.found[-1].number, self.found[-1].link
        if self.release:
            self.store._drop(self.lease)


class Beginning(Part[tuple[Lease, list[Event]]]):
    """A run that this process drives at once, with its first events.

    Args:
        store: where.
        values: of the run's row, see ``Appending._insert``.
        events: the first of the journal.
        power: the commit survives a power loss.
    """

    __slots__ = ("events", "values")

    begins = True

    def __init__(self, store: Appending, values: tuple[Any, ...], events: list[Event], power: bool = False) -> None:
        super().__init__(store, ",".join([event.kind for event in events]), power)
        self.values = values
        self.events = events

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Write the run, its events and its lease."""
        rid = self.store._insert(cursor, self.values, self.events)
        lease = self.store._leases.begin(cursor, rid, self.values[0], 1, 1, self.events[-1] if self.events else None)
        self.found = (lease, self.events)

    def wrote(self) -> None:
        """The lease is renewed from now on."""
        assert self.found is not None
        self.store._hold(self.found[0])


class Releasing(Part[None]):
    """A run that is let go, with LangGraph's snapshot; a lease that is lost is let go in silence.

    Args:
        store: where.
        lease: the run's, which dispatches nothing any more.
        checkpoint: the snapshot, kept with it.
    """

    __slots__ = ("checkpoint", "lease")

    def __init__(self, store: Appending, lease: Lease, checkpoint: Checkpoint | None) -> None:
        super().__init__(store, "release", False)
        self.lease = lease
        self.checkpoint = checkpoint

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Let the run go, where it is still this process's."""
        if cursor.execute(RELEASE, (self.lease.rid, self.lease.fence)).rowcount and self.checkpoint is not None:
            shelf.put_checkpoint(cursor, self.lease.rid, self.checkpoint)
