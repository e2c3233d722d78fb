"""LangChain's tools as guideway's: arguments, results, errors, what is injected, and what an unsaid effect means."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage
from langchain_core.tools import BaseTool, InjectedToolArg, InjectedToolCallId, StructuredTool, ToolException
from langchain_core.tools import Tool as OneText
from langchain_core.tools import tool as langchain_tool
from langgraph.prebuilt import InjectedState, InjectedStore, ToolRuntime
from langgraph.types import Command
from pydantic import BaseModel, Field, field_validator, model_validator

from guideway import NodeError, Retry, act, from_langchain, think
from guideway.nodes.execution import execute
from guideway.testing.models import ScriptedModel
from tests.nodes.world import Recorder, Ticket

DONE: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    DONE.clear()


class Search(BaseModel):
    """What a search takes."""

    words: str = Field(description="what to look for", min_length=2)
    limit: Annotated[int, Field(ge=1, le=9)] = 5
    kind: Literal["mail", "page"] = "page"
    since: date | None = None
    tags: list[str] = Field(default_factory=list)

    @field_validator("words")
    @classmethod
    def trimmed(cls, words: str) -> str:
        if words.startswith("!"):
            raise ValueError("no commands")
        return words.strip()

    @model_validator(mode="after")
    def consistent(self) -> Search:
        if self.kind == "mail" and self.since is None:
            raise ValueError("mail needs since")
        return self


@langchain_tool(args_schema=Search)
def search(words: str, limit: int, kind: str, since: date | None, tags: list[str]) -> dict[str, Any]:
    """Searches."""
    DONE.append((words, limit, kind, since, tags))
    return {"found": [words] * limit}


@langchain_tool
def pay(order_id: str, amount: float = 1.0) -> str:
    """Pays."""
    DONE.append((order_id, amount))
    if amount < 0:
        raise ToolException("declined by the bank")
    return f"paid {amount}"


READ: dict[str, Any] = {"effect": "none", "stakes": "low"}


def called(tool: Any, args: dict[str, Any], **state: Any) -> Any:
    """What ``act`` makes of one proposed call: its tool message and the outcome."""
    message = AIMessage("", tool_calls=[{"name": tool.name, "args": args, "id": "c1"}])
    outcome = act([tool]).run(Ticket(messages=[message], **state))
    return outcome.update.get("messages", [None])[0], outcome


def test_what_is_not_said_is_the_worst():
    """A tool from elsewhere is once and high, and ends within a minute, unless somebody says otherwise."""
    tool = from_langchain(pay)
    assert (tool.effect, tool.stakes, tool.timeout, tool.name) == ("once", "high", 60, "pay")
    tool = from_langchain(pay, effect="none")
    assert (tool.effect, tool.stakes) == ("none", "high")


def test_options_are_those_of_a_tool():
    """Name, time, key, proofs and the rest hold as they do for a function of one's own, and are checked as there."""

    def ask_the_bank(order_id: str) -> str:
        return order_id

    tool = from_langchain(
        pay,
        stakes="low",
        writes="intent",
        name="refund",
        timeout="10s",
        retry=Retry(attempts=2),
        key="order_id",
        not_done=ToolException,
        reconcile=ask_the_bank,
        description="Refunds.",
    )
    assert (tool.name, tool.timeout, tool.key, tool.writes) == ("refund", 10, "order_id", "intent")
    assert tool.schema()["function"]["description"] == "Refunds."
    assert tool.business_key({"order_id": "17"}) == "17"
    with pytest.raises(NodeError, match="has key='nothing', but no parameter 'nothing'"):
        from_langchain(pay, key="nothing")
    with pytest.raises(NodeError, match="effect='once' and retry= without reconcile="):
        from_langchain(pay, retry=Retry())


def test_only_langchains_tools_are_taken():
    """A plain function, or a tool of guideway's own, is sent to the decorator that it needs."""
    with pytest.raises(NodeError, match=r"takes a LangChain tool, not .*guideway's own @tool"):
        from_langchain(ask := lambda: None)  # type: ignore[arg-type]  # the mistake is the case
    assert ask() is None


def test_as_a_node_it_reads_the_state():
    """Its parameters are state fields, validated by its own schema, and its result is written."""
    tool = from_langchain(pay, effect="idempotent", stakes="low", writes="intent")
    outcome = tool.run({"order_id": "17", "amount": "3"})
    assert outcome.update == {"intent": "paid 3.0"}
    assert outcome.calls[0]["arguments"] == {"order_id": "17", "amount": 3.0}
    assert tool.run({"order_id": 5}).error.category == "invalid_input"
    assert DONE == [("17", 3.0)]


def test_a_plain_call_is_its_unit_test():
    """Called plainly, it calls LangChain's tool with nothing in between."""
    assert from_langchain(pay)(order_id="1", amount=2.0) == "paid 2.0"


def test_a_models_arguments_are_held_to_the_schema():
    """Constraints, field validators and model validators all hold before anything is called."""
    tool = from_langchain(search, **READ)
    for args, why in [
        ({"words": "x"}, "at least 2 characters"),
        ({"words": "xx", "limit": 10}, "less than or equal to 9"),
        ({"words": "xx", "kind": "fax"}, "'mail' or 'page'"),
        ({"words": "!rm"}, "no commands"),
        ({"words": "xx", "kind": "mail"}, "mail needs since"),
        ({"words": "xx", "other": 1}, "Extra inputs are not permitted"),
        ({}, "Field required"),
    ]:
        message, outcome = called(tool, args)
        assert message.status == "error"
        assert why in message.content
        assert outcome.calls[0]["error"]["category"] == "invalid_call"
    assert DONE == []
    message, _ = called(tool, {"words": "xx ", "since": "2026-01-02", "kind": "mail"})
    assert message.content == '{"found": ["xx", "xx", "xx", "xx", "xx"]}'
    assert [("xx", 5, "mail", date(2026, 1, 2), [])] == DONE


def test_a_node_is_held_to_the_whole_schema_too():
    """What only the whole can tell is found before the call, when the arguments come from the state."""
    outcome = from_langchain(search, **READ, writes="found").run({"words": "xx", "kind": "mail"})
    assert (outcome.error.category, DONE) == ("invalid_input", [])
    assert "mail needs since" in outcome.error.message


def test_what_a_model_sees_is_langchains_own_schema():
    """The model is offered the same parameters as LangChain would offer, titles apart."""
    seen = from_langchain(search, **READ).schema()["function"]
    assert seen["name"] == "search"
    assert seen["parameters"]["required"] == ["words"]
    assert seen["parameters"]["properties"]["words"] == {
        "type": "string",
        "minLength": 2,
        "description": "what to look for",
    }
    assert list(seen["parameters"]["properties"]) == ["words", "limit", "kind", "since", "tags"]


def test_it_is_offered_to_models():
    """A think node offers it, and the proposed call is what act executes."""
    tool = from_langchain(search, **READ)

    @think(tools=[tool])
    def talk(message: str) -> str:
        return message

    model = ScriptedModel([[(tool, {"words": "cats"})]])
    outcome = talk.run(Ticket(), models=model)
    assert outcome.update["messages"][0].tool_calls[0]["name"] == "search"
    assert model.requests[0].tools[0] == tool.schema()


def test_async_tools_run_on_the_loop():
    """A tool that is a coroutine is awaited, and its timeout ends it."""

    @langchain_tool
    async def slow(seconds: float) -> str:
        """Sleeps."""
        await asyncio.sleep(seconds)
        return "awake"

    tool = from_langchain(slow, **READ, writes="said", timeout=0.2)
    assert tool.run({"seconds": 0}).update == {"said": "awake"}
    assert tool.run({"seconds": 9}).error.category == "timeout"


def test_sync_tools_run_in_a_thread_that_may_go_on():
    """A sync tool that overruns may still act: a NOT_DONE is then not believed."""
    from guideway import NOT_DONE

    @langchain_tool
    def slow(seconds: float) -> str:
        """Sleeps."""
        time.sleep(seconds)
        return "awake"

    def ask() -> Any:
        return NOT_DONE

    tool = from_langchain(slow, stakes="low", timeout=0.05, reconcile=ask, writes="said")
    assert tool.run({"seconds": 0.3}).error.category == "unknown_effect"


def test_a_class_of_tools_is_taken():
    """A BaseTool with methods of its own runs by them, sync or async."""

    class Add(BaseTool):
        name: str = "add"
        description: str = "Adds."

        def _run(self, a: int, b: int = 2) -> int:
            return a + b

    class AddLater(Add):
        async def _arun(self, a: int, b: int = 2) -> int:
            return a + b + 100

    assert from_langchain(Add(), **READ, writes="sum").run({"a": 1}).update == {"sum": 3}
    assert from_langchain(AddLater(), **READ, writes="sum").run({"a": 1, "b": 1}).update == {"sum": 102}


def test_a_tool_of_one_text_is_taken():
    """LangChain's oldest kind, which takes one text, has one parameter."""
    tool = from_langchain(OneText("shout", str.upper, "Shouts."), **READ)
    assert called(tool, {"tool_input": "hi"})[0].content == "HI"
    assert called(tool, {"tool_input": 5})[0].status == "error"


def test_a_json_schema_holds_as_it_is():
    """A tool whose arguments are a JSON schema is held to it: formats of the whole, no coercion, nothing left over."""
    schema = {
        "type": "object",
        "properties": {
            "id": {"type": "string", "pattern": "^[a-z]+$"},
            "many": {"type": "integer", "default": 3},
            "note": {"type": "string"},
            "place": {"$ref": "#/$defs/Place"},
        },
        "required": ["id"],
        "dependentRequired": {"note": ["place"]},
        "$defs": {"Place": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}},
    }

    def work(**arguments: Any) -> str:
        DONE.append(arguments)
        return "ok"

    tool = from_langchain(StructuredTool.from_function(work, name="w", description="W.", args_schema=schema), **READ)
    for args, why in [
        ({"id": "A"}, "does not match '^[a-z]+$'"),
        ({"id": "a", "many": "3"}, "is not of type 'integer'"),
        ({"id": "a", "note": "n"}, "'place' is a dependency of 'note'"),
        ({"id": "a", "place": {}}, "'x' is a required property"),
        ({"many": 1}, "Field required"),
    ]:
        assert why in called(tool, args)[0].content
    assert DONE == []
    called(tool, {"id": "a", "note": None})
    called(tool, {"id": "a", "note": "n", "place": {"x": 1}})
    assert DONE == [{"id": "a", "many": 3}, {"id": "a", "note": "n", "place": {"x": 1}, "many": 3}]


def test_a_schema_that_is_none_is_an_error():
    """What no value could be held to is found when the tool is made."""
    for schema, why in [
        ({"type": "object", "properties": {"a": {"type": "strange"}}}, "is no JSON schema: 'strange' is not valid"),
        ({"type": "array"}, "no JSON schema of an object"),
    ]:
        tool = StructuredTool.from_function(lambda **_: "", name="w", description="W.", args_schema=schema)
        with pytest.raises(NodeError, match=why):
            from_langchain(tool)


# what is injected


class Whole(BaseModel):
    """A state for LangGraph's injection."""

    message: str


def test_injected_state_is_taken_from_the_state():
    """InjectedState("field") is a hidden parameter that reads the field: in the call and its digest, not in sight."""

    @langchain_tool
    def note(words: str, who: Annotated[str, InjectedState("message")]) -> str:
        """Notes."""
        return f"{words} by {who}"

    tool = from_langchain(note, **READ)
    assert list(tool.schema()["function"]["parameters"]["properties"]) == ["words"]
    message, outcome = called(tool, {"words": "hi"}, message="ann")
    assert message.content == "hi by ann"
    assert outcome.calls[0]["arguments"] == {"words": "hi", "who": "ann"}
    assert called(tool, {"words": "hi", "who": "eve"})[0].status == "error"


def test_an_injected_argument_is_named_or_left_out():
    """An injected argument comes from a field that is named; one with a default is left to its default."""

    @langchain_tool
    def note(words: str, user: Annotated[str, InjectedToolArg], mood: Annotated[str, InjectedToolArg] = "calm") -> str:
        """Notes."""
        return f"{words} by {user}, {mood}"

    with pytest.raises(NodeError, match=r"'user' is filled by LangChain .*from_state=\{'user': '<field>'\}"):
        from_langchain(note)
    tool = from_langchain(note, **READ, from_state={"user": "message"})
    assert called(tool, {"words": "hi"}, message="ann")[0].content == "hi by ann, calm"
    assert list(tool.schema()["function"]["parameters"]["properties"]) == ["words"]
    with pytest.raises(NodeError, match="takes 'users' from the state, but has no such parameter; there are: words"):
        from_langchain(note, from_state=["users"])


def test_any_parameter_can_be_hidden_from_the_model():
    """from_state hides a parameter that LangChain would have shown."""
    tool = from_langchain(pay, effect="none", stakes="low", from_state=["order_id"])
    assert called(tool, {"amount": 2})[1].calls[0]["arguments"] == {"amount": 2.0, "order_id": "17"}


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[dict, InjectedState],
        Annotated[Any, InjectedStore()],
        Annotated[str, InjectedToolCallId],
        ToolRuntime,
    ],
    ids=["state", "store", "call id", "runtime"],
)
def test_what_cannot_be_carried_is_an_error(annotation):
    """A tool that wants the graph's insides is refused when it is made, with the way out."""

    def want(words: str, it: Any) -> str:
        """Wants."""
        return words

    want.__annotations__["it"] = annotation
    with pytest.raises(NodeError, match="the parameter 'it' is filled by LangChain when it runs .* own @tool"):
        from_langchain(langchain_tool(want))


# results


def test_a_result_is_json():
    """What a tool returns is brought to JSON: a model's dict, a document's fields; what has no such form fails."""

    @langchain_tool
    def find(words: str) -> Any:
        """Finds."""
        return Document(words) if words != "bad" else object()

    tool = from_langchain(find, **READ, writes="found")
    assert tool.run({"words": "x"}).update["found"]["page_content"] == "x"
    assert tool.run({"words": "bad"}).error.category == "invalid_output"


def test_a_result_can_be_given_a_type():
    """returns= says what a result is: it is validated, and stored as that."""
    tool = from_langchain(search, **READ, writes="found", returns=dict[str, list[int]])
    assert tool.run({"words": "xx"}).error.category == "invalid_output"
    tool = from_langchain(search, **READ, writes="found", returns=dict[str, list[str]])
    assert tool.run({"words": "xx", "limit": 1}).update == {"found": {"found": ["xx"]}}


def test_content_is_told_and_the_artifact_is_kept():
    """Of a tool with an artifact the model is told the content, and both are the result."""

    @langchain_tool(response_format="content_and_artifact")
    def rows(table: str) -> tuple[str, list[int]]:
        """Reads rows."""
        return "3 rows", [1, 2, 3]

    tool = from_langchain(rows, **READ, writes="found")
    assert tool.run({"table": "t"}).update == {"found": {"content": "3 rows", "artifact": [1, 2, 3]}}
    assert called(from_langchain(rows, **READ), {"table": "t"})[0].content == "3 rows"


def test_a_command_is_refused():
    """A tool cannot route: a Command is no result."""

    @langchain_tool
    def go(where: str) -> Any:
        """Goes."""
        return Command(goto=where)

    outcome = from_langchain(go, **READ, writes="found").run({"where": "x"})
    assert "a node never routes" in outcome.error.message


# errors


def test_a_tool_exception_proves_nothing():
    """A once tool that raises may have acted; only what is listed proves that it did not."""
    state = {"order_id": "17", "amount": -1}
    error = from_langchain(pay, stakes="low", writes="said").run(state).error
    assert (error.category, error.type) == ("unknown_effect", "ToolException")
    assert "declined by the bank" in error.message
    error = from_langchain(pay, stakes="low", writes="said", not_done=ToolException).run(state).error
    assert (error.category, error.message) == ("declined", "declined by the bank")
    error = from_langchain(pay, effect="none", writes="said").run(state).error
    assert error.category == "declined"


@pytest.mark.parametrize("handle", [True, "sorry", lambda error: "handled"])
def test_an_error_is_not_told_as_if_it_were_a_result(handle):
    """handle_tool_error would hide that a call failed: the failure counts, and the author's tool is left as it is."""

    def fail(words: str) -> str:
        raise ToolException(words)

    given = StructuredTool.from_function(fail, description="Fails.", handle_tool_error=handle)
    assert from_langchain(given, stakes="low", writes="x").run({"words": "no"}).error.category == "unknown_effect"
    assert called(from_langchain(given, **READ), {"words": "no"})[0].content == "Error: no"
    assert given.handle_tool_error is handle


async def test_its_failures_are_recorded_and_not_sent_again():
    """An answer that was journalled is used, and not asked for again."""
    tool = from_langchain(pay, effect="idempotent", stakes="low", writes="said")
    port = Recorder()
    for _ in range(2):
        outcome = await execute(tool, {"order_id": "17"}, calls=port)
        assert outcome.update == {"said": "paid 1.0"}
    assert DONE == [("17", 1.0)]


# hashes


SCRIPT = """
from langchain_core.tools import tool
from functools import partial
from pydantic import BaseModel, Field
from guideway import from_langchain
class A(BaseModel):
    a: list = Field(default_factory=lambda: [])
@tool(args_schema=A)
def t(a):
    "T."
    return {body}
print(from_langchain(t).source)
"""


def test_another_body_is_another_tool(tmp_path):
    """The hash, by which an approval knows what it approved, is the same in every process; another body has another."""
    found = []
    for body in ("1", "1", "2"):
        (tmp_path / "m.py").write_text(SCRIPT.format(body=body))
        done = subprocess.run([sys.executable, "m.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
        found.append(done.stdout)
    assert found[0] == found[1] != found[2]


def test_another_description_or_schema_is_another_tool():
    """What a model is told is part of what was approved."""
    first = from_langchain(pay)
    assert first.source == from_langchain(pay).source
    assert first.source != from_langchain(pay, description="Pays twice.").source
    assert first.source != from_langchain(search).source
