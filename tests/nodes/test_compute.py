"""How compute nodes run: what they are given, what they write, and how they fail."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, TypedDict

import pytest
from pydantic import BaseModel, Field

from guideway.guards.messages import Messages
from guideway.nodes.calls import Stop, Suspended
from guideway.nodes.compute import compute
from guideway.nodes.context import Context, Left
from guideway.nodes.execution import execute
from guideway.nodes.outcome import Failure, Refusal
from tests.nodes.world import LeaseGone, Order, Recorder, Ticket


class Sums(TypedDict, total=False):
    count: int
    confidence: float


class Part(BaseModel):
    count: int
    message: str


def test_the_result_is_written_to_its_field():
    """writes= stores what is returned."""

    @compute(writes="count")
    def count_up(count: int) -> int:
        return count + 1

    outcome = count_up.run(Ticket(count=2))
    assert (outcome.kind, outcome.update, outcome.calls, outcome.attempts) == ("ok", {"count": 3}, (), 1)


async def test_async_functions_are_awaited():
    """An async node runs like a sync one, also inside a running loop, from its sync face too."""

    @compute(writes="count")
    async def count_up(count: int) -> int:
        await asyncio.sleep(0)
        return count + 1

    assert (await count_up.arun(Ticket(count=2))).update == {"count": 3}
    assert count_up.run(Ticket(count=2)).update == {"count": 3}


def test_results_are_spread_over_the_fields_of_their_names():
    """A BaseModel or TypedDict is spread; keys that a TypedDict leaves out are not written; None writes nothing."""

    @compute
    def part(count: int) -> Part | None:
        return Part(count=count, message="m") if count else None

    @compute
    def sums(count: int) -> Sums:
        return {"count": count + 1}

    assert part.run(Ticket(count=1)).update == {"count": 1, "message": "m"}
    assert part.run(Ticket(count=0)).update == {}
    assert sums.run(Ticket(count=1)).update == {"count": 2}


def test_what_cannot_be_spread_fails():
    """A function that does not return what it says fails as invalid_output."""

    @compute
    def part(count: int) -> Part:
        return "part"  # type: ignore[return-value]  # the mistake is the case

    error = part.run(Ticket()).error
    assert error is not None
    assert (error.category, error.message) == (
        "invalid_output",
        "'part' returned str, which cannot be spread over state fields",
    )


def test_nodes_get_copies():
    """Changing an argument in place changes nothing, for lists, models and messages alike."""
    from langchain_core.messages import AIMessage

    @compute(writes="count")
    def spoil(tags: list[str], order: Order, messages: Messages, notes: list[str]) -> int:
        tags.append("spoilt")
        notes.clear()
        order.total = 0
        messages[0].content = "spoilt"
        messages[0].additional_kwargs["spoilt"] = True
        messages[0].tool_calls[0]["args"]["x"] = 2  # type: ignore[union-attr]  # a message from the model
        messages.clear()
        return 1

    said = AIMessage("said", tool_calls=[{"name": "f", "args": {"x": 1}, "id": "c"}])
    state = Ticket(tags=["a"], notes=["n"], order=Order(id="1", total=5), messages=[said])
    before = state.model_dump_json()
    assert spoil.run(state).kind == "ok"
    assert state.model_dump_json() == before


def test_a_narrower_parameter_is_checked_when_the_node_runs():
    """A value that the parameter's type does not admit fails as invalid_input, and says what was found."""

    @compute(writes="count")
    def narrow(order_id: str, count: Annotated[int, Field(gt=0)]) -> int:
        return count

    assert narrow.run(Ticket(count=3)).update == {"count": 3}
    for state, words in ((Ticket(order_id=None, count=1), "'order_id'"), (Ticket(count=0), "greater than 0")):
        error = narrow.run(state).error
        assert error is not None
        assert error.category == "invalid_input"
        assert words in error.message


def test_a_plain_mapping_is_a_state():
    """node.run takes fields by name: they are validated by the parameters, and one that is missing is told."""

    @compute(writes="count")
    def total(order: Order, count: int = 1) -> int:
        return int(order.total) * count

    assert total.run({"order": {"id": "1", "total": 4}}).update == {"count": 4}
    error = total.run({}).error
    assert error is not None
    assert (error.category, error.type) == ("invalid_input", "MissingField")


def test_what_a_function_raises_is_data():
    """An exception is a failed outcome with its class, all its bases and its words."""

    @compute(writes="count")
    def fail(count: int) -> int:
        raise KeyError("no such order")

    outcome = fail.run(Ticket())
    assert (outcome.kind, outcome.update) == ("failed", {})
    assert outcome.error is not None
    assert (outcome.error.category, outcome.error.type, outcome.error.message) == ("bug", "KeyError", "'no such order'")
    assert outcome.error.classes[:3] == ("builtins.KeyError", "builtins.LookupError", "builtins.Exception")


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError("inner"), TimeoutError(), ConnectionError()])
def test_every_exception_of_a_function_has_a_category(error):
    """Exits and cancellations that a function raises by itself are failures of its own, not of the process."""

    @compute(writes="count")
    def fail(count: int) -> int:
        raise error

    found = fail.run(Ticket()).error
    assert found is not None
    assert (
        found.category
        == {
            "SystemExit": "bug",
            "CancelledError": "cancelled",
            "TimeoutError": "timeout",
            "ConnectionError": "unavailable",
        }[type(error).__name__]
    )


async def test_a_cancelled_step_is_cancelled():
    """A cancellation of the task itself goes through."""

    @compute(writes="count")
    async def wait(count: int) -> int:
        await asyncio.sleep(60)
        return count

    task = asyncio.create_task(wait.arun(Ticket()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError, match="^$"):
        await task


def test_refusal_and_failure_tell_why():
    """A node that a no or a failure led to reads it; one that must know and was reached otherwise fails."""

    @compute(writes="message")
    def told(refusal: Refusal, failure: Failure | None) -> str:
        return f"{refusal.kind} by {refusal.gate}, {failure and failure.category}"

    no = Refusal(kind="denied", gate="lead")
    broken = Failure(category="timeout", message="slow", node="pay")
    assert told.run(Ticket(), refusal=no).update == {"message": "denied by lead, None"}
    assert told.run(Ticket(), refusal=no, failure=broken).update == {"message": "denied by lead, timeout"}
    error = told.run(Ticket()).error
    assert error is not None
    assert error.message == (
        "the parameter 'refusal' of 'told' tells of a gate's no, but the node was reached without one; "
        "type it Refusal | None"
    )


async def test_the_context_says_where_the_function_runs():
    """Context holds run, node, step, attempt, key, what is left, and deps."""
    seen: list[Context] = []

    @compute(writes="count")
    def look(context: Context) -> int:
        seen.append(context)
        return 1

    await execute(look, Ticket(), calls=Recorder(left=Left(tokens=5)), run="run-1", step=4, deps={"db": 1})
    assert seen == [Context("run-1", "look", 4, 1, "run-1:compute", Left(tokens=5), {"db": 1})]


async def test_written_messages_get_ids_that_do_not_change():
    """What goes to the messages field has ids that a second execution gives again, whatever form it has."""
    from langchain_core.messages import AIMessage

    @compute(writes="messages")
    def say(message: str) -> list[Any]:
        return [
            message,
            ("ai", "hello"),
            {"role": "user", "content": "dict"},
            {"role": "user", "content": "x", "id": "own"},
            AIMessage("y"),
        ]

    first = await execute(say, Ticket(), calls=Recorder())
    second = await execute(say, Ticket(), calls=Recorder())
    ids = [item.id for item in first.update["messages"]]
    assert ids == ["run-1:message#0", "run-1:message#1", "run-1:message#2", "own", "run-1:message#4"]
    assert first.update == second.update
    assert [item.type for item in first.update["messages"]] == ["human", "ai", "human", "human", "ai"]


def test_what_is_no_message_fails():
    """A messages field takes messages: something else is invalid_output."""

    @compute(writes="messages")
    def say(count: int) -> Any:
        return [3]

    error = say.run(Ticket()).error
    assert error is not None
    assert error.category == "invalid_output"


@pytest.mark.parametrize("error", [Suspended("waits"), Stop("lease lost"), LeaseGone("gone")])
async def test_the_drivers_own_exceptions_pass(error):
    """What the driver raises goes through execution untouched; only functions' exceptions become data."""

    class Broken(Recorder):
        def key(self, slot: str) -> str:
            raise error

    @compute(writes="count")
    def look(context: Context) -> int:
        return 1

    with pytest.raises(type(error), match=str(error)):
        await execute(look, Ticket(), calls=Broken())


def test_langgraphs_control_flow_passes():
    """An interrupt of a graph that a function calls is not swallowed."""
    from langgraph.errors import GraphBubbleUp

    class Interrupted(GraphBubbleUp):
        pass

    @compute(writes="count")
    def interrupt(count: int) -> int:
        raise Interrupted("ask somebody")

    with pytest.raises(GraphBubbleUp, match="ask somebody"):
        interrupt.run(Ticket())


async def test_a_guideway_error_of_a_function_is_data():
    """An author's function that raises one of guideway's errors fails its step, and does not stop the driver."""

    @compute(writes="count")
    def fail(count: int) -> int:
        raise LeaseGone("mine")

    outcome = await execute(fail, Ticket(), calls=Recorder())
    assert outcome.error is not None
    assert outcome.error.type == "LeaseGone"


async def test_edits_replace_what_the_state_gives():
    """Arguments that an approver edited run instead of the state's, validated."""

    @compute(writes="count")
    def total(order: Order) -> int:
        return int(order.total)

    state = Ticket(order=Order(id="1", total=5))
    edited = await execute(total, state, calls=Recorder(), edits={"order": {"id": "1", "total": 3}})
    wrong = await execute(total, state, calls=Recorder(), edits={"order": "none"})
    assert edited.update == {"count": 3}
    assert wrong.error is not None
    assert wrong.error.category == "invalid_input"


async def test_a_mapping_with_its_model_reads_as_the_state_does():
    """A driver may hold the fields in a mapping and name the state's type."""

    @compute(writes="messages")
    def say(tags: list[str]) -> str:
        tags.append("spoilt")
        return "hello"

    values = {"tags": ["a"]}
    outcome = await execute(say, values, calls=Recorder(), model=Ticket)
    assert outcome.update["messages"][0].content == "hello"
    assert values == {"tags": ["a"]}
