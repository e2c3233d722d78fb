"""Gates: a person's or a policy's decision on an edge, with its own way for every no."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import signature
from typing import Any

from ..errors import ConditionError, GateError, caller
from .conditions import Condition, condition
from .durations import Duration, seconds
from .expressions import Expr, Formula
from .fields import tree_of
from .path import Edge, Guard
from .target import Target

STARTER = "starter"
"""In ``not_by``: whoever started the run."""


class Gate(Guard):
    """Base of approvals and policies."""

    name: str

    def ways(self) -> dict[str, Way | None]:
        """The gate's ways by the no that they are for; None where the author gave none."""
        raise NotImplementedError


Way = Target | Gate | Edge
"""Where a no leads: a target, another gate that then decides about the same target, or gates and a target."""


@dataclass(frozen=True, eq=False)
class Approval(Gate):
    """A person's decision; see ``approval``."""

    name: str
    role: str
    denied: Way | None = None
    expired: Way | None = None
    within: float | None = None
    shows: tuple[Expr, ...] = ()
    unless: Formula | None = None
    quorum: int = 1
    question: str | None = None
    not_by: tuple[str, ...] = (STARTER,)
    line: str | None = None

    def ways(self) -> dict[str, Way | None]:
        """The ways for denied, and for expired where the gate has a time."""
        return {"denied": self.denied} | ({"expired": self.expired} if self.within is not None else {})


@dataclass(frozen=True, eq=False)
class Policy(Gate):
    """A deterministic check; see ``policy``."""

    name: str
    fn: Callable[..., str | None]
    reads: tuple[str, ...]
    takes_call: bool
    violated: Way | None = None
    line: str | None = None

    def ways(self) -> dict[str, Way | None]:
        """The way for violated."""
        return {"violated": self.violated}


def approval(
    role: str,
    *,
    denied: Way | None = None,
    expired: Way | None = None,
    within: Duration | None = None,
    shows: Iterable[object] = (),
    unless: bool | Condition | Callable[..., bool] | None = None,
    quorum: int = 1,
    question: str | None = None,
    not_by: Iterable[str] = (STARTER,),
    name: str | None = None,
) -> Approval:
    """A person of this role must say yes before the run reaches the edge's target.

    A no is final: the run goes the gate's way and tries no other edge of the row. On an edge the ways are
    required; in the ``gates=`` of ``act`` a no without a way is told to the model.

    Args:
        role: who may decide.
        denied: the way for a no.
        expired: the way when nobody decided ``within`` the time.
        within: how long the request stays open, e.g. ``"24h"``.
        shows: fields shown to the approver, besides the call itself, which is always shown whole.
        unless: an exemption, inside the gate: where it is known to be true, nobody is asked and the log says so.
        quorum: how many different people must say yes.
        question: what is asked; by default told from the call.
        not_by: who may not decide; by default whoever started the run.
        name: the gate's name; by default the role.

    Raises:
        GateError: no role, a quorum below 1, ``expired`` without ``within``, or a way that is none.
    """
    where = caller()
    if not isinstance(role, str) or not role.strip():  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
        raise GateError(f"approval({role!r}) needs the role that decides, such as approval('lead', ...)", where=where)
    if quorum < 1:
        raise GateError(f"approval({role!r}, quorum={quorum}) needs at least 1 person", where=where)
    if expired is not None and within is None:
        raise GateError(f"approval({role!r}) has a way for expired but no time: add within='24h'", where=where)
    title = f"approval({role!r})"
    return Approval(
        name=name or role,
        role=role,
        denied=_way(denied, title, "denied", where),
        expired=_way(expired, title, "expired", where),
        within=None if within is None else seconds(within, "within"),
        shows=tuple(shown(item, title) for item in shows),
        unless=None if unless is None else condition(unless),
        quorum=quorum,
        question=question,
        not_by=tuple(not_by),
        line=where,
    )


def policy(fn: Callable[..., str | None], *, violated: Way | None = None, name: str | None = None) -> Policy:
    """A rule in code: a named function of state fields that returns None, or the reason for a no.

    A parameter named ``call`` receives the call that the gate decides about (``call.tool``, ``call.arguments``).

    Args:
        fn: the rule, deterministic and without effects.
        violated: the way for a no; required on an edge, else the model is told the reason.
        name: the gate's name; by default the function's.

    Raises:
        GateError: ``fn`` is no named function, or the way is none.
    """
    where = caller()
    title = getattr(fn, "__name__", None)
    if not callable(fn) or title is None or title == "<lambda>":
        raise GateError(f"policy({fn!r}) needs a named function: the name is what reviewers read", where=where)
    names = tuple(signature(fn).parameters)
    return Policy(
        name=name or title,
        fn=fn,
        reads=tuple(item for item in names if item != "call"),
        takes_call="call" in names,
        violated=_way(violated, f"policy({title})", "violated", where),
        line=where,
    )


def _way(way: Any, title: str, kind: str, where: str | None) -> Way | None:
    if way is None or isinstance(way, Target | Gate):
        return way
    if isinstance(way, Edge):
        if all(isinstance(guard, Gate) for guard in way.guards):
            return way
        raise GateError(
            f"the way {kind}= of {title} has a condition: a way must always lead on, so only gates may stand on it",
            where=where,
        )
    raise GateError(
        f"the way {kind}= of {title} must be a node, an end or another gate, not {way!r} ({type(way).__name__})",
        where=where,
    )


def shown(item: object, title: str) -> Expr:
    """The tree of a field that a request shows."""
    found = tree_of(item)
    if found is None:
        raise ConditionError(f"shows= of {title} takes fields such as t.message, not {item!r}", where=caller())
    return found
