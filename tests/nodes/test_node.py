"""Nodes as values: what they read and write, their variants, their data, and what does not fit a state."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Annotated, Any, TypedDict

import pytest
from pydantic import BaseModel

from guideway.errors import NodeError, UnknownField
from guideway.guards.messages import Messages
from guideway.guards.retry import Retry
from guideway.nodes.act import act
from guideway.nodes.ask import ask
from guideway.nodes.compute import compute
from guideway.nodes.context import Context, FromState
from guideway.nodes.node import Node
from guideway.nodes.outcome import Refusal
from guideway.nodes.source import source_hash
from guideway.nodes.think import think
from guideway.nodes.tool import tool
from tests.nodes.world import Order, Reading, Ticket


class Sums(TypedDict):
    count: int
    confidence: float


class Wrong(BaseModel):
    intent: str
    confidance: float


class Plain(BaseModel):
    message: str = ""


@compute(writes="count")
def count_up(count: int) -> int:
    return count + 1


@tool(effect="none", writes="order", retry=Retry(attempts=3), timeout=5.0)
def find_order(order_id: str) -> Order:
    """Finds an order."""
    return Order(id=order_id, total=9.5)


@think(output=Reading)
def read(message: str, refusal: Refusal | None = None) -> str:
    return f"Read: {message}"


@tool(effect="none")
def whose(name: str, order_id: Annotated[str | None, FromState]) -> str:
    return f"{name} {order_id}"


@think(tools=[whose])
def agent(messages: Messages) -> Messages:
    return messages


def texts(problems: Any) -> str:
    return "\n".join(str(item) for item in problems)


def test_calling_a_node_calls_its_function():
    """A node's unit test is a plain call of it."""
    assert count_up(2) == 3
    assert find_order(order_id="17") == Order(id="17", total=9.5)
    assert read("hello") == "Read: hello"


async def test_calling_an_async_node_gives_its_coroutine():
    """An async node's plain call is awaited like the function."""

    @compute(writes="count")
    async def later(count: int) -> int:
        return count + 1

    assert await later(1) == 2


def test_calling_what_has_no_function_says_what_to_do():
    """act has no function: its test is run."""
    with pytest.raises(NodeError, match=r"act node 'do' has no function to call; use .run\(state\)"):
        act([whose], name="do")()


def test_nodes_are_compared_by_identity_and_never_changed():
    """A node is known as itself, can be a key, and its attributes cannot be set."""
    assert count_up != count_up.named("again")
    assert count_up in (find_order, count_up)
    assert len({count_up, count_up.named("again")}) == 2
    with pytest.raises(AttributeError, match="name"):
        count_up.name = "other"  # type: ignore[misc]  # the mistake is the case
    assert repr(count_up) == "<compute count_up>"


def test_a_node_knows_its_line():
    """A node remembers where its author wrote it."""
    assert (count_up.line or "").startswith("test_node.py:")


def test_reads_and_writes():
    """What a node reads comes from its parameters, what it writes from writes=, its output, or its kind."""
    sums = compute(sum_up)
    do = act([whose, find_order], name="do")
    assert (count_up.reads(Ticket), count_up.written(Ticket)) == (("count",), ("count",))
    assert (read.reads(Ticket), read.written(Ticket)) == (("message",), ("intent", "confidence"))
    assert sums.written(Ticket) == ("count", "confidence")
    assert (agent.reads(Ticket), agent.written(Ticket)) == (("messages",), ("messages",))
    assert (do.reads(Ticket), do.written(Ticket)) == (("messages", "order_id"), ("messages", "order"))
    assert think(prompt, tools=[whose]).reads(Ticket) == ("message", "messages")
    asking = ask("customer", question, writes="messages")
    assert (asking.reads(Ticket), asking.written(Ticket)) == (("message",), ("messages",))


def sum_up(count: int) -> Sums:
    return {"count": count, "confidence": 0.5}


def question(message: str) -> str:
    return f"About {message}?"


def test_nodes_that_fit_have_no_problems():
    """A node whose fields exist and whose types can meet is silent."""
    nodes: list[Node[..., Any]] = [
        count_up,
        find_order,
        read,
        agent,
        act([whose, find_order]),
        ask("lead", question, writes="message"),
    ]
    assert [node.problems(Ticket) for node in nodes] == [[]] * len(nodes)


def test_an_unknown_field_read_is_told_with_the_nearest():
    """A misspelt parameter names the field meant, and the other way out."""

    @compute(writes="count")
    def misspelt(mesage: str) -> int:
        return 0

    (problem,) = misspelt.problems(Ticket)
    assert isinstance(problem, UnknownField)
    assert "the state Ticket has no field 'mesage'. Did you mean 'message'?" in str(problem)
    assert "misspelt.bind(mesage='...') reads another" in str(problem)
    assert str(problem).startswith("test_node.py:")


def test_a_default_stands_in_for_a_field_that_is_not_there():
    """A parameter with a default may name no field, unless its name is nearly one."""

    @compute(writes="count")
    def limited(count: int, limit: int = 10, mesage: str = "") -> int:
        return min(count, limit)

    assert "'mesage'. Did you mean 'message'?" in texts(limited.problems(Ticket))
    assert len(limited.problems(Ticket)) == 1
    assert limited.reads(Ticket) == ("count",)
    assert limited.run(Ticket(count=20)).update == {"count": 10}


def test_an_unknown_field_written_is_told():
    """writes= and the fields of an output must be fields of the state."""

    @compute(writes="cuont")
    def wrong(count: int) -> int:
        return count

    reading = think(prompt, output=Wrong)
    assert "writes='cuont': the state Ticket has no field 'cuont'. Did you mean 'count'?" in texts(
        wrong.problems(Ticket)
    )
    assert "writes Wrong over the fields of its names: the state Ticket has no field 'confidance'" in texts(
        reading.problems(Ticket)
    )
    assert "To store the whole, add writes='<field>'." in texts(reading.problems(Ticket))


def prompt(message: str) -> str:
    return message


def test_types_that_no_value_fits_are_told():
    """A parameter or a result whose type no value of the field has is a mistake; a narrower one is not."""

    @compute(writes="message")
    def mixed(count: str, order_id: str, tags: list[int]) -> int:
        return 0

    told = texts(mixed.problems(Ticket))
    assert "the parameter 'count' is str, but the field Ticket.count is int: no value fits both" in told
    assert "the parameter 'tags' is list[int], but the field Ticket.tags is list[str]" in told
    assert "writes int to the field Ticket.message, which is str: no value fits both" in told
    assert "order_id" not in told


def test_a_reducer_may_take_what_its_field_is_not():
    """What a reducer merges in is its own matter: only plain fields are checked against the result's type."""

    @compute(writes="notes")
    def note(message: str) -> str:
        return message

    assert note.problems(Ticket) == []


def test_a_step_whose_result_goes_nowhere_is_told():
    """A tool that models call may write nothing; as a step it says where its result goes, or gives None."""

    @tool(effect="idempotent")
    def notify(message: str) -> None:
        return None

    @tool(effect="none")
    def look(message: str) -> str:
        return message

    assert notify.problems(Ticket) == []
    assert "node 'look' gives str, and nothing says where it goes: add writes=" in texts(look.problems(Ticket))
    assert act([look]).problems(Ticket) == []


def test_a_missing_messages_field_is_told():
    """Tool calls are proposed in and answered into a messages field."""
    hint = "the state Plain has no messages field; add messages: Messages = []"
    assert f"node 'agent' appends the model's message, but {hint}" in texts(agent.problems(Plain))
    assert f"executes the calls of the last model message, but {hint}" in texts(act([whose]).problems(Plain))
    elsewhere = think(prompt, tools=[whose], writes="message")
    assert "node 'prompt' has tools, so writes='message' must be a messages field" in texts(elsewhere.problems(Ticket))


def test_bind_reads_another_field():
    """A bound node is a new one; what cannot be bound is told."""
    bound = find_order.bind(order_id="message")
    assert (bound.reads(Ticket), find_order.reads(Ticket)) == (("message",), ("order_id",))
    assert bound.run(Ticket(message="18")).update["order"].id == "18"
    with pytest.raises(
        NodeError, match=r"find_order.bind\(oder_id=...\): it has no such parameter; there are: order_id"
    ):
        find_order.bind(oder_id="message")
    with pytest.raises(NodeError, match="takes the name of a state field"):
        find_order.bind(order_id="the id")
    with pytest.raises(NodeError, match="no such parameter; there are: message"):
        read.bind(refusal="message")


def test_bind_of_act_binds_what_its_tools_take_from_the_state():
    """A FromState parameter of the tools may read another field."""
    do = act([whose], name="do").bind(order_id="message")
    assert do.reads(Ticket) == ("messages", "message")
    with pytest.raises(NodeError, match="no tool of it takes 'name' from the state; there are: order_id"):
        do.bind(name="message")


def test_named_gives_the_same_node_again():
    """A flow may use a node twice under two names, a thinking one with another model."""
    again = read.named("read again", model="strong")
    assert (again.name, again.model, read.model) == ("read again", "strong", "default")
    with pytest.raises(NodeError, match=r"count_up.named\(model=...\): a compute node calls no model"):
        count_up.named("again", model="strong")
    with pytest.raises(NodeError, match=r"count_up.named\(''\) needs a name"):
        count_up.named("")


def test_the_spec_is_data():
    """A node's spec goes to JSON and back as it was; shape holds what decides where a run can stand."""
    do = act([whose, find_order], name="do")
    asking = ask("lead", question, writes="message")
    for node in (count_up, find_order, read, agent, do, asking):
        spec = node.spec()
        assert json.loads(json.dumps(spec)) == spec
    shape = find_order.spec()["shape"]
    assert shape == {
        "kind": "tool",
        "name": "find_order",
        "params": {"order_id": {"reads": "order_id", "type": "str"}},
        "writes": "order",
        "returns": "Order",
        "effect": "none",
        "stakes": "low",
    }
    assert find_order.spec()["build"]["retry"]["attempts"] == 3


def test_the_build_changes_with_the_body_and_the_shape_does_not():
    """Another body, prompt, model or schema is another build of the same shape."""

    def one(message: str) -> str:
        return message

    def two(message: str) -> str:
        return message + "!"

    two.__name__ = "one"
    first, second = think(one, writes="message"), think(two, writes="message")
    assert first.spec()["shape"] == second.spec()["shape"]
    assert first.spec()["build"] != second.spec()["build"]
    assert read.spec()["shape"] == read.named("read", model="strong").spec()["shape"]
    assert read.spec()["build"] != read.named("read", model="strong").spec()["build"]


def test_the_source_hash_is_of_the_body():
    """Decorators do not count, bytecode stands in where there is no source, and closures' places do not matter."""

    def one() -> Any:
        @compute(writes="count")
        def same(count: int) -> int:
            return count

        return same

    def two() -> Any:
        @compute(writes="confidence")
        def same(count: int) -> int:
            return count

        return same

    space: dict[str, Any] = {}
    exec("def made(count: int) -> int:\n    return count + 1 if count in {'a', 'b'} else 0", space)
    other: dict[str, Any] = {}
    exec("def made(count: int) -> int:\n    return count + 2 if count in {'a', 'b'} else 0", other)
    assert one().source == two().source
    assert one().source != count_up.source
    assert source_hash(space["made"]) != source_hash(other["made"])


def test_the_hash_of_bytecode_is_the_same_in_every_process():
    """It does not depend on the order in which a process happens to keep a set."""
    code = (
        "from guideway.nodes.source import source_hash; space = {}; "
        "exec(\"def made(x): return x in {'a', 'b', 'c', 'd', 'e', 'f'}\", space); print(source_hash(space['made']))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


def test_arguments_are_what_runs():
    """An approver sees the arguments as they will run, JSON-able; what does not fit is shown as it stands."""

    @tool(effect="once", stakes="high", timeout=1, writes="message")
    def pay(order: Order, count: float, context: Context, limit: int = 5) -> str:
        return ""

    state = Ticket(order=Order(id="17", total=3), count=2)
    assert pay.arguments(state) == {"order": {"id": "17", "total": 3.0}, "count": 2.0, "limit": 5}
    assert pay.arguments(Ticket()) == {"order": None, "count": 0.0, "limit": 5}
    assert pay.arguments({"order": {"id": "1", "total": "2"}, "count": "x"}) == {
        "order": {"id": "1", "total": 2.0},
        "count": "x",
        "limit": 5,
    }


def test_arguments_of_act_are_the_proposed_calls():
    """For act they are the calls that the last model message proposes."""
    from langchain_core.messages import AIMessage

    said = AIMessage("", tool_calls=[{"name": "whose", "args": {"name": "Ann"}, "id": "c1"}])
    assert act([whose]).arguments(Ticket(messages=[said])) == {
        "calls": [{"name": "whose", "arguments": {"name": "Ann"}, "id": "c1"}]
    }
    assert act([whose]).arguments(Ticket()) == {"calls": []}
