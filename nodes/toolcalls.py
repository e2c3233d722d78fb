"""Calls of tools: validated, timed, retried, and settled where an effect is in doubt."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from ..guards.durations import written
from .calls import NOT_DONE, Call, CallFailed
from .categories import error_record, is_control_flow
from .context import Context, NotSent, ToolError
from .execution import Job, is_inner_cancel
from .outcome import ErrorRecord, Outcome
from .plan import told
from .retrying import retried
from .sealing import jsonable
from .sealing import typed as as_typed
from .signature import OMITTED
from .threads import Ending, Left, Overrun, Threaded

if TYPE_CHECKING:
    from .tool import Tool


async def run_tool(tool: Tool[..., Any], job: Job) -> Outcome:
    """A tool as a step: its arguments are state fields, its result is written.

    Args:
        tool: the tool.
        job: what it is given, and the port.

    Raises:
        CallFailed: it failed.
    """
    typed = given(tool, job.plan.read(job.values, job.edits))
    call = Call(tool.name, as_json(tool, typed), None, tool.source)
    wrong = misfit(tool, typed)
    if wrong is not None:
        raise CallFailed(ErrorRecord("invalid_input", "InvalidArguments", f"{tool.name!r}: {wrong}"))
    return job.write(await call_tool(job, tool, typed, call, "tool"))


def given(tool: Tool[..., Any], typed: dict[str, Any]) -> dict[str, Any]:
    """A call's arguments without those that a tool from elsewhere leaves out.

    Args:
        tool: the tool.
        typed: the arguments, each validated.
    """
    return typed if tool.foreign is None else {name: item for name, item in typed.items() if item is not OMITTED}


def misfit(tool: Tool[..., Any], typed: dict[str, Any]) -> str | None:
    """What is wrong with the arguments of a tool from elsewhere as a whole, in words; None where they fit.

    Args:
        tool: the tool.
        typed: the arguments, each validated.
    """
    return None if tool.foreign is None else tool.foreign.check(typed)


def as_json(tool: Tool[..., Any], typed: dict[str, Any]) -> dict[str, Any]:
    """A call's arguments, JSON-able, as they will run.

    Args:
        tool: the tool.
        typed: the validated arguments.

    Raises:
        CallFailed: one has no JSON form (``invalid_input``).
    """
    try:
        return {name: jsonable(tool.adapter(name), value) for name, value in typed.items()}
    except PydanticSerializationError as error:
        raise CallFailed(error_record(error, "invalid_input")) from error


async def call_tool(job: Job, tool: Tool[..., Any], typed: dict[str, Any], call: Call, stem: str) -> Any:
    """Calls a tool, with its retries; the result as its own type.

    Args:
        job: the execution that it is part of.
        tool: the tool.
        typed: the validated arguments.
        call: the same, as it is recorded.
        stem: the slot without the attempt.

    Raises:
        CallFailed: it failed for good.
    """

    async def attempt(number: int) -> Any:
        slot = f"{stem}.{number}"
        job.attempts = max(job.attempts, number + 1)
        job.sent += 1
        entry: dict[str, Any] = {"slot": slot, "kind": "tool", "tool": tool.name, "arguments": call.arguments}
        if call.id is not None:
            entry["id"] = call.id
        job.log.append(entry)
        sending = _Sending(job, tool, typed, number, slot)
        reconcile = None if tool.reconcile is None else sending.ask_world
        try:
            return await job.calls.tool(slot, tool, call, sending.send, reconcile=reconcile)
        except CallFailed as error:
            entry["error"] = {
                "category": error.record.category,
                "type": error.record.type,
                "message": error.record.message,
            }
            raise

    result = await retried(tool.retry, job.calls.pause, attempt)
    try:
        return as_typed(tool.result_adapter, result)
    except ValidationError as error:
        raise CallFailed(_bad_result(tool, error)) from error


class _Sending:
    """One attempt of a call."""

    def __init__(self, job: Job, tool: Tool[..., Any], typed: dict[str, Any], number: int, slot: str) -> None:
        self.job, self.tool, self.typed, self.number, self.slot = job, tool, typed, number, slot
        self.key: str | None = None

    def context(self) -> Context:
        # asked when it is needed: a call that another run began has that run's key
        return self.job.context(self.number, self.key or self.job.calls.key(self.slot))

    async def send(self, key: str, left: Left | None = None) -> Any:
        """The JSON-able result.

        Args:
            key: its idempotency key.
            left: is told of a once-only call whose thread goes on when nobody waits for it any more.

        Raises:
            CallFailed: by its declared category; an ending that proves nothing is ``unknown_effect``.
        """
        self.key = key
        tool = self.tool
        injected = tool.plan(None).given(self.context, self.job.refusal, self.job.failure)
        # a failed attempt may have changed its arguments in place
        typed = deepcopy(self.typed) if tool.retry is not None else self.typed
        assert tool.fn is not None
        try:
            return self._as_json(await _timed(tool, tool.fn, {**typed, **injected}, self._leaves(left)))
        except CallFailed as failure:
            # only what this tool declares proves anything, whatever category an exception has elsewhere
            if tool.effect != "once" or self._proves(failure.__cause__):
                raise
            return await self._settled(failure)

    def _proves(self, error: BaseException | None) -> bool:
        """Whether an exception proves that nothing was done."""
        return isinstance(error, (*self.tool.not_done, ToolError, NotSent))

    def _leaves(self, left: Left | None) -> Callable[[Threaded], None] | None:
        if left is None or self.tool.effect != "once":
            return None
        return lambda thread: left(Overrun(thread, lambda: self._late(thread)))

    def _late(self, thread: Threaded) -> Ending:
        """How a call ended that nobody waited for any more, by the same measure as one that was on time."""
        try:
            value = thread.taken()
            if inspect.isawaitable(value):
                what = f"{self.tool.name!r} gave something to wait for, when its time was over"
                return Ending(error=ErrorRecord("timeout", "TimeoutError", what), proves=False)
            return Ending(self._as_json(value))
        except CallFailed as failure:
            return Ending(error=failure.record, proves=False)
        except BaseException as error:  # noqa: BLE001  # it ended, whatever it raised
            return Ending(error=_record(self.tool, error), proves=self._proves(error))

    def _as_json(self, value: Any) -> Any:
        try:
            return jsonable(self.tool.result_adapter, self.tool.result_adapter.validate_python(value))
        except ValidationError as error:
            raise CallFailed(_bad_result(self.tool, error)) from error
        except PydanticSerializationError as error:
            raise CallFailed(error_record(error, "invalid_output")) from error

    async def _settled(self, failure: CallFailed) -> Any:
        """What a call that did not prove its ending comes to, once the world was asked.

        A NOT_DONE is believed only where the call is known to have ended: what goes on after its timeout, a thread
        here or a server elsewhere, may yet act. A result that does not validate proves that the effect happened.
        """
        record, tool = failure.record, self.tool
        unknown = ErrorRecord(
            "unknown_effect",
            record.type,
            f"{tool.name!r} may have acted: {record.type}: {record.message}",
            record.classes,
        )
        if tool.reconcile is None:
            raise CallFailed(unknown, running=failure.running) from failure
        found = await self.ask_world()
        if found is not NOT_DONE:
            return found
        believed = not failure.running and record.category != "invalid_output"
        raise CallFailed(record if believed else unknown, running=failure.running) from failure

    async def ask_world(self) -> Any:
        """What ``reconcile=`` says: the JSON-able result, or NOT_DONE.

        Raises:
            CallFailed: it does not say (``unknown_effect``).
        """
        tool = self.tool
        assert tool.reconcile is not None
        arguments: dict[str, Any] = {}
        for param in tool.asked:
            if param.kind == "context":
                arguments[param.name] = self.context()
            elif param.name in self.typed:
                arguments[param.name] = self.typed[param.name]
        try:
            found = await _timed(tool, tool.reconcile, arguments)
            return found if found is NOT_DONE else self._as_json(found)
        except CallFailed as error:
            what = f"{tool.name!r} may have acted, and reconcile= does not say: {error.record.message}"
            raise CallFailed(ErrorRecord("unknown_effect", error.record.type, what, error.record.classes)) from error


async def _timed(
    tool: Tool[..., Any],
    fn: Callable[..., Any],
    arguments: dict[str, Any],
    left: Callable[[Threaded], None] | None = None,
) -> Any:
    """Calls a function within the tool's timeout, and makes what it raises data."""
    threaded = not inspect.iscoroutinefunction(fn)
    timer, task = asyncio.timeout(tool.timeout), asyncio.current_task()
    thread = Threaded(lambda: fn(**arguments)) if threaded and tool.timeout is not None else None
    try:
        async with timer:
            if not threaded:
                return await fn(**arguments)
            value = await (thread.result() if thread is not None else asyncio.to_thread(fn, **arguments))
            return await value if inspect.isawaitable(value) else value
    except (asyncio.CancelledError, GeneratorExit) as error:
        if is_inner_cancel(error):
            raise CallFailed(error_record(error, "cancelled", f"{tool.name!r} was cancelled from within")) from error
        if isinstance(error, GeneratorExit) and _at_work(task):
            raise _failed(tool, error) from error  # the function's own: what is thrown away is not the task at work
        if thread is not None and left is not None:
            left(thread)
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, TimeoutError) and timer.expired():
            return _over(tool, thread, left, error)
        raise _failed(tool, error) from error
    except KeyboardInterrupt as error:
        if threading.current_thread() is threading.main_thread():
            raise  # of whoever sits before it; elsewhere it can only be the function's own
        raise _failed(tool, error) from error


def _at_work(task: asyncio.Task[Any] | None) -> bool:
    try:
        return task is not None and asyncio.current_task() is task
    except RuntimeError:  # no loop runs
        return False


def _over(
    tool: Tool[..., Any], thread: Threaded | None, left: Callable[[Threaded], None] | None, error: TimeoutError
) -> Any:
    """What a call comes to whose time is over: its result, where its thread was just faster."""
    if thread is not None and thread.ended and not inspect.isawaitable(thread.value):
        try:
            return thread.taken()
        except (Exception, SystemExit) as own:
            raise _failed(tool, own) from own
    assert tool.timeout is not None
    what = f"{tool.name!r} did not end within {written(tool.timeout)}"
    if thread is not None and left is not None and not thread.ended:
        left(thread)
    # what a coroutine waited for when it was cancelled (a server, a thread of its own) may yet act
    raise CallFailed(error_record(error, "timeout", what), running=True) from error


def _failed(tool: Tool[..., Any], error: BaseException) -> CallFailed:
    """What a function raised, as data.

    Raises:
        BaseException: the same, where it is LangGraph's control flow.
    """
    if is_control_flow(error):
        raise error
    return CallFailed(_record(tool, error))


def _record(tool: Tool[..., Any], error: BaseException) -> ErrorRecord:
    return error_record(error, "declined" if isinstance(error, (*tool.not_done, ToolError)) else None)


def _bad_result(tool: Tool[..., Any], error: ValidationError) -> ErrorRecord:
    what = f"the result of {tool.name!r} does not fit: {told(error, tool.result_adapter)}"
    return error_record(error, "invalid_output", what)
