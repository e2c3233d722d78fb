"""Where a run stands, what came in, and what comes next: the words of the semantics, as data.

A run without fan-out stands at one place. The branches of a region (``all_of``), the items of an ``each`` and
the flow of a ``subflow`` stand at their own, while what they came from waits for them; every type here is about
one of them. What is made at every step is a named tuple, for its speed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import BaseModel

from ..guards.budgets import Budget, Spent
from ..nodes.outcome import ErrorRecord, Failure, Outcome, Refusal
from .edits import Edits

if TYPE_CHECKING:
    from .regions import Region
    from .watching import Watch

No = Literal["denied", "expired", "violated"]


class AtNode(NamedTuple):
    """A node is to run, or was running; it may read why the run came this way.

    Args:
        node: the node's name.
        refusal: the no that led here.
        failure: the failure that led here.
        grant: the request whose approval let the run reach this node, or ``exempt:<gate>``.
        digest: of the call that the grant names.
        edits: what people changed of that call.
        also: the requests of the other approvals on the way, in the order given.
        forbidden: the property that its start would violate: it does not start, and its step fails.
    """

    node: str
    refusal: Refusal | None = None
    failure: Failure | None = None
    grant: str | None = None
    digest: str | None = None
    edits: Edits | None = None
    also: tuple[str, ...] = ()
    forbidden: str | None = None


@dataclass(frozen=True, slots=True)
class AtGate:
    """A gate on an edge waits for a decision.

    Args:
        route: the edge's id.
        index: which gate of the edge.
        turns: the noes that led from that gate to the one that asks now (escalation), in order.
        refusal: the last of these noes.
        failure: the failure that the edge matched.
        edits: what people changed of the call that it decides about.
        also: the requests of the approvals that the edge got so far.
    """

    route: str
    index: int
    turns: tuple[No, ...] = ()
    refusal: Refusal | None = None
    failure: Failure | None = None
    edits: Edits | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AtEnd:
    """The run has ended; ``end`` is None where it had no way on."""

    end: str | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Parked:
    """A person must settle something before the run goes on from ``at``."""

    at: AtNode
    reason: str


@dataclass(frozen=True, slots=True)
class AtHead:
    """An edge is about to be followed, and none of its gates has been asked: a branch begins, or all are asked anew.

    Args:
        route: the edge's id.
        refusal: the no that led here.
        failure: the failure that the edge matched.
        edits: what people changed of the call that its gates decide about.
    """

    route: str
    refusal: Refusal | None = None
    failure: Failure | None = None
    edits: Edits | None = None


@dataclass(frozen=True, slots=True)
class AtFork:
    """The branches of a fork run; they join before the run goes on."""

    fork: str


@dataclass(frozen=True, slots=True)
class AtJoin:
    """A branch came to its region's exit, and waits there for its siblings.

    Args:
        exit: the exit's name.
        refusal: the no that led here.
        failure: the failure that led here.
    """

    exit: str
    refusal: Refusal | None = None
    failure: Failure | None = None


How = Literal["edge", "failure", "exhausted", "stuck", "outer"]
"""How a branch leaves its region: by a ``failed(...)`` edge, on the flow's ways, without a way on, or because
the budget of what is around its flow is used up."""


@dataclass(frozen=True, slots=True)
class AtLeft:
    """A branch left its region by a failure; the way is taken when its siblings have come to rest.

    Args:
        how: by what.
        source: the node that the failure came from.
        error: what went wrong.
        route: the ``failed(...)`` edge that is taken.
        failure: what the next node may read.
    """

    how: How
    source: str
    error: ErrorRecord
    route: str | None = None
    failure: Failure | None = None


Position = AtNode | AtGate | AtEnd | Parked | AtHead | AtFork | AtJoin | AtLeft


class Outer(NamedTuple):
    """The budget of a flow around a subflow, and what of it is used up.

    Args:
        budget: the budget.
        spent: what the flow around has used up, with all that is inside of it.
        started: when it began, seconds since the epoch.
        out: whether its ``on_exhausted`` was taken.
        beside: steps that other branches inside of it are at, which its budget counts as taken.
        level: how many flows further out it is.
    """

    budget: Budget
    spent: Spent
    started: float
    out: bool
    beside: int = 0
    level: int = 1


class Place(NamedTuple):
    """All that the next move depends on, besides what came in.

    Args:
        state: the state.
        counters: limits' names and how often their edges were taken.
        spent: what the run has used up.
        started: when the run started, seconds since the epoch.
        now: the present moment, seconds since the epoch.
        out: whether ``on_exhausted`` was taken: then what was kept may be spent too.
        region: the innermost region that the branch is in; None outside of all.
        beside: steps that other branches of the flow are at, which its own budget counts as taken.
        outer: the budgets of the flows around a subflow, innermost first.
        watch: the properties that are watched, and how each stands; None where none is.
    """

    state: BaseModel
    counters: Mapping[str, int] = MappingProxyType({})
    spent: Spent = Spent()
    started: float = 0.0
    now: float = 0.0
    out: bool = False
    region: Region | None = None
    beside: int = 0
    outer: tuple[Outer, ...] = ()
    watch: Watch | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """The run begins."""


@dataclass(frozen=True, slots=True)
class Headed:
    """The gates of an edge are asked, from the first on: a branch begins at a head of its fork, or all are asked anew.

    Args:
        route: the edge's id.
        refusal: the no that led here.
        failure: the failure that the edge matched.
        edits: what people changed of the call that its gates decide about.
    """

    route: str
    refusal: Refusal | None = None
    failure: Failure | None = None
    edits: Edits | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """All branches of a region came to its exit, and their writes are merged."""

    exit: str
    refusal: Refusal | None = None
    failure: Failure | None = None


class Done(NamedTuple):
    """A node's execution ended."""

    node: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Decided:
    """The gate that the run waits at got its decision; ``refusal`` is None for a yes, and where the call was edited.

    Args:
        at: the gate's place.
        request: the request's id.
        digest: of the call that was approved.
        refusal: the no.
        edits: all that was changed of the call, where the decision was to change it: the edge is asked anew.
    """

    at: AtGate
    request: str = ""
    digest: str | None = None
    refusal: Refusal | None = None
    edits: Edits | None = None


Incoming = Begun | Headed | Done | Decided | Joined | AtLeft
"""``AtLeft`` comes in where the branches of a fork have come to rest, and one of them left."""


class Reasons(NamedTuple):
    """Why a move was made.

    Args:
        edge: the id of the edge that was taken; None where there was none.
        tried: the edges tried, in order, with every guard's text, value and what it read, JSON-able.
        counted: the limits whose counters go up by one.
        seen: where properties are watched, what gates said (``yes:lead``) and which conditions hold (``holds:...``).
    """

    edge: str | None = None
    tried: tuple[dict[str, Any], ...] = ()
    counted: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()


NO_REASONS = Reasons()


class Run(NamedTuple):
    """Run a node next; ``out`` is set where the budget's way out was taken."""

    at: AtNode
    why: Reasons = NO_REASONS
    out: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask a person next."""

    at: AtGate
    why: Reasons = NO_REASONS
    out: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """The run ends; ``error`` says why where it did not end well."""

    at: AtEnd
    why: Reasons = NO_REASONS
    error: ErrorRecord | None = None
    out: bool = False


@dataclass(frozen=True, slots=True)
class Park:
    """The run stops until a person settles something."""

    at: Parked
    why: Reasons = NO_REASONS
    error: ErrorRecord | None = None
    out: bool = False


class Fork(NamedTuple):
    """The run fans out: every head begins a branch.

    Args:
        at: the fork.
        heads: the heads' routes, in their order.
    """

    at: AtFork
    heads: tuple[str, ...]
    why: Reasons = NO_REASONS
    out: bool = False


class Join(NamedTuple):
    """The branch came to its region's exit."""

    at: AtJoin
    why: Reasons = NO_REASONS
    out: bool = False


class Leave(NamedTuple):
    """The branch leaves its region, or a subflow ends because the budget around it is used up."""

    at: AtLeft
    why: Reasons = NO_REASONS
    out: bool = False


Move = Run | Ask | Finish | Park | Fork | Join | Leave
