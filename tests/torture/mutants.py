"""Protections, taken out one by one: what each stands for must then be missed by a test (see test_mutants.py).

A patch is a pair: where, as a dotted name, and what stands there instead.
"""

from __future__ import annotations

import asyncio
import copy
import importlib
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from guideway.flows import decisions
from guideway.flows.position import AtEnd
from guideway.runs import folds
from guideway.runs.branches import Branch, Recorded
from guideway.runs.driver import Drive
from guideway.runs.permits import Permits
from guideway.runs.recording import Recording
from guideway.runs.sharing import Queue
from guideway.runs.standing import Standing
from guideway.runs.store import journal, leases, requests
from guideway.runs.store.holder import Holder, this_process
from guideway.runs.store.parts import One

Patch = tuple[str, Any]


def nothing(*_: Any, **__: Any) -> None:
    """Stands for a check that is not made."""


def _believed(row: Any, *_: Any) -> Any:
    return row


def _settled_blindly(cursor: Any, row: Any, expect: str, status: str) -> None:
    cursor.execute("update requests set status = ? where id = ?", (status, row.id))


def _moved_blindly(cursor: Any, rid: int, request: str, status: str, path: str) -> None:
    cursor.execute("update requests set status = ? where id = ?", (status, request))


_tool, _model, _asked, _dispatching = Recording.tool, Recording.model, Recording._asked, Permits.dispatching


async def _forgetful(self: Any, slot: str, *args: Any, **options: Any) -> Any:
    self.branch.calls.pop(slot, None)
    return await _tool(self, slot, *args, **options)


async def _asks_again(self: Any, slot: str, *args: Any, **options: Any) -> Any:
    self.branch.calls.pop(slot, None)
    return await _model(self, slot, *args, **options)


async def _guesses(self: Any, *_: Any) -> Any:
    from guideway import NOT_DONE

    return NOT_DONE


async def _waits_blindly(self: Any, branch: Branch, openings: Any) -> None:
    rows = [opening.row for opening in openings]
    self.commit(branch, [opening.draft for opening in openings], status="waiting", open_requests=rows)


_write = Queue.write


async def _goes_on(self: Any, part: Any) -> None:
    """An ordinary step is written in the next turn of the loop, and nobody waits for it."""
    if not isinstance(part, One):
        await _write(self, part)
        return
    later = copy.copy(part)
    later.lease = copy.copy(part.lease)
    asyncio.get_running_loop().call_soon(self._store.together, (later,))
    part.written, part.over = 1, True
    part.wrote()


def _reserves_nothing(standing: Standing[Any], branch: Branch, event: Any) -> None:
    branch.calls[event.body["slot"]] = Recorded(event.body, event.at)


async def _fits_always(self: Any, *_: Any) -> None:
    """Stands for a bound that is not looked at."""


def _done_where_it_waits(self: Any) -> bool:
    return isinstance(self.standing.at, AtEnd) or self.status in ("waiting", "ended", "cancelled")


def _over_unless_cancelled(self: Any) -> bool:
    return isinstance(self.standing.at, AtEnd)


_decide = decisions.decide


def _exempts_always(*args: Any, edited: bool, **options: Any) -> Any:
    return _decide(*args, edited=False, **options)


def _as_it_was(flow: Any, node: Any, state: Any, *_: Any, **__: Any) -> Any:
    return state


def _counts_every_yes(self: Any, slot: str, call: Any, gates: Any, edits: Any, state: Any) -> Any:
    for item in self.branch.requests.values():
        item.body["edited"] = [None] * (0 if edits is None else len(edits.made))
    return _asked(self, slot, call, gates, edits, state)


def _keeps_all(call: Recorded) -> bool:
    return call.result is not None and "value" in call.result


_commit = Drive.commit


def _looks_and_leaps(self: Any, slot: str) -> dict[str, Any]:
    """Looks whether an approval was taken back, and leaves the store out of it."""
    _dispatching(self, slot)
    return {}


def _commits_blindly(self: Any, *args: Any, **change: Any) -> None:
    _commit(self, *args, **{**change, "again": True})


def _never_syncs(self: Any, power: bool) -> None:
    self._connection.executescript("pragma synchronous=off")


def _never_late(self: Any, request: Any, digest: str | None, expect: str, status: str) -> None:
    if request.status != expect:
        raise requests.refused(request, "only what is open can be decided so", request.status)


_join = folds.FOLDS["join"]


def _joins_the_other_way_round(standing: Any, branch: Branch, event: Any) -> None:
    branch.children = dict(reversed(list(branch.children.items())))
    _join(standing, branch, event)


_dead = Holder.provably_dead


def _dead_by_its_start(self: Holder) -> bool:
    return _dead(replace(self, times=this_process().times))


RUNS = "guideway.runs"

MUTANTS: dict[str, list[Patch]] = {
    "digest at dispatch": [(f"{RUNS}.recording.Recording._must_be_granted", nothing)],
    "digest of the decision": [(f"{RUNS}.store.outside.Outside._refuse", nothing)],
    "fence": [
        (f"{RUNS}.store.journal.APPEND", journal.APPEND.replace("and fence = ?", "and ? is not null")),
        (f"{RUNS}.store.appending.Appending._stand", nothing),
    ],
    "compare-and-set of requests": [
        (f"{RUNS}.store.outside.Outside._refuse", nothing),
        (f"{RUNS}.store.requests.settle", _settled_blindly),
        (f"{RUNS}.store.requests.move", _moved_blindly),
    ],
    "chain": [(f"{RUNS}.store.chain.unfit", nothing)],
    "a run's row": [(f"{RUNS}.engine.agree", _believed)],
    "a request's row": [(f"{RUNS}.people.agreed", _believed), (f"{RUNS}.looking.agreed", _believed)],
    "power-safe commits": [(f"{RUNS}.store.database.Database._harden", nothing)],
    "syncs": [
        (f"{RUNS}.store.database.Database._harden", _never_syncs),
        (f"{RUNS}.store.database.Database._soften", nothing),
    ],
    "recorded results": [(f"{RUNS}.recording.Recording.tool", _forgetful)],
    "recorded answers": [(f"{RUNS}.recording.Recording.model", _asks_again)],
    "unknown is not guessed": [(f"{RUNS}.believing.Believing.reconciled", _guesses)],
    "stable keys": [(f"{RUNS}.recording.Recording.key", lambda self, slot: secrets.token_hex(16))],
    "bound before the call": [(f"{RUNS}.recording.Recording._must_fit", _fits_always)],
    "reservation": [(f"{RUNS}.folds.FOLDS[intent]", _reserves_nothing)],
    "a wait looks again": [
        (f"{RUNS}.driver.Drive._wait", _waits_blindly),
        (f"{RUNS}.driver.Drive.done", property(_done_where_it_waits)),
    ],
    "a shared commit is waited for": [(f"{RUNS}.sharing.Queue.write", _goes_on)],
    "cancelled is over": [
        (f"{RUNS}.driver.Drive.done", property(_over_unless_cancelled)),
    ],
    "one driver": [(f"{RUNS}.store.leases.Leases._over", lambda self, other, row: True)],
    "role": [(f"{RUNS}.people.holds_role", lambda roles, role, name: True)],
    "starter": [(f"{RUNS}.people.normal", str.strip)],
    "edits are exempt from nothing": [
        ("guideway.flows.semantics.decide", _exempts_always),
        ("guideway.flows.decisions.decide", _exempts_always),
    ],
    "rules see the edited call": [("guideway.flows.decisions.seen_by_guards", _as_it_was)],
    "conditions of an edited call": [(f"{RUNS}.people.must_pass", nothing)],
    "another person": [(f"{RUNS}.asking.Edits.people", ()), (f"{RUNS}.people.normal", str.strip)],
    "a yes before an edit": [(f"{RUNS}.permits.Permits._asked", _counts_every_yes)],
    "edited as approved": [(f"{RUNS}.permits.Permits._unlike", nothing)],
    "edited calls of low stakes": [(f"{RUNS}.recording.Recording._must_be_granted", nothing)],
    "no result of another call": [(f"{RUNS}.recording.Recording._must_be_the_same", nothing)],
    "revocation": [(f"{RUNS}.permits.Permits.dispatching", lambda self, slot: {})],
    "revocation against a dispatch": [(f"{RUNS}.permits.Permits.dispatching", _looks_and_leaps)],
    "a yes that is taken back while it is used": [(f"{RUNS}.driver.Drive.commit", _commits_blindly)],
    "a call that goes on": [(f"{RUNS}.overruns.Overrunning.left", nothing), (f"{RUNS}.believing.GRACE", -1000.0)],
    "the late end of a call": [(f"{RUNS}.overruns.Overrunning._ended", nothing)],
    "what a retry inherits": [(f"{RUNS}.folds._lasts", lambda call: False)],
    "a retry asks the model": [(f"{RUNS}.folds._lasts", _keeps_all)],
    "deadline before the dispatch": [(f"{RUNS}.store.records.Lease.check", nothing)],
    "proof of death": [(f"{RUNS}.store.holder.Holder.provably_dead", lambda self: True)],
    "death is seen": [(f"{RUNS}.store.holder.Holder.provably_dead", lambda self: False)],
    "a start by another clock": [(f"{RUNS}.store.holder.Holder.provably_dead", _dead_by_its_start)],
    "expiry of foreign leases": [(f"{RUNS}.store.leases.Leases._over", lambda self, other, row: False)],
    "monotonic clock": [(f"{RUNS}.store.holder.Holder.same_clock", lambda self, other: False)],
    "heartbeat": [(f"{RUNS}.store.heartbeat.Heartbeat.hold", nothing)],
    "fence of the heartbeat": [
        (f"{RUNS}.store.leases._RENEW", leases._RENEW.replace("and fence = ?", "and ? is not null"))
    ],
    "closing refuses new intents": [(f"{RUNS}.store.sqlite.SqliteStore._may_begin", nothing)],
    "let go between two calls": [(f"{RUNS}.working.between_calls", lambda events: True)],
    "no cancel in the middle of a call": [(f"{RUNS}.people.People._not_in_the_middle", nothing)],
    "no call is broken off": [(f"{RUNS}.hearing.Hearing._in_a_call", lambda self: False)],
    "a caller that may live": [(f"{RUNS}.store.records.Lease.surely_dead", lambda self, fence: True)],
    "business keys": [(f"{RUNS}.store.shelf.set_effect", nothing)],
    "breach": [(f"{RUNS}.recording.Recording._bounded", lambda self, kind: False)],
    "join's order": [(f"{RUNS}.folds.FOLDS[join]", _joins_the_other_way_round)],
    "drain before leave": [
        (f"{RUNS}.readiness.quiet", lambda branch, busy: True),
    ],
    "late decisions": [(f"{RUNS}.store.outside.Outside._refuse", _never_late)],
    "quorum": [(f"{RUNS}.people.approvers", lambda bodies: [str(number) for number in range(9)])],
}
"""The protections by name."""


def apply(name: str, setattr_: Callable[[Any, str, Any], Any], setitem: Callable[[Any, str, Any], Any]) -> None:
    """Take a protection out.

    Args:
        name: the protection's.
        setattr_: sets an attribute, and may set it back later.
        setitem: the same for an item of a mapping.
    """
    for path, value in MUTANTS[name]:
        holder, _, attribute = path.partition("[")[0].rpartition(".")
        found = _resolved(holder)
        if path.endswith("]"):
            setitem(getattr(found, attribute), path.partition("[")[2][:-1], value)
        else:
            assert hasattr(found, attribute), f"{path} is gone: the mutant protects nothing"
            setattr_(found, attribute, value)


def _resolved(path: str) -> Any:
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        holder, _, name = path.rpartition(".")
        return getattr(importlib.import_module(holder), name)
