"""How a node's execution ended: the outcome, the error record in it, and what the next node may read of a no."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ..guards.budgets import NOTHING_SPENT, Spent
from ..guards.gates import Way

Kind = Literal["ok", "failed", "refused", "expired"]


@dataclass(frozen=True)
class ErrorRecord:
    """What went wrong, as data: it is journalled, matched by ``failed(...)`` and shown to people.

    Args:
        category: one of ``guards.outcomes.CATEGORIES``.
        type: the exception's class name.
        message: what happened.
        classes: dotted names of the exception's class and all its bases.
        where: the author's line that raised it, ``desk.py:41``, where that is known.
    """

    category: str
    type: str
    message: str
    classes: tuple[str, ...] = ()
    where: str | None = None


class Refusal(BaseModel):
    """Why a gate said no; a node that is reached by a gate's way reads it by a parameter of this type.

    Args:
        kind: denied, expired or violated.
        gate: the gate's name.
        who: who decided; None for a time that ran out or a policy.
        when: the moment, ISO 8601 in UTC.
        note: the approver's note or the policy's reason.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["denied", "expired", "violated"]
    gate: str
    who: str | None = None
    when: str | None = None
    note: str | None = None


class Failure(BaseModel):
    """What failed; a node that is reached by ``failed(...)`` or ``on_failure=`` reads it by a parameter of this type.

    Args:
        category: one of ``guards.outcomes.CATEGORIES``.
        message: what happened.
        node: the node that failed.
        type: the exception's class name.
    """

    model_config = ConfigDict(frozen=True)

    category: str
    message: str
    node: str
    type: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a node's execution ended.

    Args:
        kind: ``ok`` with an update, ``failed`` with an error, ``refused`` or ``expired`` at a gate of its own.
        update: what it writes: state field to value (for a reducer field, what is merged in).
        error: what went wrong, where it failed.
        calls: the model and tool calls inside it, JSON-able, in order.
        spent: calls, tokens and dollars used up inside it (steps and seconds are counted by the run).
        refusal: the no, where it was refused or expired at a gate of its own.
        way: where that no leads, where the gate names one.
        attempts: how often it was tried.
        end: for a subflow, the end that it came to.
        verdict: for a subflow, how it ended.
    """

    kind: Kind
    update: dict[str, Any] = field(default_factory=dict[str, Any])
    error: ErrorRecord | None = None
    calls: tuple[dict[str, Any], ...] = ()
    spent: Spent = NOTHING_SPENT
    refusal: Refusal | None = None
    way: Way | None = None
    attempts: int = 1
    end: str | None = None
    verdict: str | None = None
