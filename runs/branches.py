"""Branches: the places where one run stands at once, and the flows that they stand in.

A run begins as one branch. A fork gives it one for each head, an ``each`` one for each item, a ``subflow`` one
for its flow; what they came from stands still until they are over. A branch is known by its path, which follows
from where it came from and never from timing:

    ""          the run itself
    "1b0"       head 0 of the first fork of the run
    "1b0.2b1"   head 1 of the second fork in that branch
    "5i17"      item 17 of the fifth step, an each
    "6s"        the flow of the sixth step, a subflow
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ..flows.each import Each, items_of
from ..flows.history import History
from ..flows.position import AtEnd, AtGate, AtLeft, AtNode, Outer, Parked, Position
from ..flows.regions import Region
from ..flows.state import Delta, StateType
from ..guards.budgets import NOTHING, Spent
from ..nodes.node import Node
from ..nodes.outcome import Failure
from ..nodes.sealing import untyped
from .codec import add_spent

if TYPE_CHECKING:
    from ..flows.flow import Flow
    from ..flows.watching import Watch


@dataclass(slots=True)
class Pending:
    """A request of the place where a branch stands.

    Args:
        id: the request's id.
        body: what it asks, as journalled in ``asked``.
        decisions: the decisions so far, in order, as journalled in ``decided``.
        status: open, approved, denied, edited, answered, expired.
        consumed: whether the run has taken the decision.
    """

    id: str
    body: dict[str, Any]
    decisions: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    status: str = "open"
    consumed: bool = False


@dataclass(slots=True)
class Recorded:
    """A call inside the step under way: its intent, and its result once there is one.

    Args:
        intent: as journalled.
        intent_at: when it was begun, seconds since the epoch.
        result: as journalled.
        number: the intent's event.
        running: the process in which it goes on, as journalled, where nobody waits for it any more.
        over: it went on so, and has ended; nobody knows how.
    """

    intent: dict[str, Any] | None = None
    intent_at: float = 0.0
    result: dict[str, Any] | None = None
    number: int = 0
    running: dict[str, Any] | None = None
    over: bool = False


@dataclass(slots=True)
class Frame:
    """One execution of one flow: the run's own, a subflow's, or that of an item.

    Args:
        flow: the flow.
        kind: the type of its state.
        started: when it began, seconds since the epoch.
        outer: the frame around it; None for the run's own.
        history: what has happened in it, where properties are watched.
    """

    flow: Flow[Any]
    kind: StateType[Any]
    started: float
    outer: Frame | None = None
    counters: dict[str, int] = field(default_factory=dict[str, int])
    spent: Spent = NOTHING
    out: bool = False
    history: History = field(default_factory=History)

    @property
    def watch(self) -> Watch | None:
        """The properties of its flow that are watched, and how each stands; None where none is."""
        monitors = self.flow.watched
        return self.history.watch(monitors) if monitors else None

    def spend(self, data: dict[str, float] | None) -> None:
        """Counts what an event spent, here and in all frames around.

        Args:
            data: the journalled amounts.
        """
        frame: Frame | None = self if data else None
        while frame is not None:
            frame.spent = add_spent(frame.spent, data)
            frame = frame.outer

    def around(self, more: Spent, beside: Callable[[Frame], int]) -> tuple[Outer, ...]:
        """The budgets of the frames around, innermost first.

        Args:
            more: what the step under way has spent besides.
            beside: how many steps other branches inside of a frame are at.
        """
        found: list[Outer] = []
        frame, level = self.outer, 1
        while frame is not None:
            if (budget := frame.flow.budget) is not None:
                found.append(Outer(budget, frame.spent + more, frame.started, frame.out, beside(frame), level))
            frame, level = frame.outer, level + 1
        return tuple(found)


@dataclass(slots=True, eq=False)
class Branch:
    """One place where a run stands.

    Args:
        path: what it is, see above.
        frame: the flow that it is in.
        at: where it stands.
        state: the state as it sees it.
        parent: the branch that it came from.
        region: the innermost region that it is in.
        index: which item of an each it is.
        ordinal: how many steps it has done.
        asked: how many requests it has opened.
        forks: how often it has forked.
        deltas: what it wrote, in order: a join merges it.
        requests: of the step under way, by id.
        calls: of the step under way, by slot.
        kept: the calls of the last step, for a new attempt of it.
        before: the state before the last step, and how much had been written then, for a new attempt of it.
        children: the branches that it waits for, by path.
        entries: what came of the items of an each that are over, by index; ``enter`` adds to it.
        failures: how many of these failed, by category; ``own`` where an item used up a budget of its own.
        failed: the first branches of its items' flows that failed, by index.
        error: the last step's.
        left: the number of the event by which it left its region.
    """

    path: str
    frame: Frame
    at: Position
    state: Any
    parent: Branch | None = None
    region: Region | None = None
    index: int | None = None
    ordinal: int = 0
    asked: int = 0
    forks: int = 0
    deltas: list[Delta] = field(default_factory=list[Delta])
    requests: dict[str, Pending] = field(default_factory=dict[str, Pending])
    calls: dict[str, Recorded] = field(default_factory=dict[str, Recorded])
    kept: dict[str, Recorded] = field(default_factory=dict[str, Recorded])
    before: tuple[Any, int] | None = None
    children: dict[str, Branch] = field(default_factory=dict[str, "Branch"])
    entries: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    failures: Counter[str] = field(default_factory=Counter[str])
    failed: dict[int, Branch] = field(default_factory=dict[int, "Branch"])
    error: dict[str, Any] | None = None
    left: int = 0

    # what it is

    @property
    def of_item(self) -> bool:
        """Whether it is an item of an each over a node: one step, in the frame around."""
        return self.index is not None and self.parent is not None and self.parent.frame is self.frame

    @property
    def heads_frame(self) -> bool:
        """Whether it is the first branch of its frame: when it is over, its flow is."""
        return self.parent is None or self.parent.frame is not self.frame

    @property
    def node(self) -> Node[..., Any] | None:
        """The node where it stands; None at no node, and where the flow does not have it."""
        at = self.at
        if isinstance(at, Parked):
            at = at.at
        elif not isinstance(at, AtNode):
            return None
        if self.index is not None and self.of_item and self.parent is not None:
            each = self.parent.node
            return each.inner if isinstance(each, Each) else None
        return self.frame.flow.nodes.get(at.node)

    @property
    def within(self) -> tuple[str, ...]:
        """The names of the nodes around it, outermost first: the each or subflow that it is part of."""
        found: list[str] = []
        branch = self
        while branch.parent is not None:
            if branch.heads_frame or branch.of_item:
                assert isinstance(branch.parent.at, AtNode | Parked)
                at = branch.parent.at.at if isinstance(branch.parent.at, Parked) else branch.parent.at
                found.append(at.node)
            branch = branch.parent
        return tuple(reversed(found))

    def within_branches(self) -> Iterator[Branch]:
        """All branches that came from it, at any depth; not itself."""
        for child in self.children.values():
            yield child
            yield from child.within_branches()

    def above(self) -> Iterator[Branch]:
        """The branches that it came from, nearest first."""
        branch = self.parent
        while branch is not None:
            yield branch
            branch = branch.parent

    # items

    def items(self, each: Each) -> list[Any]:
        """The list that the each goes over; empty where there is none.

        Args:
            each: the each where this branch stands.
        """
        return items_of(getattr(self.state, each.over, None)) or []

    def enter(self, entry: dict[str, Any], *, own: bool = False) -> None:
        """Takes what came of an item; only folds of events call it.

        Args:
            entry: as journalled.
            own: whether its flow has a budget, and was not left because of one around it.
        """
        self.entries[entry["index"]] = entry
        if "failure" in entry:
            category = entry["failure"]["category"]
            self.failures["own" if own and category == "exhausted" else category] += 1

    def child(self, letter: str, number: int | str = "") -> str:
        """The path of a branch that comes from the step under way.

        Args:
            letter: ``i`` for an item, ``s`` for a subflow.
            number: which item.
        """
        own = f"{self.ordinal + 1}{letter}{number}"
        return f"{self.path}.{own}" if self.path else own

    # how far it is

    @property
    def over(self) -> bool:
        """Whether it is the first branch of a frame, or an item, and has come to an end."""
        return isinstance(self.at, AtEnd) or (self.heads_frame and isinstance(self.at, AtLeft))

    @property
    def undecided(self) -> bool:
        """Whether it waits for people, and nobody has decided anything new."""
        if not self.requests:
            return False
        fresh = any(item.status != "open" and not item.consumed for item in self.requests.values())
        return not fresh and any(item.status == "open" for item in self.requests.values())

    @property
    def unsure(self) -> bool:
        """Whether a call of the step under way may have touched the world, and its result is not known."""
        return any(
            call.result is None and call.intent is not None and call.intent["kind"] == "tool"
            for call in self.calls.values()
        )

    @property
    def midway(self) -> bool:
        """Whether the step under way has made calls and asks nobody: it is finished before what is around is left."""
        return self.unsure or (bool(self.calls) and all(item.consumed for item in self.requests.values()))

    def write(self, delta: Delta, state: BaseModel) -> None:
        """Takes what a step wrote; only folds of events call it.

        Args:
            delta: what it wrote.
            state: the state after it.
        """
        self.state = state
        if self.parent is not None:
            self.deltas.append(delta)


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a branch was when what came from it was left by a failure: a retry goes back to it."""

    at: Position
    state: Any
    ordinal: int
    deltas: tuple[Delta, ...]
    children: tuple[Branch, ...]
    entries: dict[int, dict[str, Any]]
    failed: dict[int, Branch]


def dropped_of(branch: Branch) -> Dropped:
    """What a branch is now.

    Args:
        branch: the branch.
    """
    children = tuple(branch.children.values())
    return Dropped(
        branch.at, branch.state, branch.ordinal, tuple(branch.deltas), children, branch.entries, branch.failed
    )


def item_digest(item: Any) -> str:
    """What an item is, short: a place in the list with another item is another item.

    Args:
        item: the item.
    """
    said = json.dumps(untyped(item, fallback=repr), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def item_of(branch: Branch) -> Any:
    """The item that a branch is of; None where it is of none.

    Args:
        branch: the branch.
    """
    each = None if branch.parent is None else branch.parent.node
    if branch.index is None or branch.parent is None or not isinstance(each, Each):
        return None
    return branch.parent.items(each)[branch.index]


def entry_of_end(child: Branch) -> dict[str, Any]:
    """What an each writes of an item whose flow is over.

    Args:
        child: the flow's first branch.
    """
    entry: dict[str, Any] = {"index": child.index}
    if isinstance(child.at, AtEnd):
        entry |= {"end": child.at.end, "verdict": child.at.verdict}
        if child.at.verdict != "failed":
            return entry | {"value": child.frame.kind.dump(child.state)}
    failure = failure_of_end(child)
    return entry | {"failure": failure.model_dump(), "verdict": "failed"}


def failure_of_end(child: Branch) -> Failure:
    """Why a flow inside a run failed.

    Args:
        child: the flow's first branch, at its end.
    """
    name = child.frame.flow.name
    if isinstance(child.at, AtLeft):
        error = child.at.error
        return Failure(category=error.category, message=error.message, node=child.at.source, type=error.type)
    if child.error is not None:
        return Failure(
            category=child.error["category"], message=child.error["message"], node=name, type=child.error["type"]
        )
    end = child.at.end if isinstance(child.at, AtEnd) else None
    told = f"flow {name!r} ended at {end!r}, which is a failure"
    return Failure(category="declined", message=told, node=name, type="EndedFailed")


def waits_at_gate(branch: Branch) -> Pending | None:
    """The request of the gate on an edge where a branch stands; None where nobody was asked yet.

    Args:
        branch: at a gate.
    """
    if not isinstance(branch.at, AtGate):
        return None
    return next((item for item in branch.requests.values() if item.body.get("at") is not None), None)
