"""Calls that nobody waits for any more, and whose threads may yet act: what the journal says of them.

That such a call goes on, and in which process, is said as soon as nobody waits for it; how it ended, when it has. Both
are appended from outside of any drive, as a settlement is, for by then the run may be parked, driven elsewhere or over.
A call of which neither could be said (its process died) is an intent without a result, which is the truth.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Hashable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import GuidewayError, JournalBroken, RunError, StoreError
from ..nodes.calls import NOT_DONE, PENDING
from ..nodes.threads import Ending, Overrun
from .branches import Recorded
from .codec import write_error
from .inheriting import became_of
from .permits import approvals_of
from .readiness import still
from .standing import Standing, versions_of
from .store import Build, Change, Draft, Effect, Event, RequestRow, RunRow, SqliteStore
from .store.holder import Holder, this_process

if TYPE_CHECKING:
    from .engine import Engine

FIRST, LONGEST = 0.1, 30.0
"""Seconds until a store that could not be written is tried again: the first time, and at the most."""

_log = logging.getLogger("guideway")
_here: set[tuple[Hashable, str, int]] = set()
"""The calls that go on in this process: store, run, and number of the intent."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_here.clear)  # threads stay with the parent


def go_on_here(store: SqliteStore) -> bool:
    """Whether a call of a store's runs goes on in this process, or has ended and that is not recorded yet.

    Args:
        store: the store.
    """
    return any(key[0] == store.identity for key in tuple(_here))


class Overrunning:
    """One call with an effect, from the moment when nobody waits for it any more.

    Args:
        engine: the flow with its store.
        run: the run's id.
        number: the intent's event.
    """

    def __init__(self, engine: Engine[Any], run: str, number: int) -> None:
        self._engine = engine
        self._run = run
        self._number = number
        self._key = (engine.store.identity, run, number)

    def left(self, overrun: Overrun) -> None:
        """Says that the call goes on, and has its end said.

        Args:
            overrun: the call.
        """
        if not overrun.running:  # it has just ended, and nobody took its result
            threading.Thread(target=overrun.then, args=(self._ended,), daemon=True, name="guideway-late").start()
            return
        _here.add(self._key)
        try:
            self._engine.store.append_outside(self._run, self._goes_on)
        except GuidewayError as error:
            _log.error("a call of run %s goes on, which is recorded later: %s", self._run, error)
            again = threading.Thread(target=self._again, args=(self._goes_on,), daemon=True, name="guideway-late")
            again.start()
        overrun.then(self._ended)

    def _goes_on(self, row: RunRow, events: list[Event], _: list[RequestRow]) -> Change:
        standing, recorded = self._standing(events)
        if recorded is None or recorded.over:
            return Change()
        assert recorded.intent is not None
        here = this_process()
        body = {"holder": asdict(here), "by": here.describe(), "overran": recorded.intent.get("timeout")}
        return Change((self._draft(standing, recorded, "breach", "", body),))

    # its end

    def _ended(self, ending: Ending) -> None:
        """Called in the call's own thread, whatever became of the App by now."""

        def build(row: RunRow, events: list[Event], _: list[RequestRow]) -> Change:
            return self._change(ending, row, events)

        self._again(build)
        _here.discard(self._key)

    def _again(self, build: Build) -> None:
        """Appends what is to be said as soon as the store can be written, whatever becomes of the App."""
        pause = FIRST
        while build != self._goes_on or self._key in _here:  # that it goes on is not said when it has ended
            try:
                self._append(build)
                return
            except (RunError, JournalBroken) as error:
                _log.error("what became of a late call of run %s cannot be recorded: %s", self._run, error)
                return
            except StoreError as error:  # it was closed just now, is locked, or its disk is full
                if not self._engine.store.durable:
                    return
                _log.warning("what became of a late call of run %s is recorded later: %s", self._run, error)
            time.sleep(pause)
            pause = min(pause * 2, LONGEST)

    def _append(self, build: Build) -> None:
        store = self._engine.store
        if not store.closed:
            store.append_outside(self._run, build)
        elif store.durable:
            own = SqliteStore(store.path, create=False)
            try:
                own.append_outside(self._run, build)
            finally:
                own.close()

    def _change(self, ending: Ending, row: RunRow, events: list[Event]) -> Change:
        standing, recorded = self._standing(events)
        if recorded is None or recorded.intent is None:
            return self._too_late(ending, events)
        business = recorded.intent.get("business")
        if not ending.proves:
            body: dict[str, Any] = {"ended": write_error(ending.error)}
            return Change((self._draft(standing, recorded, "breach", "", body),))
        about: dict[str, Any] = {"late": self._number, "by": this_process().describe()}
        if ending.error is None:
            draft = self._draft(standing, recorded, "result", ".late", about | {"value": ending.value})
            effects = [Effect(business, "done", ending.value)] if business else []
        else:
            draft = self._draft(standing, recorded, "result", ".late", about | {"error": write_error(ending.error)})
            effects = [Effect(business, "not_done")] if business else []
        undone = {} if ending.error is None else self._not_dispatched(standing, recorded)
        return Change((draft,), status=_then(standing, row, draft), effects=effects, request_status=undone)

    def _not_dispatched(self, standing: Standing[Any], recorded: Recorded) -> dict[str, str]:
        """It did nothing: its approvals may be taken back before the next try."""
        for branch in standing.branches.values():
            slot = next((name for name, call in branch.calls.items() if call is recorded), None)
            if slot is not None:
                return dict.fromkeys(approvals_of(branch, slot), "undispatched")
        return {}

    def _standing(self, events: list[Event]) -> tuple[Standing[Any], Recorded | None]:
        """Where the run stands, and the call as it is there; None where somebody settled it."""
        engine = self._engine
        standing = Standing(engine.flow, self._run, engine.keys, versions_of(engine.store))
        try:
            standing.apply_all(events)
        except GuidewayError:  # it was driven on under another flow: whoever has that flow folds what is said here
            standing = Standing(engine.flow, self._run)
            if became_of(events, self._number) is PENDING:
                intent = next(event for event in events if event.number == self._number)
                standing.unknown[self._number] = Recorded(intent.body, intent.at, number=self._number)
        return standing, standing.unknown.get(self._number)

    def _too_late(self, ending: Ending, events: list[Event]) -> Change:
        """Somebody settled the call before it ended: where that was wrong, the journal and the log say so."""
        intent = next(event for event in events if event.number == self._number)
        known = became_of(events, self._number)
        found = NOT_DONE if ending.error is not None else ending.value
        if not ending.proves or known is PENDING or known == found:
            return Change()
        told = "returned a result" if ending.error is None else "did nothing"
        _log.error(
            "run %s: the call of %r (event %d) was settled, and then ended otherwise: it %s. Look at it: "
            "an effect may have happened twice, or not at all",
            self._run, intent.body["tool"], self._number, told,
        )  # fmt: skip
        body = {"intent": self._number, "slot": intent.body["slot"], "ended": write_error(ending.error)}
        if ending.error is None:
            body["value"] = ending.value
        return Change((Draft("breach", body | {"settled": True}),))

    def _draft(self, standing: Standing[Any], recorded: Recorded, kind: str, other: str, body: dict[str, Any]) -> Draft:
        """An event about the call: of its branch and under its slot where its step is the one under way there."""
        assert recorded.intent is not None
        slot, path = recorded.intent["slot"], recorded.intent.get("branch", "")
        branch = standing.branches.get(path)
        if branch is None or branch.calls.get(slot) is not recorded:
            return Draft(kind, {"slot": slot + other, "intent": self._number} | body)
        where = {"branch": path} if path else {}
        return Draft(kind, {"slot": slot, "intent": self._number} | where | body)


def _then(standing: Standing[Any], row: RunRow, draft: Draft) -> str | None:
    """The status of a run that was parked, once the draft is there; None where it stays as it is."""
    if row.status != "parked" or not standing.tail:
        return None
    standing.apply(Event(standing.tail + 1, draft.kind, standing.updated, draft.body, b""))
    return still(standing) or "ready"


# what is known of such calls


def goes_on_here(store: SqliteStore, run: str, number: int) -> bool:
    """Whether a call goes on in this process though nobody waits for it.

    Args:
        store: the store.
        run: the id of the run that made it.
        number: the intent's event.
    """
    return (store.identity, run, number) in _here


def may_go_on(holder: dict[str, Any] | None) -> str | None:
    """The process in which a call goes on, in words; None where it goes on nowhere, for that process is dead.

    Args:
        holder: as journalled.
    """
    if holder is None:
        return None
    found = Holder(**holder)
    return None if found.provably_dead() else found.describe()


def alive_here(holder: dict[str, Any] | None) -> str | None:
    """As ``may_go_on``, but only for a process that is known to live: on this host.

    Args:
        holder: as journalled.
    """
    told, here = may_go_on(holder), this_process()
    if holder is None or told is None:
        return None
    found = Holder(**holder)
    return told if (found.boot, found.space) == (here.boot, here.space) and found.boot is not None else None


def overrun_of(events: Iterable[Event], number: int) -> tuple[dict[str, Any] | None, bool]:
    """Where a call goes on by a run's journal, and whether it went on and has ended.

    Args:
        events: the run's.
        number: the intent's event.
    """
    holder: dict[str, Any] | None = None
    over = False
    for event in events:
        if event.kind == "breach" and event.body.get("intent") == number:
            holder, over = event.body.get("holder"), "ended" in event.body
    return holder, over
