"""What opens and closes branches: joins of regions, items of an ``each``, flows of a ``subflow``."""

from __future__ import annotations

import time
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from ..errors import StateInvalid
from ..flows.affording import over, over_outside
from ..flows.each import Each, items_of
from ..flows.flow import Flow
from ..flows.position import (
    AtEnd,
    AtFork,
    AtHead,
    AtLeft,
    AtNode,
    Done,
    Headed,
    Incoming,
    Move,
    Park,
    Place,
)
from ..flows.semantics import GIVEN_UP, next_move
from ..flows.subflow import Subflow
from ..guards.budgets import NOTHING, Spent
from ..nodes.calls import seen_from_around
from ..nodes.outcome import ErrorRecord, Failure, Outcome
from ..nodes.sealing import untyped
from .branches import Branch, failure_of_end, item_digest
from .codec import write_error, write_position, write_spent
from .incoming import given_up, read_incoming, rest_of
from .placing import place_of_branch
from .readiness import stopping
from .store.records import Draft
from .writing import Writing

S = TypeVar("S", bound=BaseModel)

_MANY, _SPENT = ("cancelled", "more items failed than are tolerated"), ("exhausted", "the budget is used up")
"""Why an each ends before its items are over."""


class Fanning(Writing[S]):
    """The part of a drive that opens and closes branches."""

    # what comes next, by the semantics

    def place(self, branch: Branch, state: Any, spent: Spent = NOTHING) -> Place:
        """All that the next move of a branch depends on.

        Args:
            branch: the branch.
            state: its state, with what the step under way writes.
            spent: what the step under way has spent and no event says yet.
        """
        return place_of_branch(self.standing, branch, state, time.time(), spent)

    def next(self, branch: Branch, incoming: Incoming, state: Any, spent: Spent = NOTHING) -> Move:
        """Where a branch goes.

        Args:
            branch: the branch.
            incoming: what came in.
            state: its state, with what the step under way writes.
            spent: what the step under way has spent and no event says yet.
        """
        return next_move(branch.frame.flow, self.place(branch, state, spent), incoming)

    def commit_move(self, branch: Branch, kind: str, body: dict[str, Any], move: Move, **change: Any) -> None:
        """Commits the event that a move follows from; ``Drive`` has it whole."""
        raise NotImplementedError

    def let_in(self, branch: Branch, at: AtNode) -> bool:
        """Whether the approvals of a node that holds others still hold; ``Drive`` has it whole."""
        raise NotImplementedError

    # regions

    def head(self, branch: Branch, at: AtHead) -> None:
        """A branch begins at a head of its fork; or the gates of an edge are asked anew."""
        headed = Headed(at.route, at.refusal, at.failure, at.edits)
        self.commit_move(branch, "gate", {"head": at.route}, self.next(branch, headed, branch.state))

    def join(self, branch: Branch, at: AtFork) -> None:
        """The branches of a fork have come to rest: their writes are merged, and the run goes on."""
        rest = rest_of(branch, at)
        body: dict[str, Any] = {"fork": at.fork, "branches": list(branch.children)}
        if rest.left:
            body["left"] = list(rest.left)
        if rest.refused:
            body["refused"] = True
        change: dict[str, Any] = {}
        self.withdraw(branch, change, own=False)
        self.commit_move(branch, "join", body, self.next(branch, rest.incoming, rest.state), **change)

    # subflows

    def subflow(self, branch: Branch, at: AtNode, node: Subflow) -> None:
        """Opens the flow of a subflow, or takes what it came to."""
        child = next(iter(branch.children.values()), None)
        if child is None:
            given = {name: getattr(branch.state, outer) for name, outer in node.given(branch.frame.kind.model).items()}
            self._open(branch, at, branch.child("s"), node.flow, given, {})
            return
        assert isinstance(child.at, AtEnd | AtLeft)
        end, verdict = (child.at.end, child.at.verdict) if isinstance(child.at, AtEnd) else (None, "failed")
        failed = verdict == "failed"
        error = _error_of(child) if failed else None
        outcome = Outcome("failed" if failed else "ok", error=error, end=end, verdict=verdict)
        try:
            deltas = [] if end is None else _given_back(node, branch, child)
        except StateInvalid as refused:
            record = ErrorRecord("invalid_output", "StateInvalid", f"subflow {node.name!r}: {refused}")
            outcome, deltas = Outcome("failed", error=record), []  # nothing was written, so no end is matched
        self.close_step(branch, at, outcome, deltas, {"end": end, "verdict": verdict, "child": child.path})

    def _open(
        self, branch: Branch, at: AtNode, path: str, flow: Flow[Any], given: dict[str, Any], about: dict[str, Any]
    ) -> None:
        """Commits the first event of a flow inside the run; an input that does not fit is the step's failure."""
        try:
            state = flow.type.start(given)
        except StateInvalid as error:
            record = ErrorRecord("invalid_input", "StateInvalid", f"{at.node!r}: {error}")
            if about:
                self._item_over(branch, Outcome("failed", error=record), about["index"], {})
            else:
                self.close_step(branch, at, Outcome("failed", error=record), [], {})
            return
        body = {"flow": flow.name, "state": flow.type.dump(state), "to": write_position(AtNode("START")), **about}
        child = Branch(path, branch.frame, at, None, branch)
        self.commit(child, [Draft("started", body)])

    def close_step(
        self, branch: Branch, at: AtNode, outcome: Outcome, deltas: list[dict[str, Any]], about: dict[str, Any]
    ) -> None:
        """The step of a node that holds others is over: it is one step more, and the run goes on.

        Args:
            branch: where the node is.
            at: the node.
            outcome: how it ended.
            deltas: what it writes, in order.
            about: what else the event says.
        """
        try:
            state = branch.frame.kind.merged(branch.state, deltas)
        except StateInvalid as error:
            record = ErrorRecord("invalid_output", "StateInvalid", str(error))
            outcome, deltas, state = Outcome("failed", error=record), [], branch.state
        spent = Spent(steps=1)
        body: dict[str, Any] = {"node": at.node, "kind": outcome.kind, "spent": write_spent(spent), **about}
        if deltas:
            body["deltas"] = deltas
        if outcome.error is not None:
            body["error"] = write_error(outcome.error)
        change: dict[str, Any] = {}
        self.withdraw(branch, change, own=False)
        self.commit_move(branch, "step", body, self.next(branch, Done(at.node, outcome), state, spent), **change)

    # items

    def begin_item(self, branch: Branch, each: Each) -> bool:
        """Opens an item; False where the budget does not allow it, which is then what came of it.

        Args:
            branch: the item's.
            each: the each that it is part of.
        """
        parent, index = branch.parent, branch.index
        assert parent is not None
        assert index is not None
        if each.inner is not None:
            place = self.place(branch, parent.state)
            spent = over_outside(place, each.inner) or over(branch.frame.flow.budget, place, each.inner)
            if spent is not None:
                self.item_over(branch, Outcome("failed", error=spent), {"spent": {}})
                return False
            self.standing.add(branch)
            return True
        assert each.flow is not None
        item = parent.items(each)[index]
        given = {name: getattr(parent.state, outer) for name, outer in each.given(parent.frame.kind.model).items()}
        assert isinstance(parent.at, AtNode)
        about = {"index": index, "item": item_digest(item)}
        self._open(parent, parent.at, branch.path, each.flow, given | {each.item: item}, about)
        return True

    def item_over(self, branch: Branch, outcome: Outcome, body: dict[str, Any]) -> None:
        """Commits what came of an item.

        Args:
            branch: the item's.
            outcome: how its node ended.
            body: what else the event says.
        """
        assert branch.parent is not None
        assert branch.index is not None
        self._item_over(branch.parent, outcome, branch.index, body)

    def _item_over(self, parent: Branch, outcome: Outcome, index: int, body: dict[str, Any]) -> None:
        each = parent.node
        assert isinstance(each, Each)
        value: Any = None
        if outcome.kind == "ok":
            try:
                value = untyped(outcome.update.get("value"))
            except PydanticSerializationError as error:
                record = ErrorRecord("invalid_output", type(error).__name__, str(error))
                outcome = Outcome("failed", error=record, calls=outcome.calls, attempts=outcome.attempts)
        entry: dict[str, Any] = {"index": index}
        if outcome.kind == "ok":
            entry["value"] = value
        else:
            entry["failure"] = _item_failure(each, outcome).model_dump()
        whole = {
            "node": each.works,
            "kind": outcome.kind,
            "spent": write_spent(Spent(steps=1)),
            "item": item_digest(parent.items(each)[index]),
            "entry": entry,
            **body,
        }
        if outcome.error is not None:
            whole["error"] = write_error(outcome.error)
        path = parent.child("i", index)
        branch = self.standing.branches.get(path) or self.standing.item(parent, each, index)
        change: dict[str, Any] = {}
        self.withdraw(branch, change)
        at = AtEnd(None, "success" if outcome.kind == "ok" else "failed")
        self.commit(branch, [Draft("step", whole)], rests=at, **change)

    def each(self, branch: Branch, at: AtNode, node: Each) -> None:
        """The items are over, or more of them failed than are tolerated: ``into`` is written, the step is over."""
        value: object = getattr(branch.state, node.over, None)
        if items_of(value) is None:
            told = f"each {node.name!r}: {node.over!r} holds no list but a {type(value).__name__}"
            outcome = Outcome("failed", error=ErrorRecord("invalid_input", "NoList", told))
            self.close_step(branch, at, outcome, [], {"items": 0, "failed": 0, "child": branch.child("i")})
            return
        items = branch.items(node)
        cut = stopping(branch, node)
        begun = {child.index for child in branch.children.values()}
        entries: list[dict[str, Any]] = []
        for index in range(len(items)):
            entry = branch.entries.get(index)
            if entry is None:
                entry = {"index": index, "failure": _cut_off(node, branch, index in begun).model_dump()}
            entries.append(entry)
        failed = [entry for entry in entries if "failure" in entry]
        about: dict[str, Any] = {"items": len(items), "failed": len(failed), "child": branch.child("i")}
        outcome = Outcome("failed", error=_too_many(node, branch, len(items))) if cut else Outcome("ok")
        try:
            delta = branch.frame.kind.take(branch.state, node.into, entries)
        except StateInvalid as error:
            record = ErrorRecord("invalid_output", "StateInvalid", f"each {node.name!r}: {error}")
            outcome, delta = Outcome("failed", error=outcome.error or record), {}
        self.close_step(branch, at, outcome, [delta] if delta else [], about)

    # the flows inside

    def begun(self, branch: Branch) -> None:
        """A flow begins: the run's own, a subflow's, an item's; a fork goes on from what its parent had come to."""
        begins = self.standing.begins if branch.parent is None else None
        route = "START" if begins is None else begins.get("node", "join")
        incoming = read_incoming(branch.frame.flow, begins)
        move = self.next(branch, incoming, branch.state)
        if isinstance(move, Park):
            move = self.next(branch, given_up(incoming), branch.state)
        self.commit_move(branch, "gate", {"route": route}, move)


def _given_back(node: Subflow, branch: Branch, child: Branch) -> list[dict[str, Any]]:
    """What a subflow writes around it: what it added where both sides reduce, else the value at its end."""
    inner, outer = child.frame.kind, branch.frame.kind
    deltas: list[dict[str, Any]] = []
    last: dict[str, Any] = {}
    for name, own in node.gives(branch.frame.kind.model).items():
        if outer.fields[name].reducer is not None and inner.fields[own].reducer is not None:
            deltas += [{name: delta[own]} for delta in child.deltas if own in delta]
        else:
            last[name] = own
    if last:
        values = {name: getattr(child.state, own) for name, own in last.items()}
        deltas.append(outer.write(branch.state, values))
    return deltas


def _error_of(child: Branch) -> ErrorRecord:
    failure = failure_of_end(child)
    return ErrorRecord(failure.category, seen_from_around(failure.type), failure.message)


def _item_failure(each: Each, outcome: Outcome) -> Failure:
    if outcome.error is not None:
        error = outcome.error
        return Failure(category=error.category, message=error.message, node=each.works, type=error.type)
    refusal = outcome.refusal
    told = "refused"
    if refusal is not None:
        told = f"{refusal.kind} by {refusal.who or refusal.gate}" + (f": {refusal.note}" if refusal.note else "")
    return Failure(category="declined", message=told, node=each.works, type="Refused")


def _cut_off(node: Each, branch: Branch, begun: bool) -> Failure:
    """What an each says of an item that it did not finish, or did not begin."""
    category, why = _SPENT if "exhausted" in branch.failures else _MANY
    kind, what = ("NotFinished", "given up") if begun else ("NotBegun", "not begun")
    return Failure(category=category, message=f"{what}: {why}", node=node.works, type=kind)


def _too_many(node: Each, branch: Branch, total: int) -> ErrorRecord:
    failures = [entry["failure"] for _, entry in sorted(branch.entries.items()) if "failure" in entry]
    if "exhausted" in branch.failures:
        spent = next(one for one in failures if one["category"] == "exhausted")
        over = sum(one["category"] != "exhausted" for one in failures) + len(branch.entries) - len(failures)
        told = f"{over} of {total} items were over: {spent['message']}"
        whose = spent["type"] if node.flow is None else seen_from_around(spent["type"])
        return ErrorRecord("exhausted", whose, told)
    first = failures[0]
    told = f"{len(failures)} of {total} items failed, and {node.tolerated(total)} are tolerated"
    # an item's own budget is not the run's, and what was given up does not park once more
    kind = "declined" if first["category"] == "exhausted" else first["category"]
    name = GIVEN_UP if kind == "unknown_effect" else "ItemsFailed"
    return ErrorRecord(kind, name, f"{told}; the first: {first['message']}")
