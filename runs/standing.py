"""Where a run stands, folded from its journal: the journal is the truth and the position.

``Standing.apply`` is the one function that folds: a resumed run folds every stored event through it, a
live run folds each event as it is committed. Nothing else changes a standing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from ..errors import JournalBroken, StateInvalid
from ..flows.each import Each
from ..flows.flow import Flow
from ..flows.past import PastFlow, same_states
from ..flows.position import AtFork, AtNode, Parked, Position
from ..flows.state import Delta
from ..flows.subflow import Subflow
from ..guards.budgets import Spent
from ..nodes.sealing import Vault, using
from .branches import Branch, Dropped, Frame, Pending, Recorded
from .codec import read_error
from .folds import FOLDS, Fold
from .gone import GONE
from .keys import Keys
from .store.records import Event
from .stretching import LEAST, fold_at_once, plain_steps

if TYPE_CHECKING:
    from .store import SqliteStore

S = TypeVar("S", bound=BaseModel)

Versions = Callable[[str, str], "dict[str, Any] | None"]
"""Gives the manifest of a version of the flow, by shape and build; None where nobody kept it."""


class Standing(Generic[S]):
    """Where one run stands: its branches, its spending, and the calls and requests of the steps under way.

    Args:
        flow: the flow.
        run: the run's id.
        keys: the App's: they open the secrets of a run that has any.
        versions: gives the manifest of a version, by shape and build, where the store has it: what a run of another
            state left is folded by it.
    """

    __slots__ = (
        "_ahead", "_versions", "begins", "branches", "build", "by", "dropped", "error", "flow", "forked", "inherits",
        "keys", "kind", "over", "revoked", "root", "run", "shape", "steps", "tail", "unknown", "updated", "vault",
    )  # fmt: skip

    def __init__(self, flow: Flow[S], run: str, keys: Keys | None = None, versions: Versions | None = None) -> None:
        self.flow = flow
        self.keys = keys
        self.vault: Vault | None = None
        self._versions = versions
        self.kind = flow.type
        self.run = run
        # the `started` event comes first, and gives the state
        self.root = Branch("", Frame(flow, flow.type, 0.0), AtNode("START"), None)
        self.branches: dict[str, Branch] = {"": self.root}
        self.steps = 0
        self.tail = 0
        self.by: str | None = None
        self.over: str | None = None
        self.updated = 0.0
        self.shape = ""
        self.build = ""
        self.error: dict[str, Any] | None = None
        self.dropped: dict[str, Dropped] = {}
        # of a fork: its parent and the step there, what had come in, and the parent's calls that it has not met yet
        self.forked: tuple[str, int] | None = None
        self.begins: dict[str, Any] | None = None
        self.inherits: list[dict[str, Any]] = []
        # calls of tools of which no result is known, by the numbers of their intents, in steps that are over too
        self.unknown: dict[int, Recorded] = {}
        # approvals that were taken back after the run had used them, by request
        self.revoked: dict[str, dict[str, Any]] = {}
        self._ahead: tuple[Any, Delta, Any] | None = None

    # the run as a whole

    @property
    def at(self) -> Position:
        """Where the run's own branch stands."""
        return self.root.at

    @property
    def state(self) -> S:
        """The state of the run's own branch: what branches have written is in it once they joined."""
        return self.root.state  # type: ignore[no-any-return]  # a branch may be of another flow's state

    @property
    def spent(self) -> Spent:
        """What the run has used up."""
        return self.root.frame.spent

    @property
    def started(self) -> float:
        """When the run started, seconds since the epoch."""
        return self.root.frame.started

    @property
    def counters(self) -> dict[str, int]:
        """How often the edges with limits were taken in the run's own flow."""
        return self.root.frame.counters

    @property
    def out(self) -> bool:
        """Whether the run is on the way that a used-up budget takes."""
        return self.root.frame.out

    @property
    def requests(self) -> dict[str, Pending]:
        """The requests of all places where the run stands, by id, in the order asked."""
        if len(self.branches) == 1:
            return self.root.requests
        found = [item for branch in self.branches.values() for item in branch.requests.items()]
        return dict(sorted(found, key=lambda pair: (pair[1].body["asked"], pair[0])))

    @property
    def parked(self) -> tuple[Branch, ...]:
        """The branches that a person must settle, in the order of their paths."""
        found = [branch for branch in self.branches.values() if isinstance(branch.at, Parked)]
        return tuple(sorted(found, key=lambda branch: branch.path))

    def asking(self, request: str) -> Branch | None:
        """The branch that a request is of; None where it is none of an open place.

        Args:
            request: the request's id.
        """
        return next((branch for branch in self.branches.values() if request in branch.requests), None)

    @property
    def past(self) -> bool:
        """Whether its state is of another version, as data: it can be looked at, and not driven."""
        return isinstance(self.root.frame.flow, PastFlow)

    @property
    def shown(self) -> S:
        """The state for people to see; of another version as it was stored, unvalidated."""
        if not self.past:
            return self.state
        told = self.flow.state.model_construct()
        object.__setattr__(told, "__dict__", dict(vars(self.state)))  # its own fields, and no defaults of today
        return told

    # versions

    def be_of(self, shape: str, build: str, *, anew: bool = False) -> None:
        """Takes the version that the next events are of; only folds of events call it.

        Args:
            shape: the version's.
            build: the version's.
            anew: what branches are in has other names in it.
        """
        self.shape, self.build = shape, build
        found: Any = self.flow
        if shape != self.flow.shape and self._versions is not None:
            manifest = self._versions(shape, build)
            if manifest is not None and not same_states(manifest, self.flow.manifest()):
                found = PastFlow(manifest, self.flow)
        if anew or found is not self.root.frame.flow:
            _rebind(self.root, found)

    # branches

    def open(self, path: str, body: dict[str, Any], at: float) -> Branch:
        """The branch of a path that no event was of before: an item, or a subflow's flow.

        Where the flow does not have its node any more, something stands for it, so that the run can be looked at
        and parks.

        Args:
            path: the path.
            body: the event's.
            at: the event's time.

        Raises:
            KeyError: nothing that stands open can have such a branch.
        """
        above, _, own = path.rpartition(".")
        parent = self.branches[above]
        node = parent.node
        if isinstance(node, Subflow):
            frame = Frame(node.flow, node.flow.type, at, parent.frame)
            branch = Branch(path, frame, AtNode("START"), None, parent)
        elif isinstance(node, Each):
            branch = self.item(parent, node, int(own.partition("i")[2]))
            if node.flow is not None:
                branch.frame = Frame(node.flow, node.flow.type, at, parent.frame)
        else:
            index = own.partition("i")[2]
            if not (index.isdigit() or own.endswith("s")):
                raise KeyError(path)
            flow = _held(parent) or GONE
            frame = Frame(flow, flow.type, at, parent.frame) if "flow" in body else parent.frame
            branch = Branch(path, frame, AtNode("START"), None, parent, index=int(index) if index else None)
        return self.add(branch)

    def known(self, path: str) -> Branch:
        """A branch that is open, or that failed and a retry opens again.

        Args:
            path: the path.

        Raises:
            KeyError: there is none.
        """
        found = self.branches.get(path)
        if found is not None:
            return found
        failed = (one for branch in self.branches.values() for one in branch.failed.values())
        return {inner.path: inner for one in failed for inner in (one, *one.within_branches())}[path]

    def item(self, parent: Branch, each: Each, index: int) -> Branch:
        """The branch of an item that is about to begin.

        Args:
            parent: where the each is.
            each: the each.
            index: which item.
        """
        path = parent.child("i", index)
        return Branch(path, parent.frame, AtNode(each.works), parent.state, parent, index=index)

    def add(self, branch: Branch) -> Branch:
        """Opens a branch; gives it back.

        Args:
            branch: the branch, its parent set.
        """
        self.branches[branch.path] = branch
        if branch.parent is not None:
            branch.parent.children[branch.path] = branch
        return branch

    def close(self, branch: Branch) -> None:
        """Closes what came from a branch.

        Args:
            branch: it goes on, or is over.
        """
        for child in tuple(branch.within_branches()):
            self.branches.pop(child.path, None)
        branch.children = {}
        branch.entries = {}
        branch.failures.clear()
        branch.failed = {}

    # reading ahead, for the semantics

    def after(self, branch: Branch, delta: Delta) -> Any:
        """The state that folding this delta will give; remembered, so that it is not computed twice.

        Args:
            branch: whose step is under way.
            delta: what it is about to write.
        """
        if not delta:
            return branch.state
        ahead = branch.frame.kind.fold(branch.state, delta)
        self._ahead = (branch.state, delta, ahead)
        return ahead

    # folding

    def apply(self, event: Event) -> None:
        """Folds one event.

        Args:
            event: the next event of the run.

        Raises:
            JournalBroken: the event is unknown, out of order, or does not fit the flow.
        """
        if event.number != self.tail + 1:
            raise JournalBroken(
                f"run {self.run!r}: event {event.number} follows event {self.tail}: the journal has a gap",
                row=event.number,
            )
        if event.number == 1 and self.keys is not None:
            self.vault = self.keys.of((event,), self.run)
        fold = FOLDS.get(event.kind)
        if fold is None:
            raise JournalBroken(
                f"run {self.run!r}: event {event.number} is of unknown kind {event.kind!r}: "
                "a newer guideway wrote it, or the row is damaged",
                row=event.number,
            )
        try:
            if self.vault is None:
                self._fold(fold, event)
            else:
                with using(self.vault):
                    self._fold(fold, event)
        except (KeyError, TypeError, AttributeError, StateInvalid, ValueError, AssertionError) as error:
            raise JournalBroken(
                f"run {self.run!r}: event {event.number} ({event.kind}) does not fold: {error!r}", row=event.number
            ) from error
        self.tail = event.number
        self.updated = event.at

    def _fold(self, fold: Fold, event: Event) -> None:
        path = event.body.get("branch", "")
        branch = self.branches.get(path) or self.open(path, event.body, event.at)
        fold(self, branch, event)

    def apply_all(self, events: Iterable[Event]) -> Standing[S]:
        """Folds events in order; gives itself back.

        Args:
            events: the next events of the run.
        """
        found = events if isinstance(events, Sequence) else list(events)
        place, alone = 0, 0
        while place < len(found):
            count = plain_steps(self, found, place) if place >= alone else 0
            if count >= LEAST and fold_at_once(self, found[place : place + count]):
                place += count
                alone = place + 1
                continue
            alone = max(alone, place + count + 1)
            self.apply(found[place])
            place += 1
        return self

    def write(self, branch: Branch, delta: Delta) -> None:
        """Applies a delta to a branch's state; only folds of events call it."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] is branch.state and ahead[1] == delta:  # the same bytes on the same state
            branch.write(delta, ahead[2])
        else:
            branch.write(delta, branch.frame.kind.fold(branch.state, delta))

    # what is open

    def open_branches(self) -> Iterator[Branch]:
        """The branches, what came first first."""
        yield from tuple(self.branches.values())


def versions_of(store: SqliteStore) -> Versions:
    """The manifests that a store keeps; a standing that holds this can be copied.

    Args:
        store: the store.
    """

    def version(shape: str, build: str) -> dict[str, Any] | None:
        return store.manifest(shape, build)

    return version


def _held(branch: Branch) -> Any:
    """The flow that is inside of the node where a branch stands, of today or of then; None where there is none."""
    at = branch.at.at if isinstance(branch.at, Parked) else branch.at
    if not isinstance(at, AtNode):
        return None
    flow: Any = branch.frame.flow
    if isinstance(flow, PastFlow):
        return flow.inside(at.node)
    return getattr(flow.nodes.get(at.node), "flow", None)


def _rebind(branch: Branch, flow: Any) -> None:
    """Takes another version of its flow for a branch, and of theirs for all that came from it."""
    branch.frame.flow, branch.frame.kind = flow, flow.type
    _rebind_within(branch)


def _rebind_within(branch: Branch) -> None:
    for child in (*branch.children.values(), *branch.failed.values()):
        if child.frame is not branch.frame:
            _rebind(child, _held(branch) or GONE)
            continue
        if isinstance(branch.at, AtFork):
            child.region = branch.frame.flow.regions.get(branch.at.fork)
        _rebind_within(child)


def last_error(standing: Standing[Any]) -> Any:
    """The last step's error record, or None.

    Args:
        standing: where the run stands.
    """
    return read_error(standing.error)


__all__ = ["Branch", "Frame", "Pending", "Recorded", "Standing", "last_error"]
