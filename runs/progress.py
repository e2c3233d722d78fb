"""How far a run is that stands at many places, and what of it must be settled: frozen views, like the run itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..flows.each import Each
from ..flows.position import AtEnd, AtFork, AtJoin, AtLeft, Parked
from ..flows.subflow import Subflow
from ..guards.secrecy import masked
from ..nodes.calls import Call
from ..nodes.outcome import ErrorRecord
from .branches import Branch
from .codec import read_error
from .overruns import may_go_on
from .standing import Standing

Kind = Literal["each", "all_of", "subflow"]
State = Literal["done", "failed", "waiting", "parked", "working"]


@dataclass(frozen=True)
class Progress:
    """How far what a run is inside of has come: the items of an each, the branches of a fork, the flow of a subflow.

    Args:
        kind: ``each``, ``all_of`` or ``subflow``.
        name: the node's; of a fork what it is written as, ``all_of(a, b)``.
        path: what the paths of its parts begin with: ``5i`` for the items ``5i0``, ``5i1`` ...; ``1b`` for branches,
            ``6s`` for the one flow of a subflow. Inside of others it has theirs in front: ``5i17.2s``.
        total: how many parts it has: items, branches, or one flow.
        done: those that are over and did not fail; branches that wait for the others to join.
        failed: those that failed; branches that left by a failure.
        waiting: those that go on when a person has decided, and not before.
        parked: those that go on when somebody has settled what nobody knows, and not before.
        working: those that have begun and can go on by themselves, as far as the journal says: an item is known when
            it calls, asks or is over.
    """

    kind: Kind
    name: str
    path: str
    total: int
    done: int = 0
    failed: int = 0
    waiting: int = 0
    parked: int = 0
    working: int = 0

    @property
    def left(self) -> int:
        """Those that have not begun; once the run is over, all that were not over then."""
        return self.total - self.done - self.failed - self.waiting - self.parked - self.working


@dataclass(frozen=True)
class Unsettled:
    """A place of a parked run that goes on when somebody has settled it.

    Args:
        branch: the place, as ``app.settle(run.id, branch, ...)`` takes it; ``""`` is the run's own.
        node: the node that is parked.
        reason: ``unknown_effect`` or ``flow_changed``.
        call: the call of which nobody knows whether it happened.
        key: its idempotency key.
        error: how it ended.
        running: where the call overran its timeout and still runs, as far as is known: the process, in words.
    """

    branch: str
    node: str
    reason: str
    call: Call | None
    key: str | None
    error: ErrorRecord | None
    running: str | None = None


def progress_of(standing: Standing[Any], *, over: bool = False) -> tuple[Progress, ...]:
    """How far all that a run is inside of has come, what is outermost first; empty where it stands at one place.

    Args:
        standing: where it stands.
        over: the run ended or was cancelled: nothing in it waits, is parked or can go on any more.
    """
    found = tuple(_within(standing.root, {}))
    return tuple(replace(one, waiting=0, parked=0, working=0) for one in found) if over else found


def unsettled_of(standing: Standing[Any], *, over: bool = False) -> tuple[Unsettled, ...]:
    """What must be settled, in the order of the places.

    Args:
        standing: where the run stands.
        over: the run ended or was cancelled: nothing must.
    """
    if over:
        return ()
    return tuple(_unsettled(branch) for branch in sorted(standing.parked, key=lambda one: in_order(one.path)))


def in_order(path: str) -> tuple[int, ...]:
    """What places are sorted by: item 9 comes before item 10.

    Args:
        path: a branch's.
    """
    return tuple(int(number) for number in re.findall(r"\d+", path))


def _within(branch: Branch, known: dict[str, State]) -> Iterator[Progress]:
    found = _opened(branch)
    if found is None:
        return
    kind, name, path, total = found
    counts = Counter(_state(child, known) for child in branch.children.values())
    failed = branch.failures.total()
    yield Progress(
        kind,
        name,
        path,
        total,
        done=counts["done"] + len(branch.entries) - failed,
        failed=counts["failed"] + failed,
        waiting=counts["waiting"],
        parked=counts["parked"],
        working=counts["working"],
    )
    for child in sorted(branch.children.values(), key=lambda one: in_order(one.path)):
        yield from _within(child, known)


def _opened(branch: Branch) -> tuple[Kind, str, str, int] | None:
    """What a branch holds open: kind, name, the path of its parts, and how many they are."""
    if isinstance(branch.at, AtFork):
        first = next(iter(branch.children), "")
        return "all_of", branch.at.fork, first.rstrip("0123456789"), len(branch.children)
    node = None if branch.of_item else branch.node
    if isinstance(node, Each):
        return "each", node.name, branch.child("i"), len(branch.items(node))
    if isinstance(node, Subflow):
        return "subflow", node.name, branch.child("s"), 1
    return None


def _state(branch: Branch, known: dict[str, State]) -> State:
    if branch.path not in known:
        known[branch.path] = _found(branch, known)
    return known[branch.path]


def _found(branch: Branch, known: dict[str, State]) -> State:
    if branch.children:
        return together({_state(child, known) for child in branch.children.values()})
    if isinstance(branch.at, AtJoin | AtEnd):
        return "done"
    if isinstance(branch.at, AtLeft):
        return "failed"
    if isinstance(branch.at, Parked):
        return "parked"
    return "waiting" if branch.undecided else "working"


def together(states: set[State]) -> State:
    """What a part is that has parts of its own: it works while any of them does, or where all of them are over.

    Args:
        states: what its parts are.
    """
    if "working" in states:
        return "working"
    if "parked" in states:
        return "parked"
    return "waiting" if "waiting" in states else "working"


def _unsettled(branch: Branch) -> Unsettled:
    assert isinstance(branch.at, Parked)
    unknown = next((call for call in branch.calls.values() if call.result is None and call.intent), None)
    open_call = None if unknown is None else unknown.intent
    call = None
    if open_call is not None and open_call["kind"] == "tool":
        call = Call(open_call["tool"], masked(open_call["arguments"]))
    return Unsettled(
        branch=branch.path,
        node=branch.at.at.node,
        reason=branch.at.reason,
        call=call,
        key=None if open_call is None else open_call.get("key"),
        error=read_error(branch.error),
        running=None if unknown is None else may_go_on(unknown.running),
    )
