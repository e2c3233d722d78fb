"""What decorators read from a function, and what they refuse at its line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import BaseModel

from guideway import START, End, Flow, on
from guideway.errors import NodeError
from guideway.nodes.act import act
from guideway.nodes.ask import ask
from guideway.nodes.compute import compute
from guideway.nodes.context import Context, FromState
from guideway.nodes.outcome import Failure, Refusal
from guideway.nodes.signature import read_signature
from guideway.nodes.think import think
from guideway.nodes.tool import tool
from tests.nodes.world import Order, Reading, Ticket

if TYPE_CHECKING:
    from decimal import Decimal


def test_parameters_are_the_state_fields_of_their_names():
    """A parameter reads the field of its name; Context, Refusal and Failure are given, FromState is hidden."""

    @compute(writes="count")
    def told(
        count: int,
        context: Context,
        refusal: Refusal | None,
        failure: Failure | None = None,
        order: Annotated[Order | None, FromState] = None,
    ) -> int:
        return count

    kinds = {item.name: (item.kind, item.field, item.hidden) for item in told.params}
    assert kinds == {
        "count": ("field", "count", False),
        "context": ("context", None, False),
        "refusal": ("refusal", None, False),
        "failure": ("failure", None, False),
        "order": ("field", "order", True),
    }
    assert [item.required for item in told.params] == [True, True, True, False, False]


def test_classes_of_the_function_around_are_known():
    """Postponed annotations may name classes that are defined in the function that a node stands in."""

    class Local(BaseModel):
        count: int

    def inner() -> Any:
        @compute
        def made(count: int, order: Local | None) -> Local:
            return Local(count=count)

        return made

    node = inner()
    assert node.returns is Local
    assert node.params[1].annotation == Local | None


def test_the_nearest_function_around_counts():
    """Where two functions around have a class of one name, the inner one's is meant, as Python means it."""

    class Local(BaseModel):
        message: str

    assert Local

    def inner() -> Any:
        class Local(BaseModel):
            count: int

        @compute
        def made(count: int) -> Local:
            return Local(count=count)

        return made

    assert inner().written(Ticket) == ("count",)


def test_a_name_that_cannot_be_resolved_is_told():
    """A type imported for type checkers alone is an error at the author's line, which says what to do."""
    with pytest.raises(
        NodeError,
        match=r"test_signatures.py:\d+: NodeError: @compute priced: the type 'Decimal'.*"
        "Import or define it above the function, and not under 'if TYPE_CHECKING'",
    ):

        @compute(writes="count")
        def priced(total: Decimal) -> int:
            return 0


def test_a_lambda_is_refused():
    """A node is known by its function's name, which a lambda has not."""
    with pytest.raises(NodeError, match="was given a lambda: write a named function"):
        compute(lambda count: count, writes="count")


@pytest.mark.parametrize("thing", [3, Order, object()])
def test_what_is_no_function_is_refused(thing):
    """A class, or something that cannot be called, is no node."""
    with pytest.raises(NodeError, match="@compute decorates a named function, not"):
        compute(thing, writes="count")


def test_stars_are_refused():
    """*args and **kwargs have no state field to read."""

    def starred(*args: int) -> int:
        return 0

    def keyed(**kwargs: int) -> int:
        return 0

    def positional(count: int, /) -> int:
        return 0

    with pytest.raises(NodeError, match=r"@compute starred: the parameter \*args has no state field to read"):
        compute(starred, writes="count")
    with pytest.raises(NodeError, match=r"@compute keyed: the parameter \*\*kwargs has no state field"):
        compute(keyed, writes="count")
    with pytest.raises(NodeError, match="the parameter 'count' is positional only.*take the '/' out"):
        compute(positional, writes="count")


def test_every_parameter_and_result_has_a_type():
    """What a node reads and writes is known from its annotations: they may not be missing."""

    def untyped(count) -> int:  # type: ignore[no-untyped-def]  # the mistake is the case
        return 0

    def silent(count: int):  # type: ignore[no-untyped-def]  # the mistake is the case
        return 0

    with pytest.raises(NodeError, match="the parameter 'count' has no type; write count: <the type"):
        compute(untyped, writes="count")
    with pytest.raises(NodeError, match="@compute silent does not say what it returns: add '-> <type>'"):
        compute(silent, writes="count")
    with pytest.raises(NodeError, match="@tool silent does not say what it returns"):
        tool(silent, effect="none")


def test_generators_are_refused():
    """A step has one result, so a generator, sync or async, is no node of any kind."""

    def many(count: int) -> Iterator[int]:
        yield count

    async def stream(count: int) -> AsyncIterator[int]:
        yield count

    with pytest.raises(NodeError, match="@compute many: a generator cannot be a node"):
        compute(many, writes="count")
    with pytest.raises(NodeError, match="@think stream: a generator cannot be a node"):
        think(stream, writes="reply")
    with pytest.raises(NodeError, match="@tool stream: a generator cannot be a node"):
        tool(stream, effect="once", stakes="low", timeout=1)


def test_unknown_options_are_told_with_the_nearest():
    """A misspelt option is an error that names the option meant, for every kind."""
    wrong: Any = {"write": "count"}

    def count_up(count: int) -> int:
        return count + 1

    for decorate in (compute, think, tool):
        with pytest.raises(NodeError, match=r"has no option 'write'. Did you mean 'writes'\? There are: "):
            decorate(count_up, **wrong)
    with pytest.raises(NodeError, match="has no option 'gate'. Did you mean 'gates'"):
        act([tool(count_up, effect="none")], gate={})  # type: ignore[call-arg]  # the mistake is the case
    with pytest.raises(NodeError, match=r"ask\('customer'\) has no option 'write'"):
        ask("customer", "What?", write="message")  # type: ignore[call-arg]  # the mistake is the case


def test_options_of_a_wrong_type_are_told():
    """writes= takes a name, name= a text, retry= a Retry, numbers are whole."""
    wrong: Any = object()

    def prompt(message: str) -> str:
        return message

    with pytest.raises(NodeError, match="name the state field as text: writes='order'"):
        think(prompt, writes=wrong)
    with pytest.raises(NodeError, match="has name=.*a name is text"):
        think(prompt, writes="reply", name=wrong)
    with pytest.raises(NodeError, match=r"has retry=3; write retry=Retry\(attempts=3\)"):
        think(prompt, writes="reply", retry=3)  # type: ignore[call-overload]  # the mistake is the case
    with pytest.raises(NodeError, match="repairs=-1, which must be a whole number of at least 0"):
        think(prompt, writes="reply", repairs=-1)
    with pytest.raises(NodeError, match="max_tokens=0, which must be a whole number of at least 1"):
        think(prompt, writes="reply", max_tokens=0)


def test_what_is_written_must_be_known_where_a_flow_is_made():
    """A result that cannot be spread over fields needs writes=; only each(...) takes it as it is."""

    def count_up(count: int) -> int:
        return count + 1

    def prompt(message: str) -> str:
        return message

    class State(BaseModel):
        message: str = ""
        count: int = 0

    customer = ask("customer", "What?")
    for node, title in ((compute(count_up), "count_up"), (think(prompt), "prompt"), (customer, "customer")):
        with pytest.raises(NodeError, match=f"node '{title}' gives .*, and nothing says where it goes: add writes="):
            Flow("desk", state=State, edges=[on(START, node), on(node, End("done"))])


def test_a_prompt_function_that_returns_the_answers_type_is_told():
    """@think's function returns the prompt; the answer's type is output=."""

    def read(message: str) -> Reading:
        raise NotImplementedError

    with pytest.raises(NodeError, match="returns the prompt, a str or messages, not Reading; .* output=Reading"):
        think(read)


def test_think_takes_either_tools_or_an_output():
    """With tools the model's message is what is written."""

    @tool(effect="none")
    def look(order_id: str) -> str:
        return order_id

    def agent(message: str) -> str:
        return message

    with pytest.raises(NodeError, match="@think agent has tools= and output="):
        think(agent, tools=[look], output=Reading)


def test_bound_methods_are_nodes():
    """A method of an object is a function like any other: its self is filled already."""

    class Desk:
        def look(self, order_id: str) -> str:
            return f"order {order_id}"

    look = tool(Desk().look, effect="none", writes="message")
    assert [item.name for item in look.params] == ["order_id"]
    assert look.run(Ticket()).update == {"message": "order 17"}


def borrowed() -> Any:
    """A function whose annotation means this module's Refusal."""

    def told(refusal: Refusal | None) -> int:
        return 0

    return told


def test_a_decorated_import_keeps_its_own_names():
    """A function of another module is read by that module's names, whatever the decorating place calls so."""
    Refusal = Order  # noqa: N806  # the same name here means something else
    assert Refusal is Order
    assert "refusal" in {item.kind for item in read_signature(borrowed(), "@compute", None).params}
