"""What the store takes and gives: frozen rows, the drafts of events, and the lease of a driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple

from ...errors import JournalBroken, LeaseLost


class Draft(NamedTuple):
    """An event before it is committed.

    Args:
        kind: one word, as in DESIGN.md section 9 (``step``, ``asked``, ...).
        body: data that JSON can carry; what is not JSON (a tuple, a date) comes back as JSON has it.
    """

    kind: str
    body: dict[str, Any]


class Event(NamedTuple):
    """An event as the journal holds it.

    Args:
        number: its place in the run, from 1, without gaps.
        kind: one word.
        at: when it was committed, unix seconds by the wall clock.
        body: decoded from what was stored, also for an event just appended: folding a stored event
            and folding a new one see the same data.
        link: the chain's digest up to this event.
        payload: the stored bytes that ``link`` covers.
        erased: the digest that stands for a payload which retention has erased, else None.
    """

    number: int
    kind: str
    at: float
    body: dict[str, Any]
    link: bytes
    payload: bytes = b""
    erased: bytes | None = None

    def __repr__(self) -> str:
        return f"Event(number={self.number}, kind={self.kind!r}, at={self.at}, body={self.body!r})"


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the store lists it.

    Args:
        rid: the store's own number of the run.
        status: ready, running, waiting, parked, ended or cancelled.
        end: the name of the end that was reached.
        by: who started it.
        fence: counts the takeovers; a writer with an older one commits nothing.
        holder: who drives it, readable; None when nobody does.
        tail: number of its last event, 0 when there is none.
        link: the chain's digest up to ``tail``.
    """

    rid: int
    id: str
    flow: str
    shape: str
    build: str
    status: str
    verdict: str | None
    end: str | None
    by: str | None
    tags: tuple[str, ...]
    created: float
    updated: float
    fence: int
    holder: str | None
    tail: int
    link: bytes
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Damaged:
    """What stands in a list for a run or a request that cannot be read, so that it hides none of the others.

    Args:
        run: the run's id, as far as it can be told.
        flow: its flow's name, as far as it can be told.
        error: which row it is, and what is wrong with it.
    """

    run: str
    flow: str
    error: JournalBroken


@dataclass(frozen=True, slots=True)
class RequestDraft:
    """A request to open, part of the append that says ``asked``.

    Args:
        id: unique in the store.
        role: who may decide.
        digest: of what is to be decided; a decision about another digest is refused.
        body: the request as people see it, data that JSON can carry.
        due: unix seconds after which it expires; None for never.
    """

    id: str
    role: str
    digest: str
    body: dict[str, Any]
    due: float | None = None


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request as the store holds it.

    ``status`` is open, approved, denied, edited, answered, expired or withdrawn; of a decision that the run has used it
    is consumed, dispatched when what it let pass is under way or done, revoked where a yes was taken back before that.
    ``journalled`` says whether an open one has the body that the run's journal has.
    """

    id: str
    run: str
    rid: int
    status: str
    role: str
    due: float | None
    digest: str
    body: dict[str, Any]
    journalled: bool = True


@dataclass(frozen=True, slots=True)
class Effect:
    """A change of a business key, part of the append of an intent or a result.

    Args:
        key: once across all runs of the store.
        status: ``intent`` claims the key, ``done`` and ``unknown`` settle it, ``not_done`` frees it.
        result: what the tool returned, data that JSON can carry.
        place: which of the append's drafts claims the key, from 0.
    """

    key: str
    status: str
    result: Any = None
    place: int = 0


@dataclass(frozen=True, slots=True)
class EffectRow:
    """Who used a business key, in which event (the intent's number), and what came of it."""

    key: str
    run: str
    rid: int
    number: int
    status: str
    result: Any


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version whose manifest is kept, the flow's name where a run of it is here, and how many runs are of it."""

    shape: str
    build: str
    flow: str | None
    runs: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """LangGraph's latest snapshot of a run, never trusted to be ahead or behind.

    Args:
        data: the snapshot; None keeps the one that is stored.
        writes: LangGraph's pending writes on it.
        ns: LangGraph's checkpoint namespace.
    """

    data: bytes | None
    writes: bytes | None = None
    ns: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Everything that one commit changes about one run.

    Args:
        drafts: the events, in their order.
        status: the run's new status; verdict, end and error are written with it (None clears them).
        open_requests: the requests that an ``asked`` among the drafts opens.
        request_status: request id to its new status; refused where the old one does not allow it.
        effects: claims and settlements of business keys.
        shape: the run's new shape, when it was migrated.
        build: the run's new build.
        checkpoint: rides along.
        evict: the run's driver loses its lease.
    """

    drafts: Sequence[Draft] = ()
    status: str | None = None
    verdict: str | None = None
    end: str | None = None
    error: dict[str, Any] | None = None
    open_requests: Sequence[RequestDraft] = ()
    request_status: Mapping[str, str] = field(default_factory=dict[str, str])
    effects: Sequence[Effect] = ()
    shape: str | None = None
    build: str | None = None
    checkpoint: Checkpoint | None = None
    evict: bool = False


@dataclass(slots=True, weakref_slot=True, eq=False)
class Lease:
    """The right to drive a run; lost by time, by a takeover, or by a cancel.

    Args:
        rid: the store's number of the run.
        run: the run's id.
        fence: the token that every commit shows.
        tail: number of the last event this driver knows.
        link: the chain's digest up to ``tail``.
        deadline: until when effects may be dispatched, by the monotonic clock.
        dead_from: the holders from this fence up to the one before this lease are proved dead.
        closing: the driver is to let the run go as soon as no call is under way: no further one is begun.
    """

    rid: int
    run: str
    fence: int
    tail: int
    link: bytes
    deadline: float
    dead_from: int
    closing: bool = False

    def surely_dead(self, fence: int) -> bool:
        """Whether who held the run under an earlier fence is known to be dead, so that nothing of it still runs.

        A holder that let the run go, or whose lease only ran out, may live: a call of its may still be under way.
        """
        return self.dead_from <= fence < self.fence

    def check(self) -> None:
        """Refuse to go on when the lease has run out: called straight before an effect is dispatched.

        Raises:
            LeaseLost: the deadline has passed, or the heartbeat found that another holder took over.
        """
        if monotonic() >= self.deadline:
            raise LeaseLost(
                f"this process no longer holds run {self.run!r}: its lease ran out or was taken over. "
                "Nothing was dispatched. Resume the run.",
                run=self.run,
            )


class TailMoved(Exception):
    """Somebody outside appended since the lease's tail, and nothing was committed.

    The lease's tail and link stand behind ``events`` now: fold these and try again.
    """

    def __init__(self, events: list[Event]) -> None:
        super().__init__(f"{len(events)} events were appended by others")
        self.events = events


class EffectTaken(Exception):
    """A business key is claimed already, and nothing was committed; ``row`` says by whom."""

    def __init__(self, row: EffectRow) -> None:
        super().__init__(f"the key {row.key!r} was used by run {row.run!r}")
        self.row = row
