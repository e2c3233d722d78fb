"""What a node's function may be given beside state fields, and what a tool may raise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a run's budget; None is unbounded.

    Args:
        steps: executions of nodes.
        calls: model and tool calls.
        tokens: tokens in and out of models.
        usd: dollars.
        seconds: working time.
    """

    steps: float | None = None
    calls: float | None = None
    tokens: float | None = None
    usd: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """Where a node's function runs; given to a parameter of this type.

    Args:
        run: the run's id.
        node: the node's name.
        step: the step's number in the run, from 1; 0 outside a run.
        attempt: which try this is, from 1.
        key: the idempotency key: the same for all attempts, retries and resumes of this call.
        left: what is left of the budget.
        deps: what ``compile(deps=...)`` was given.
    """

    run: str = ""
    node: str = ""
    step: int = 0
    attempt: int = 1
    key: str = ""
    left: Left = field(default_factory=Left)
    deps: Any = None


class FromState:
    """Marks a tool's parameter, ``Annotated[T, FromState]``: taken from the state and hidden from the model."""


class ToolError(Exception):
    """A domain error that a tool tells: nothing was done, and the model may read why.

    Its category is ``declined``. Raised by a ``once`` tool it promises that the effect did not happen.
    """


class NotSent(ConnectionError):
    """A call whose connection could not be made: nothing was sent, which proves that nothing was done.

    Its category is ``unavailable``. guideway's own connections raise it; a tool's function may too, where it knows.
    """
