"""The execution of one node: from a state to an outcome, through the port that records its calls.

A failed step is data, never an exception: out of ``execute`` come only ``Suspended``, ``Stop``, errors of
the driver and of the configuration (GuidewayError), a cancellation, and LangGraph's control flow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from ..errors import ConfigError, GuidewayError
from ..guards.budgets import Spent
from ..guards.messages import messages_field
from .calls import CallFailed, Calls, Stop, Suspended
from .categories import error_record, is_control_flow
from .context import Context
from .outcome import ErrorRecord, Failure, Outcome, Refusal

if TYPE_CHECKING:
    from .models import Models
    from .node import Node
    from .plan import Plan


@dataclass(slots=True)
class Job:
    """One execution of one node: what it is given, the port, and what it has used up so far.

    Args:
        plan: how the node reads and writes this state.
        values: the state's fields.
        model: the state's type; None for a plain mapping.
        calls: the port.
        models: the models by slot.
        run: the run's id.
        step: the step's number.
        deps: what ``compile(deps=...)`` was given.
        refusal: the no that led here.
        failure: the failure that led here.
        edits: JSON-able values that replace what the state gives, by parameter.
    """

    plan: Plan
    values: Mapping[str, Any]
    model: type[BaseModel] | None
    calls: Calls
    models: Models | None
    run: str
    step: int
    deps: Any
    refusal: Refusal | None
    failure: Failure | None
    edits: Mapping[str, Any] | None
    log: list[dict[str, Any]] = field(default_factory=lambda: [])
    sent: int = 0
    tokens: int = 0
    usd: float = 0.0
    attempts: int = 1

    def arguments(self) -> dict[str, Any]:
        """The arguments of the node's function.

        Raises:
            CallFailed: a value does not fit (``invalid_input``).
        """
        found = self.plan.read(self.values, self.edits)
        if self.plan.given_params:
            found.update(self.plan.given(self.context, self.refusal, self.failure))
        return found

    def context(self, attempt: int = 0, key: str | None = None) -> Context:
        """The Context of one attempt.

        Args:
            attempt: which try it is, from 0.
            key: its idempotency key; by default the node's own.
        """
        name = self.plan.node.name
        own = self.calls.key(self.plan.node.kind) if key is None else key
        return Context(self.run, name, self.step, attempt + 1, own, self.calls.left(), self.deps)

    def ids(self, stem: str) -> Callable[[int], str]:
        """Ids for messages that have none: the same ones in a second execution.

        Args:
            stem: what the messages are of: ``message``, ``call.2``.
        """
        return lambda place: self.calls.key(f"{stem}#{place}")

    def messages(self) -> str:
        """The name of the messages field that the node works on."""
        found = None if self.model is None else messages_field(self.model)
        return found or "messages"

    def write(self, value: Any) -> Outcome:
        """The ok outcome that stores a returned value.

        Args:
            value: what the node returned.
        """
        return self.ok(self.plan.update(value, self.ids("message")))

    def ok(self, update: dict[str, Any]) -> Outcome:
        """An ok outcome.

        Args:
            update: state field to value.
        """
        if not self.log:
            return Outcome("ok", update)
        return Outcome("ok", update, calls=tuple(self.log), spent=self.spent, attempts=self.attempts)

    def failed(self, record: ErrorRecord) -> Outcome:
        """A failed outcome; it writes nothing.

        Args:
            record: what went wrong.
        """
        return Outcome("failed", error=record, calls=tuple(self.log), spent=self.spent, attempts=self.attempts)

    def refused(self, refusal: Refusal, way: Any, update: dict[str, Any]) -> Outcome:
        """An outcome that a gate of the node's own stopped.

        Args:
            refusal: the no.
            way: where it leads.
            update: what the node writes nevertheless.
        """
        kind: Literal["refused", "expired"] = "expired" if refusal.kind == "expired" else "refused"
        return Outcome(
            kind, update, calls=tuple(self.log), spent=self.spent, refusal=refusal, way=way, attempts=self.attempts
        )

    @property
    def spent(self) -> Spent:
        """Calls, tokens and dollars used up so far."""
        return Spent(calls=self.sent, tokens=self.tokens, usd=self.usd)


async def execute(
    node: Node[..., Any],
    state: BaseModel | Mapping[str, Any],
    *,
    calls: Calls,
    models: Models | None = None,
    run: str = "",
    step: int = 0,
    deps: Any = None,
    refusal: Refusal | None = None,
    failure: Failure | None = None,
    edits: Mapping[str, Any] | None = None,
    model: type[BaseModel] | None = None,
) -> Outcome:
    """Executes a node once.

    Args:
        node: the node.
        state: the state, or its fields by name.
        calls: the port: sends and records calls, asks for decisions.
        models: the models by slot.
        run: the run's id.
        step: the step's number in the run.
        deps: what ``Context.deps`` is.
        refusal: the no that led here.
        failure: the failure that led here.
        edits: arguments that an approver edited, JSON-able, by parameter.
        model: the state's type, where ``state`` is a mapping.

    Raises:
        Suspended: a decision or an answer is awaited.
        Stop: the driver stops.
        ConfigError: a model is missing.
    """
    values: Mapping[str, Any]
    if isinstance(state, BaseModel):
        model, values = type(state), state.__dict__
    else:
        values = state
    job = Job(node.plan(model), values, model, calls, models, run, step, deps, refusal, failure, edits)
    try:
        return await node.perform(job)
    except CallFailed as error:
        return job.failed(error.record)
    except (Suspended, Stop, GuidewayError):
        raise  # what authors' functions raise was made data where they were called: these are the driver's own
    except Exception as error:
        if is_control_flow(error):
            raise
        return job.failed(error_record(error))


async def invoke(fn: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Calls an author's function here and now, and makes what it raises data.

    Args:
        fn: the function, sync or async.
        arguments: its arguments.

    Raises:
        CallFailed: it raised.
    """
    try:
        value = fn(**arguments)
        return await value if hasattr(value, "__await__") else value
    except BaseException as error:  # as_failure raises again what is no failure
        raise as_failure(error) from error


def as_failure(error: BaseException) -> CallFailed:
    """What a function raised, as data; an exit or a cancellation of its own too.

    Args:
        error: what it raised.

    Raises:
        BaseException: the same, where it is not the function's: LangGraph's control flow, a cancellation of
            this task, the end of the process.
    """
    if isinstance(error, CallFailed) or is_control_flow(error):
        raise error
    if isinstance(error, Exception | SystemExit):
        return CallFailed(error_record(error))
    if not is_inner_cancel(error):
        raise error
    return CallFailed(error_record(error, "cancelled"))


def is_inner_cancel(error: BaseException) -> bool:
    """Whether an exception is the cancellation of something that a function awaited, and not of this task.

    Args:
        error: the exception.
    """
    import asyncio  # here, since authoring a flow does not need it

    if not isinstance(error, asyncio.CancelledError):
        return False
    task = asyncio.current_task()
    return task is not None and not task.cancelling()


def require_models(models: Models | None, node: Node[..., Any]) -> Models:
    """The models, which a thinking node needs.

    Args:
        models: the models, or None.
        node: the node.

    Raises:
        ConfigError: there are none.
    """
    if models is None:
        raise ConfigError(
            f"node {node.name!r} calls a model, but no models are configured; give models={{'default': model}}",
            where=node.line,
        )
    return models
