"""How tools run: validation, threads, timeouts, retries, and effects whose ending is not known."""

from __future__ import annotations

import asyncio
import threading
import time
from contextvars import ContextVar
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from guideway.guards.retry import Retry
from guideway.guards.secrecy import masked
from guideway.nodes.calls import NOT_DONE, Call
from guideway.nodes.categories import classify
from guideway.nodes.context import Context, ToolError
from guideway.nodes.execution import execute
from guideway.nodes.outcome import ErrorRecord, Outcome
from guideway.nodes.tool import tool
from tests.nodes.world import Order, Recorder, Ticket


class CardDeclined(Exception):
    """A domain error."""


def error_of(outcome: Outcome) -> ErrorRecord:
    assert outcome.kind == "failed"
    assert outcome.update == {}
    assert outcome.error is not None
    return outcome.error


async def test_a_tool_reads_runs_and_writes():
    """Sync and async tools read state fields, and their result is written."""

    @tool(effect="none", writes="order")
    def find(order_id: str) -> Order:
        return Order(id=order_id, total=2)

    @tool(effect="none", writes="order")
    async def find_async(order_id: str) -> Order:
        await asyncio.sleep(0)
        return Order(id=order_id, total=2)

    for node in (find, find_async):
        recorder = Recorder()
        outcome = await execute(node, Ticket(), calls=recorder)
        assert outcome.update == {"order": Order(id="17", total=2)}
        assert recorder.sent == ["tool.0"]
        assert outcome.spent.calls == 1
        assert outcome.calls == (
            {"slot": "tool.0", "kind": "tool", "tool": node.name, "arguments": {"order_id": "17"}},
        )


async def test_sync_tools_run_in_a_thread_and_keep_the_context():
    """A sync tool does not block the loop, and sees the context variables of its caller, with and without a timeout."""
    place: ContextVar[str] = ContextVar("place", default="nowhere")

    def where(message: str) -> str:
        return f"{place.get()} {threading.current_thread() is threading.main_thread()}"

    place.set("here")
    for node in (tool(where, effect="none", writes="message"), tool(where, effect="none", writes="message", timeout=5)):
        assert (await execute(node, Ticket(), calls=Recorder())).update == {"message": "here False"}


async def test_the_port_sees_the_call_whole():
    """Call and result are JSON-able, validated, and the call names the tool's body."""
    seen: list[Call] = []

    class Looking(Recorder):
        async def tool(self, slot: str, tool: Any, call: Call, send: Any, *, reconcile: Any = None) -> Any:
            seen.append(call)
            result = await super().tool(slot, tool, call, send, reconcile=reconcile)
            assert result == {"id": "17", "total": 2.0}
            return result

    @tool(effect="none", writes="order")
    def find(order: Order, factor: int = 2) -> Order:
        return Order(id=order.id, total=factor)

    await execute(find, Ticket(order=Order(id="17", total=1)), calls=Looking())
    assert seen == [Call("find", {"order": {"id": "17", "total": 1.0}, "factor": 2}, None, find.source)]


async def test_a_recorded_result_is_not_fetched_again():
    """A second execution over the same record calls nothing, and gives the same outcome."""
    ran: list[str] = []

    @tool(effect="once", stakes="low", timeout=1, writes="order")
    def make(order_id: str) -> Order:
        ran.append(order_id)
        return Order(id=order_id, total=2)

    recorder = Recorder()
    first = await execute(make, Ticket(), calls=recorder)
    second = await execute(make, Ticket(), calls=recorder)
    assert first == second
    assert ran == ["17"]


async def test_arguments_that_do_not_fit_are_never_sent():
    """invalid_input happens before anything is called."""

    @tool(effect="once", stakes="low", timeout=1, writes="message")
    def pay(order: Order) -> str:
        raise AssertionError("called")

    recorder = Recorder()
    error = error_of(await execute(pay, Ticket(), calls=recorder))
    assert error.category == "invalid_input"
    assert recorder.sent == []


async def test_results_are_validated():
    """A result of another type fails as invalid_output; one that pydantic can read is brought to its type."""

    @tool(effect="none", writes="order")
    def find(order_id: str) -> Order:
        return {"id": order_id, "total": "4.5"}  # type: ignore[return-value]  # the mistake is the case

    @tool(effect="none", writes="order")
    def wrong(order_id: str) -> Order:
        return None  # type: ignore[return-value]  # the mistake is the case

    @tool(effect="none", writes="message")
    def odd(order_id: str) -> Any:
        return object()

    assert find.run(Ticket()).update == {"order": Order(id="17", total=4.5)}
    assert error_of(wrong.run(Ticket())).category == "invalid_output"
    assert "the result of 'wrong' does not fit" in error_of(wrong.run(Ticket())).message
    assert error_of(odd.run(Ticket())).category == "invalid_output"


async def test_secrets_reach_the_tool_and_not_the_record():
    """A SecretStr argument runs as it is, is recorded sealed, and is shown as asterisks."""

    class Vault(BaseModel):
        secret: SecretStr

    @tool(effect="none", writes="message")
    def use(secret: SecretStr) -> str:
        return str(len(secret.get_secret_value()))

    outcome = await execute(use, Vault(secret=SecretStr("abcdefgh")), calls=Recorder())
    assert outcome.update == {"message": "8"}
    recorded = outcome.calls[0]["arguments"]
    assert masked(recorded) == {"secret": "**********"}
    assert "abcdefgh" not in str(recorded)


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_timeout_ends_the_attempt(kind):
    """A tool that takes too long fails as timeout, at once, whether its thread goes on or not."""
    gone_on = threading.Event()

    def slow(message: str) -> str:
        gone_on.wait(5)
        return message

    async def slow_async(message: str) -> str:
        await asyncio.sleep(5)
        return message

    node = tool(slow if kind == "sync" else slow_async, effect="none", timeout=0.05, writes="message")
    began = time.monotonic()
    error = error_of(await execute(node, Ticket(), calls=Recorder()))
    assert time.monotonic() - began < 2
    gone_on.set()
    assert (error.category, error.message) == ("timeout", f"{node.name!r} did not end within 50ms")


def test_a_thread_that_goes_on_does_not_hold_the_process():
    """node.run comes back after its timeout though the thread still runs."""
    gone_on = threading.Event()

    @tool(effect="none", timeout=0.05, writes="message")
    def slow(message: str) -> str:
        gone_on.wait(5)
        return message

    began = time.monotonic()
    assert error_of(slow.run(Ticket())).category == "timeout"
    assert time.monotonic() - began < 2
    gone_on.set()


async def test_failures_in_passing_are_tried_again():
    """Transient failures are tried again in slots of their own after a growing, jittered pause, under one key."""
    tries: list[Context] = []

    @tool(effect="idempotent", retry=Retry(attempts=4, pause=1, longest=3), writes="message")
    def flaky(message: str, context: Context) -> str:
        tries.append(context)
        if len(tries) < 4:
            raise ConnectionError("reset")
        return "done"

    recorder = Recorder()
    outcome = await execute(flaky, Ticket(), calls=recorder)
    assert outcome.update == {"message": "done"}
    assert outcome.attempts == 4
    assert recorder.sent == ["tool.0", "tool.1", "tool.2", "tool.3"]
    assert [item.attempt for item in tries] == [1, 2, 3, 4]
    assert {item.key for item in tries} == {"run-1:tool"}
    assert [pause <= bound for pause, bound in zip(recorder.pauses, (1, 2, 3), strict=True)] == [True] * 3
    assert outcome.spent.calls == 4
    assert [call.get("error", {}).get("category") for call in outcome.calls] == ["unavailable"] * 3 + [None]


async def test_recorded_failures_are_not_tried_twice():
    """An attempt that failed before a crash is not made again: the next one is."""
    tries: list[int] = []

    @tool(effect="none", retry=Retry(attempts=2, pause=0.001), writes="message")
    def flaky(context: Context) -> str:
        tries.append(context.attempt)
        return "done"

    recorder = Recorder()
    recorder.results["tool.0"] = ErrorRecord("unavailable", "ConnectionError", "reset")
    assert (await execute(flaky, Ticket(), calls=recorder)).update == {"message": "done"}
    assert tries == [2]


async def test_a_failed_attempt_cannot_spoil_the_next():
    """Arguments are fresh for every attempt."""
    seen: list[list[str]] = []

    @tool(effect="none", retry=Retry(attempts=2, pause=0.001), writes="message")
    def spoil(tags: list[str]) -> str:
        seen.append(list(tags))
        tags.append("spoilt")
        if len(seen) < 2:
            raise TimeoutError
        return "done"

    await execute(spoil, Ticket(tags=["a"]), calls=Recorder())
    assert seen == [["a"], ["a"]]


@pytest.mark.parametrize(
    ("retry", "error", "tries"),
    [
        (Retry(attempts=3, pause=0.001), ValueError("no"), 1),
        (Retry(attempts=3, pause=0.001, on=("bug",)), ValueError("no"), 3),
        (Retry(attempts=1), TimeoutError(), 1),
        (None, TimeoutError(), 1),
    ],
)
async def test_only_named_categories_are_tried_again(retry, error, tries):
    """A failure of another category, or without a retry, is final; so is the last attempt's."""

    @tool(effect="none", retry=retry, writes="message")
    def fail(message: str) -> str:
        raise error

    recorder = Recorder()
    outcome = await execute(fail, Ticket(), calls=recorder)
    assert outcome.attempts == len(recorder.sent) == tries
    assert error_of(outcome).type == type(error).__name__


@pytest.mark.parametrize("effect", ["none", "idempotent", "once"])
@pytest.mark.parametrize("error", [CardDeclined("no funds"), ToolError("no funds")])
async def test_declared_domain_errors_are_declined(effect, error):
    """not_done exceptions, and ToolError always, prove that nothing was done."""

    @tool(effect=effect, stakes="low", timeout=1, not_done=CardDeclined, writes="message")
    def pay(message: str) -> str:
        raise error

    found = error_of(await execute(pay, Ticket(), calls=Recorder()))
    assert (found.category, found.message) == ("declined", "no funds")


async def test_only_the_tool_itself_declares_what_was_not_done(monkeypatch):
    """An exception that is called declined elsewhere proves nothing of a tool that does not list it."""
    monkeypatch.setattr(classify, "_types", {**classify._types, CardDeclined: "declined"})

    @tool(effect="once", stakes="low", timeout=1, writes="message")
    def pay(message: str) -> str:
        raise CardDeclined("no funds")

    assert "CardDeclined: no funds" in unknown(error_of(await execute(pay, Ticket(), calls=Recorder())))


def unknown(error: ErrorRecord) -> str:
    assert error.category == "unknown_effect"
    return error.message


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("broken pipe"), "RuntimeError: broken pipe"),
        (ConnectionError("reset"), "ConnectionError: reset"),
        (SystemExit(1), "SystemExit: 1"),
        (asyncio.CancelledError(), "CancelledError: 'pay' was cancelled from within"),
    ],
)
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_once_call_that_does_not_prove_its_ending_is_unknown(kind, error, words):
    """Every exception that is not declared leaves a once effect unknown."""

    def pay(message: str) -> str:
        raise error

    async def pay_async(message: str) -> str:
        raise error

    pay_async.__name__ = "pay"
    node = tool(pay if kind == "sync" else pay_async, effect="once", stakes="low", timeout=1, writes="message")
    found = error_of(await execute(node, Ticket(), calls=Recorder()))
    assert unknown(found) == f"'pay' may have acted: {words}"


async def test_a_once_call_that_takes_too_long_is_unknown():
    """A timeout proves nothing either; the record keeps what really happened."""

    @tool(effect="once", stakes="low", timeout=0.02, writes="message")
    async def pay(message: str) -> str:
        await asyncio.sleep(5)
        return message

    found = error_of(await execute(pay, Ticket(), calls=Recorder()))
    assert "did not end within 20ms" in unknown(found)
    assert found.type == "TimeoutError"


async def test_a_once_call_whose_result_does_not_fit_is_unknown():
    """Its effect happened, and nobody knows with what result."""

    @tool(effect="once", stakes="low", timeout=1, writes="order")
    def make(message: str) -> Order:
        return 3  # type: ignore[return-value]  # the mistake is the case

    assert "the result of 'make' does not fit" in unknown(error_of(await execute(make, Ticket(), calls=Recorder())))


async def test_a_cancelled_step_leaves_its_intent_to_the_driver():
    """A cancellation of the step goes through: the port knows that the call was sent."""

    @tool(effect="once", stakes="low", timeout=5, writes="message")
    async def pay(message: str) -> str:
        await asyncio.sleep(5)
        return message

    recorder = Recorder()
    task = asyncio.create_task(execute(pay, Ticket(), calls=recorder))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError, match="^$"):
        await task
    assert recorder.sent == ["tool.0"]


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_reconcile_settles_what_happened(kind):
    """The world is asked with the same arguments and key; what it says is the result."""
    asked: list[Any] = []

    def world(order: Order, context: Context) -> str:
        asked.append((order.id, context.key))
        return "paid 17"

    async def world_async(order: Order, context: Context) -> str:
        return world(order, context)

    @tool(effect="once", stakes="low", timeout=1, writes="message", reconcile=world if kind == "sync" else world_async)
    def pay(order: Order, count: int) -> str:
        raise RuntimeError("broken pipe")

    outcome = await execute(pay, Ticket(order=Order(id="17", total=1)), calls=Recorder())
    assert outcome.update == {"message": "paid 17"}
    assert asked == [("17", "run-1:tool")]


async def test_not_done_makes_the_failure_what_it_was():
    """Where the world says that nothing happened, the failure has its own category, and may be tried again."""
    tries: list[int] = []

    def world(message: str) -> Any:
        return NOT_DONE

    @tool(
        effect="once", stakes="low", timeout=1, writes="message", reconcile=world, retry=Retry(attempts=2, pause=0.001)
    )
    def pay(message: str, context: Context) -> str:
        tries.append(context.attempt)
        if len(tries) == 1:
            raise ConnectionError("reset")
        return "paid"

    @tool(effect="once", stakes="low", timeout=1, writes="message", reconcile=world)
    def fail(message: str) -> str:
        raise ValueError("no")

    recorder = Recorder()
    assert (await execute(pay, Ticket(), calls=recorder)).update == {"message": "paid"}
    assert (tries, recorder.keys) == ([1, 2], ["run-1:tool", "run-1:tool"])
    assert error_of(await execute(fail, Ticket(), calls=Recorder())).category == "bug"


async def test_not_done_is_not_believed_while_the_call_goes_on():
    """A thread that outlived its timeout may yet act: only a result that the world shows counts."""
    gone_on = threading.Event()
    found: list[Any] = [NOT_DONE]

    def world(message: str) -> Any:
        return found[0]

    @tool(
        effect="once",
        stakes="low",
        timeout=0.03,
        writes="message",
        reconcile=world,
        retry=Retry(attempts=3, pause=0.001),
    )
    def pay(message: str) -> str:
        gone_on.wait(5)
        return "late"

    recorder = Recorder()
    unknown(error_of(await execute(pay, Ticket(), calls=recorder)))
    assert recorder.sent == ["tool.0"]
    found[0] = "paid"
    assert (await execute(pay, Ticket(), calls=Recorder())).update == {"message": "paid"}
    gone_on.set()


async def test_not_done_is_not_believed_of_a_call_that_returned():
    """A call that returned a result has acted, whatever the world says and however its result looks."""

    def world(message: str) -> Any:
        return NOT_DONE

    @tool(effect="once", stakes="low", timeout=1, writes="order", reconcile=world)
    def make(message: str) -> Order:
        return 3  # type: ignore[return-value]  # the mistake is the case

    unknown(error_of(await execute(make, Ticket(), calls=Recorder())))


async def test_a_reconcile_that_fails_leaves_it_unknown():
    """Where the world cannot be asked, nothing is known."""

    def world(message: str) -> str:
        raise ConnectionError("down")

    @tool(effect="once", stakes="low", timeout=1, writes="message", reconcile=world)
    def pay(message: str) -> str:
        raise RuntimeError("broken pipe")

    words = unknown(error_of(await execute(pay, Ticket(), calls=Recorder())))
    assert words == "'pay' may have acted, and reconcile= does not say: down"


async def test_an_intent_left_open_is_settled_by_the_port():
    """A port that finds an intent without a result asks the world through execution, or says that it is unknown."""

    def world(message: str) -> str:
        return "paid before"

    def pay(message: str) -> str:
        raise AssertionError("called again")

    recorder = Recorder()
    recorder.open.add("tool.0")
    settled = tool(pay, effect="once", stakes="low", timeout=1, writes="message", reconcile=world)
    plain = tool(pay, effect="once", stakes="low", timeout=1, writes="message")
    assert (await execute(settled, Ticket(), calls=recorder)).update == {"message": "paid before"}
    assert unknown(error_of(await execute(plain, Ticket(), calls=recorder))) == "tool.0 was left open"


async def test_a_budget_that_is_used_up_fails_the_step():
    """Exhausted is a failure of its own category, and nothing is sent."""

    @tool(effect="none", writes="message")
    def look(message: str) -> str:
        raise AssertionError("called")

    error = error_of(await execute(look, Ticket(), calls=Recorder(calls=0)))
    assert (error.category, error.message) == ("exhausted", "budget calls=0 is used up")


async def test_stop_iteration_of_a_tool_is_data():
    """An exception that futures cannot carry is data like the others."""

    @tool(effect="none", timeout=1, writes="message")
    def end(message: str) -> str:
        raise StopIteration("over")

    assert "StopIteration" in error_of(await execute(end, Ticket(), calls=Recorder())).message
