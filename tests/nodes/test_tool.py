"""What a tool declares, and what a model sees of it."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field

from guideway.errors import NodeError
from guideway.guards.retry import Retry
from guideway.nodes.context import Context, FromState
from guideway.nodes.tool import tool
from tests.nodes.world import Order


def pay(order: Order) -> str:
    """Pays an order back.

    Twice is too often.
    """
    return order.id


def world(order: Order) -> str:
    return order.id


@pytest.mark.parametrize("options", [{}, {"effect": "some"}, {"effect": None}])
def test_every_tool_says_its_effect(options):
    """A tool without one of the three effects is an error that explains them."""
    with pytest.raises(
        NodeError, match=r"write effect='none' \(it only reads\), effect='idempotent' \(twice is as once\)"
    ):
        tool(pay, **options)
    if not options:
        with pytest.raises(NodeError, match="@tool pay does not say its effect"):
            tool(pay)  # type: ignore[call-overload]  # the mistake is the case


def test_once_needs_a_timeout_and_its_stakes():
    """A call that acts each time ends at some time, and somebody said what is at stake."""
    with pytest.raises(NodeError, match="effect='once' and no timeout=: a call that hangs must end as unknown"):
        tool(pay, effect="once", stakes="low")
    with pytest.raises(NodeError, match="effect='once' and no stakes=: say 'low' or 'high'"):
        tool(pay, effect="once", timeout=1)
    with pytest.raises(NodeError, match="stakes='huge'; write stakes='low' or stakes='high'"):
        tool(pay, effect="once", stakes="huge", timeout=1)  # type: ignore[call-overload]  # the mistake is the case


def test_once_is_retried_only_with_reconcile():
    """A second try could do it twice: the world must be asked in between."""
    with pytest.raises(NodeError, match="effect='once' and retry= without reconcile="):
        tool(pay, effect="once", stakes="low", timeout=1, retry=Retry())
    with pytest.raises(NodeError, match="would retry an unknown effect"):
        tool(pay, effect="once", stakes="low", timeout=1, retry=Retry(on=("unknown_effect",)), reconcile=world)
    assert tool(pay, effect="once", stakes="low", timeout="10s", retry=Retry(), reconcile=world).timeout == 10


def test_reconcile_and_key_belong_to_once():
    """They have no meaning for a tool that may run twice."""
    with pytest.raises(NodeError, match="has reconcile=, which belongs to effect='once', not to 'none'"):
        tool(pay, effect="none", reconcile=world)
    with pytest.raises(NodeError, match="has key=, which belongs to effect='once', not to 'idempotent'"):
        tool(pay, effect="idempotent", key="order.id")


def test_reconcile_takes_the_same_arguments():
    """A function that asks the world is given what the call was given, or the Context, and nothing else."""

    def other(order: Order, customer: str) -> str:
        return customer

    def fine(context: Context, extra: int = 0) -> str:
        return ""

    with pytest.raises(
        NodeError, match="reconcile= is a function of the same arguments, but other has the parameter 'customer'"
    ):
        tool(pay, effect="once", stakes="low", timeout=1, reconcile=other)
    assert tool(pay, effect="once", stakes="low", timeout=1, reconcile=fine).reconcile is fine
    with pytest.raises(NodeError, match="reconcile= was given a lambda"):
        tool(pay, effect="once", stakes="low", timeout=1, reconcile=lambda order: order)


def test_the_business_key_is_a_path_into_the_arguments():
    """A key that the arguments cannot have is an error; what it finds is text, the same for the same value."""
    keyed = tool(pay, effect="once", stakes="low", timeout=1, key="order.id")
    assert keyed.business_key({"order": {"id": "17", "total": 1.0}}) == "17"
    whole = tool(pay, effect="once", stakes="low", timeout=1, key="order")
    assert whole.business_key({"order": {"id": "1", "total": 1.0}}) == whole.business_key(
        {"order": {"total": 1.0, "id": "1"}}
    )
    assert tool(pay, effect="none").business_key({}) is None
    with pytest.raises(NodeError, match="key='order.number', but Order has no field 'number'"):
        tool(pay, effect="once", stakes="low", timeout=1, key="order.number")
    with pytest.raises(NodeError, match="key='id', but no parameter 'id'"):
        tool(pay, effect="once", stakes="low", timeout=1, key="id")


def test_not_done_takes_exceptions():
    """Domain errors are declared by their classes, one or several."""
    assert tool(pay, effect="none", not_done=KeyError).not_done == (KeyError,)
    assert tool(pay, effect="none", not_done=(KeyError, OSError)).not_done == (KeyError, OSError)
    wrong: Any = "KeyError"
    with pytest.raises(NodeError, match="'KeyError' in not_done=, which takes classes of exceptions"):
        tool(pay, effect="none", not_done=wrong)


def test_a_type_that_pydantic_cannot_validate_is_told():
    """Arguments and results are validated, so their types must be pydantic's."""

    class Strange:
        pass

    def odd(thing: Strange) -> Strange:
        return thing

    node = tool(odd, effect="none")
    with pytest.raises(NodeError, match="odd.thing is .*Strange, which pydantic cannot validate"):
        node.adapter("thing")
    with pytest.raises(NodeError, match="the result of odd is .*Strange, which pydantic cannot validate"):
        _ = node.result_adapter


def test_what_a_model_sees():
    """The schema has the parameters that a model fills, with their descriptions, and the docstring."""

    @tool(effect="none")
    def search(
        query: Annotated[str, Field(description="what to look for")],
        context: Context,
        owner: Annotated[str, FromState],
        limit: int = 10,
        copy: bool = False,
    ) -> list[str]:
        """Searches the orders."""
        return []

    assert search.schema() == {
        "type": "function",
        "function": {
            "name": "search",
            "description": "Searches the orders.",
            "parameters": {
                "additionalProperties": False,
                "properties": {
                    "query": {"description": "what to look for", "type": "string"},
                    "limit": {"default": 10, "type": "integer"},
                    "copy": {"default": False, "type": "boolean"},
                },
                "required": ["query"],
                "type": "object",
            },
        },
    }
    assert [item.name for item in search.offered()] == ["query", "limit", "copy"]


def test_the_description_is_the_docstring_or_what_is_said():
    """A model is told the docstring, dedented, or description=."""
    assert tool(pay, effect="none").description == "Pays an order back.\n\nTwice is too often."
    assert tool(pay, effect="none", description="Pays.").schema()["function"]["description"] == "Pays."


def test_models_in_a_schema_keep_properties_called_title():
    """Titles that pydantic makes are left out; a field named title is a field."""

    @tool(effect="none")
    def name_it(title: str, order: Order) -> str:
        return title

    parameters = name_it.schema()["function"]["parameters"]
    assert parameters["properties"]["title"] == {"type": "string"}
    assert "title" not in parameters["$defs"]["Order"]


def test_a_schema_is_the_callers_own():
    """Changing a schema that was handed out changes nothing."""
    node = tool(pay, effect="none")
    node.schema()["function"]["name"] = "other"
    assert node.schema()["function"]["name"] == "pay"
