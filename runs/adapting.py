"""How a run of another version of its flow goes on under the flow of today: by the stored manifest, never by a guess.

What a run stands at is known by what it is: a node by its name, an edge by its source, guards and target, a gate by
its edge and name, a limit by the edges that bear it; never by its place in a list. Where something is gone, a field
does not fit, or a call is under way that today's flow would make otherwise, the run parks, and the reason says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import StateInvalid
from ..flows.each import Each
from ..flows.flow import Flow
from ..flows.manifest import hashes
from ..flows.migrations import Names, chains
from ..flows.past import PastType, fitted, inner_of
from ..flows.position import AtNode, Parked
from ..flows.subflow import Subflow
from ..nodes.node import Node
from .branches import Branch, Frame
from .codec import write_position
from .incoming import missing
from .moving import Edges, Misfit, moved, same_calls
from .renewing import renewed
from .standing import Standing
from .store.records import Event


@dataclass
class Adapted:
    """What changes about a run when it goes on under the flow of today.

    Args:
        places: the branches that stand elsewhere, or at something of another name; with the new positions.
        states: the states of the branches, JSON-able, by path: before the last step too, for a new attempt of it.
        deltas: what branches wrote, under the names of today, by path.
        counters: of limits whose names are others, by the path of the flow's first branch.
        happened: what happened so far, under the names of today, where properties are watched; by the same path.
        renewed: requests that are asked anew, or are about nothing any more.
        begins: of a fork that has not begun, what its parent had come to, under the names of today.
        applied: the migrations, by name.
        nodes: where each branch stands today, by path.
    """

    places: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    states: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    deltas: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    counters: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    happened: dict[str, list[list[Any]]] = field(default_factory=dict[str, list[list[Any]]])
    renewed: list[str] = field(default_factory=list[str])
    begins: dict[str, Any] | None = None
    applied: list[str] = field(default_factory=list[str])
    nodes: dict[str, Node[..., Any] | None] = field(default_factory=dict[str, "Node[..., Any] | None"])

    @property
    def migrates(self) -> bool:
        """Whether anything is not as it was but for requests that are asked anew."""
        return bool(self.places or self.states or self.deltas or self.counters or self.happened or self.applied)

    def to_json(self) -> dict[str, Any]:
        """What the event holds of it."""
        found = {
            "places": [{"branch": path, "to": to} for path, to in self.places.items()],
            "states": self.states,
            "deltas": self.deltas,
            "counters": self.counters,
            "happened": self.happened,
            "renewed": self.renewed,
            "begins": self.begins,
            "applied": self.applied,
        }
        return {name: value for name, value in found.items() if value}

    def take(self, other: Adapted) -> None:
        """Takes what was found for another part of the run.

        Args:
            other: of another flow inside.
        """
        self.places |= other.places
        self.states |= other.states
        self.deltas |= other.deltas
        self.counters |= other.counters
        self.happened |= other.happened
        self.renewed += other.renewed
        self.applied += other.applied
        self.nodes |= other.nodes
        self.begins = other.begins or self.begins


def adapted(standing: Standing[Any], then: Mapping[str, Any], flow: Flow[Any], events: Sequence[Event]) -> Adapted:
    """What changes about a run when it goes on under the flow of today.

    Args:
        standing: where it stands.
        then: the manifest of the version that it is of.
        flow: the flow of today.
        events: its journal.

    Raises:
        Misfit: it does not fit; the message says what does not.
    """
    return _frame(standing, standing.root, then, flow, events)


def _frame(
    standing: Standing[Any], head: Branch, then: Mapping[str, Any], flow: Flow[Any], events: Sequence[Event]
) -> Adapted:
    """One execution of one flow, under the first chain of migrations that fits."""
    shape = hashes(dict(then))[0]
    reasons: list[str] = []
    for chain in chains(flow.migrations, shape):
        try:
            return _Fitting(standing, head, then, flow, Names(chain), events).done()
        except Misfit as misfit:
            named = chain and not str(misfit).startswith("the migration")
            reasons.append(f"with the migration {chain[-1].name!r} {misfit}" if named else str(misfit))
    raise Misfit("; ".join(reasons))


class _Fitting:
    """One execution of one flow, and a chain of migrations."""

    def __init__(
        self,
        standing: Standing[Any],
        head: Branch,
        then: Mapping[str, Any],
        flow: Flow[Any],
        names: Names,
        events: Sequence[Event],
    ) -> None:
        self.standing, self.head, self.then, self.flow, self.names, self.events = (
            standing, head, then, flow, names, events,
        )  # fmt: skip
        self.edges = Edges(then, flow, names)
        self.past = PastType(then["shape"]["state"], flow.type)
        same = then["shape"]["state"] == flow.manifest()["shape"]["state"] and not standing.past
        self.same = same and not names.transforms and not any(item.fields for item in names.chain)
        self.found = Adapted(applied=[item.name for item in names.chain])

    def done(self) -> Adapted:
        """All that changes, here and in the flows inside."""
        for branch in _of_frame(self.head):
            self._state(branch)
            self._place(branch)
        self._begins()
        counters = self.edges.counters(self.head.frame.counters)
        if counters != self.head.frame.counters:
            self.found.counters[self.head.path] = counters
        happened = self.head.frame.history
        if self.names.renames and (told := happened.renamed(self.names.node).to_json()) != happened.to_json():
            self.found.happened[self.head.path] = told
        for branch in _of_frame(self.head):
            self._inside(branch)
        return self.found

    # states

    def _state(self, branch: Branch) -> None:
        if self.same:
            return
        told: dict[str, Any] = {"state": self._fit(branch.frame, branch.state)}
        if branch.before is not None:
            told["before"] = self._fit(branch.frame, branch.before[0])
        self.found.states[branch.path] = told
        if branch.deltas:
            if self.names.transforms:
                raise Misfit(
                    f"the run is inside of branches or a flow that wrote {_fields(branch.deltas)}, which a function of "
                    "the whole state cannot change: rename fields by fields=, or let it end under its own version"
                )
            self.found.deltas[branch.path] = [self._delta(delta) for delta in branch.deltas]

    def _fit(self, frame: Frame, state: Any) -> dict[str, Any]:
        kind: Any = frame.kind
        try:
            data = self.names.state(kind.dump(state))
            return self.flow.type.dump(fitted(self.flow.type, self.past, data))
        except StateInvalid as error:
            raise Misfit(str(error)) from error

    def _delta(self, delta: dict[str, Any]) -> dict[str, Any]:
        found = self.names.delta(delta)
        gone = [name for name in found if name not in self.flow.type.fields]
        if gone:
            raise Misfit(f"a branch wrote {gone[0]!r}, which {self.flow.state.__name__} does not have any more")
        return found

    # places

    def _place(self, branch: Branch) -> None:
        node = self._node(branch)
        self.found.nodes[branch.path] = node
        if node is not None:
            same_calls(branch, node, self._seen(branch))
        at = moved(branch, self.edges, self.names, self.flow)
        at, asks = renewed(branch, at, node, self.edges, self._seen(branch), self.events)
        self.found.renewed += asks
        if at != branch.at:
            self.found.places[branch.path] = write_position(at)

    def _seen(self, branch: Branch) -> Any:
        """The branch's state as the flow of today sees it."""
        told = self.found.states.get(branch.path)
        return branch.state if told is None else self.flow.type.load(told["state"])

    def _node(self, branch: Branch) -> Node[..., Any] | None:
        """The node of today where a branch stands; None at none."""
        at = branch.at.at if isinstance(branch.at, Parked) else branch.at
        if not isinstance(at, AtNode) or at.node == "START":
            return None
        if branch.of_item and branch.parent is not None:  # it stands and falls with the each that it is of
            each = self._node(branch.parent)
            return each.inner if isinstance(each, Each) else None
        name = self.names.node(at.node)
        found = self.flow.nodes.get(name)
        if found is None:
            told = f", nor {name!r}" if name != at.node else ""
            raise Misfit(f"the run stands at node {at.node!r}, which the flow does not have any more{told}")
        was: Mapping[str, Any] = self.then["shape"]["nodes"].get(at.node, {})
        if branch.children or branch.entries:
            _holds_the_same(at.node, was, found, self.names)
        return found

    def _begins(self) -> None:
        """What a fork's parent had come to, where the fork has not begun: its names may be others today."""
        standing = self.standing
        if self.head is not standing.root or standing.begins is None or standing.at != AtNode("START"):
            return
        begins = self.edges.incoming(standing.begins)
        gone = missing(self.flow, begins)
        if gone is not None:
            raise Misfit(f"the run, a fork, begins behind {gone}, which the flow does not have any more")
        if begins != standing.begins:
            self.found.begins = begins

    # flows inside

    def _inside(self, branch: Branch) -> None:
        for child in (*branch.children.values(), *branch.failed.values()):
            if child.frame is branch.frame:
                continue
            at = branch.at.at if isinstance(branch.at, Parked) else branch.at
            assert isinstance(at, AtNode)
            node = self.flow.nodes.get(self.names.node(at.node))
            inner, today = inner_of(self.then, at.node), node.flow if isinstance(node, Each | Subflow) else None
            if inner is None or today is None:
                raise Misfit(f"the run is inside of {at.node!r}, which holds no other steps any more")
            self.found.take(_frame(self.standing, child, inner, today, self.events))


def _of_frame(head: Branch) -> Iterator[Branch]:
    """The branches of one execution of one flow."""
    yield head
    for child in head.children.values():
        if child.frame is head.frame:
            yield from _of_frame(child)


def _holds_the_same(name: str, was: Mapping[str, Any], node: Node[..., Any], names: Names) -> None:
    """Refuses a node that holds other steps than when the run went into it."""
    if not isinstance(node, Each | Subflow) or node.kind != was.get("kind"):
        raise Misfit(f"the run is inside of {name!r}, which holds no other steps any more")
    if isinstance(node, Each):
        over = names.field(was["over"]) or was["over"]
        if (over, was["item"]) != (node.over, node.item) or (was["flow"] is None) != (node.flow is None):
            raise Misfit(f"the run is inside of {name!r}, which goes over other items now")


def _fields(deltas: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(sorted({repr(name) for delta in deltas for name in delta}))
