"""Tools of a real MCP server over stdio: what is sent, what an ending proves, and how a dead server comes back."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from mcp import Client, StdioServerParameters, stdio_client
from mcp.server.mcpserver import MCPServer
from mcp.types import AudioContent, BlobResourceContents, EmbeddedResource, ResourceLink, TextResourceContents

from guideway import (
    NOT_DONE,
    START,
    End,
    Flow,
    McpError,
    McpServer,
    NodeError,
    ToolError,
    ToolMissing,
    act,
    afrom_mcp,
    approval,
    from_mcp,
    on,
)
from guideway.nodes.context import NotSent
from guideway.nodes.direct import Asked
from guideway.nodes.from_mcp import _words
from guideway.nodes.mcp_session import fingerprint
from tests.nodes.world import Order, Ticket

SCRIPT = str(Path(__file__).with_name("mcp_world.py"))
READ: dict[str, Any] = {"effects": {"find_order": "none"}, "stakes": {"find_order": "low"}}


class World:
    """A server, and what it wrote down of its deeds."""

    def __init__(self, log: Path) -> None:
        self.log = log
        log.touch()
        self.command = [sys.executable, SCRIPT, str(log)]
        self.server = McpServer(self.command)

    def did(self) -> list[str]:
        return self.log.read_text().splitlines()

    def deeds(self) -> list[str]:
        return [line for line in self.did() if line != "started"]

    def tool(self, name: str, **options: Any) -> Any:
        return from_mcp(self.server, tools=[name], **{key: {name: value} for key, value in options.items()})[0]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "log")
    with made.server:
        yield made


def called(tool: Any, args: dict[str, Any], **state: Any) -> Any:
    """What ``act`` makes of one proposed call: its tool message, or None, and the outcome."""
    message = AIMessage("", tool_calls=[{"name": tool.name, "args": args, "id": "c1"}])
    outcome = act([tool]).run(Ticket(messages=[message], **state))
    return outcome.update.get("messages", [None])[0], outcome


# what they are


def test_what_is_not_said_is_the_worst(world):
    """Every tool of a server is once and high and ends within a minute, whatever the server says of itself."""
    tools = {tool.name: tool for tool in from_mcp(world.server)}
    assert list(tools) == ["find_order", "name_it", "pay", "fail", "die", "sleep", "picture", "process"]
    assert {(tool.effect, tool.stakes, tool.timeout) for tool in tools.values()} == {("once", "high", 60)}


def test_hints_count_only_where_they_are_trusted(world):
    """A hint is believed where one asks for it, and what the author says himself is stronger: pay's hint lies."""
    tools = {tool.name: tool for tool in from_mcp(world.server, trust_hints=True, effects={"pay": "once"})}
    found = {name: (tool.effect, tool.stakes) for name, tool in tools.items()}
    assert found["find_order"] == ("none", "low")
    assert found["name_it"] == ("idempotent", "high")
    assert found["pay"] == ("once", "high")
    assert found["fail"] == ("once", "high")


def test_options_are_by_name(world):
    """Each option names tools as the server does; a name that it does not have is an error with the nearest one."""
    found = from_mcp(
        world.server,
        tools=["pay", "find_order"],
        prefix="shop.",
        effects={"find_order": "none"},
        stakes={"find_order": "low", "pay": "low"},
        writes={"find_order": "order"},
        timeout={"pay": "5s"},
        keys={"pay": "order.id"},
        not_done={"pay": McpError},
        from_state={"find_order": {"order_id": "message"}},
    )
    assert [tool.name for tool in found] == ["shop_pay", "shop_find_order"]
    pay, find = found
    assert (pay.timeout, pay.key, pay.not_done, pay.stakes) == (5, "order.id", (McpError,), "low")
    assert (find.timeout, find.writes, find.effect) == (60, "order", "none")
    for option in ("effects", "stakes", "writes", "timeout", "keys", "not_done", "from_state"):
        with pytest.raises(
            NodeError, match=rf"from_mcp\({option}=...\) names 'find_ordr', .* Did you mean 'find_order'"
        ):
            from_mcp(world.server, **{option: {"find_ordr": "none"}})
    with pytest.raises(NodeError, match=r"from_mcp\(tools=...\) names 'nothing', .* It offers: find_order, name_it"):
        from_mcp(world.server, tools=["nothing"])


def test_two_tools_of_one_name_are_an_error():
    """Names that no provider takes are brought to what it takes, and must stay apart."""
    server = MCPServer("pair")
    server.tool(name="a.b")(lambda: "1")
    server.tool(name="a_b")(lambda: "2")
    with (
        McpServer(server) as there,
        pytest.raises(NodeError, match="two tools of the MCP server 'pair' are named 'a_b'"),
    ):
        from_mcp(there)


def test_what_a_model_sees_is_the_servers_schema(world):
    """Name, description and parameters are the server's; what is taken from the state is hidden."""
    tool = world.tool("find_order", from_state=["order_id"])
    seen = tool.schema()["function"]
    assert (seen["name"], seen["description"]) == ("find_order", "Finds an order.")
    assert list(seen["parameters"]["properties"]) == ["limit", "note"]
    assert seen["parameters"]["properties"]["limit"] == {"type": "integer", "default": 5, "minimum": 1, "maximum": 9}
    assert seen["parameters"]["required"] == []


# calls


def test_as_a_node_it_reads_and_writes_the_state(world):
    """A state's model goes out as JSON, and structured content comes back."""
    outcome = world.tool("find_order", effects="none", writes="order").run({"order_id": "7"})
    assert outcome.update == {"order": {"id": "7", "total": 5.0}}
    outcome = world.tool("pay", writes="intent").run(Ticket(order=Order(id="9", total=1)))
    assert outcome.update == {"intent": "paid 9"}
    assert world.deeds() == ["find 7 5 None", "pay 9"]


def test_it_can_be_bound_and_named(world):
    """Another field, another name: the server is asked for the same tool."""
    tool = world.tool("find_order", effects="none", writes="order").named("again").bind(order_id="number")
    assert tool.run({"number": "8", "note": "n"}).update == {"order": {"id": "8", "total": 5.0}}
    assert world.deeds() == ["find 8 5 n"]


def test_bad_arguments_are_never_sent(world):
    """What the schema refuses is told to the model, or fails the step, before the server hears of it."""
    tool = world.tool("find_order", effects="none", stakes="low", writes="tags")
    for args, why in [
        ({"order_id": 5}, "5 is not of type 'string'"),
        ({"order_id": "1", "limit": 99}, "99 is greater than the maximum of 9"),
        ({"order_id": "1", "limit": "5"}, "'5' is not of type 'integer'"),
        ({"order_id": "1", "x": 1}, "Extra inputs are not permitted"),
        ({}, "Field required"),
    ]:
        message, outcome = called(tool, args)
        assert message.status == "error"
        assert why in message.content
        assert outcome.calls[0]["error"]["category"] == "invalid_call"
    assert tool.run({"order_id": "1", "limit": 0}).error.category == "invalid_input"
    assert world.deeds() == []


def test_text_and_pictures_are_told_in_words(world):
    """Without structured content the text is the result; what is no text is described."""
    message, _ = called(world.tool("picture", effects="none", stakes="low"), {})
    assert message.content == "a cat\n[image: image/png, 5 bytes]"


def test_every_kind_of_content_has_words():
    """Sound, links and files are described; a text file is its text."""
    found = [
        _words(AudioContent(data="aGVsbG8=", mime_type="audio/wav")),
        _words(ResourceLink(uri="file:///a", name="a")),
        _words(EmbeddedResource(resource=TextResourceContents(uri="file:///a", text="words"))),
        _words(EmbeddedResource(resource=BlobResourceContents(uri="file:///b", blob="aGk="))),
    ]
    assert found == [
        "[audio: audio/wav, 5 bytes]",
        "[link: file:///a, a]",
        "words",
        "[file: file:///b, unknown type, 2 bytes]",
    ]


async def test_it_is_called_from_any_loop_and_thread(world):
    """One session serves the caller's loop, another loop and a thread, at the same time."""
    tool = world.tool("process", effects="none", stakes="low", writes="n")
    here = await asyncio.gather(*(tool.arun({}) for _ in range(3)))
    there = await asyncio.gather(*(asyncio.to_thread(tool.run, {}) for _ in range(3)))
    assert len({outcome.update["n"] for outcome in [*here, *there]}) == 1
    assert await tool() == here[0].update["n"]
    assert world.did() == ["started"]


async def test_a_slow_call_does_not_hold_up_others(world):
    """Calls of one session overlap; one that waits does not keep the others waiting."""
    sleep = world.tool("sleep", effects="none", stakes="low", writes="s")
    quick = world.tool("process", effects="none", stakes="low", writes="n")
    slow = asyncio.ensure_future(sleep.arun({"seconds": 2}))
    await asyncio.sleep(0.2)
    start = time.monotonic()
    assert (await quick.arun({})).kind == "ok"
    assert time.monotonic() - start < 1.5
    assert not slow.done()
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)


# endings


def test_an_error_result_proves_nothing(world):
    """A once tool that answers with an error may have acted, and here it has; only what is listed proves otherwise."""
    error = world.tool("fail", stakes="low", writes="n").run({"words": "out of stock"}).error
    assert (error.category, error.type) == ("unknown_effect", "McpError")
    assert "out of stock" in error.message
    error = world.tool("fail", stakes="low", not_done=McpError, writes="n").run({"words": "no"}).error
    assert error.category == "declined"
    message, _ = called(world.tool("fail", effects="idempotent", stakes="low"), {"words": "no"})
    assert (message.status, "no" in message.content) == ("error", True)
    assert world.deeds() == ["fail out of stock", "fail no", "fail no"]


def test_a_server_that_dies_is_started_again_and_the_call_is_not_sent_again(world):
    """The call in which it died is of unknown effect; the next one finds a new server, and the deed was done once."""
    die = world.tool("die", stakes="low", writes="n")
    process = world.tool("process", effects="none", stakes="low", writes="n")
    first = process.run({}).update["n"]
    error = die.run({"order_id": "7"}).error
    assert (error.category, error.type) == ("unknown_effect", "McpClosed")
    assert process.run({}).update["n"] != first
    assert world.did() == ["started", "die 7", "started"]
    assert world.tool("die", effects="none", writes="n").run({"order_id": "8"}).error.category == "unavailable"


def test_a_server_that_died_between_calls_is_not_noticed(world):
    """A server that was killed while nobody called is started before the next call is sent: nothing is unknown."""
    process = world.tool("process", writes="n", stakes="low")
    first = process.run({}).update["n"]
    os.kill(first, 9)
    time.sleep(0.3)
    outcome = process.run({})
    assert outcome.kind == "ok"
    assert outcome.update["n"] != first


def test_a_call_that_overruns_is_unknown(world):
    """A timeout proves nothing: the server goes on, and a NOT_DONE is not believed while it may."""

    def ask(seconds: float) -> Any:
        return NOT_DONE

    options = {"stakes": "low", "timeout": 0.3, "writes": "n"}
    assert world.tool("sleep", **options).run({"seconds": 5}).error.category == "unknown_effect"
    assert world.tool("sleep", reconcile=ask, **options).run({"seconds": 5}).error.category == "unknown_effect"
    assert world.tool("sleep", effects="none", **options).run({"seconds": 5}).error.category == "timeout"


def test_reconcile_asks_the_world(world):
    """After an ending that proves nothing, what reconcile finds out is the result."""

    def ask(order_id: str) -> Any:
        return f"found {order_id}" if f"die {order_id}" in world.did() else NOT_DONE

    outcome = world.tool("die", stakes="low", reconcile=ask, writes="intent").run({"order_id": "7"})
    assert outcome.update == {"intent": "found 7"}


def test_a_server_that_cannot_be_reached_has_done_nothing(tmp_path):
    """What was never sent is not unknown, for once tools too."""
    world = World(tmp_path / "log")
    tool = world.tool("name_it", stakes="low", writes="n")
    world.server.close()
    world.server._open = McpServer([str(tmp_path / "nothing")])._open
    error = tool.run({"name": "x"}).error
    assert (error.category, error.type) == ("unavailable", "NotSent")
    assert world.deeds() == []
    world.server.close()


def test_a_server_that_says_nothing_is_given_up():
    """A start that takes too long ends with an error that says so, and leaves no process."""
    server = McpServer([sys.executable, "-c", "import time; time.sleep(60)"], patience=0.5)
    with pytest.raises(NotSent, match=r"the MCP server 'mcp' cannot be reached: no answer within 0.5 s"):
        from_mcp(server)
    server.close()


def test_a_server_that_talks_nonsense_is_given_up():
    """So does one that ends at once."""
    server = McpServer([sys.executable, "-c", "print('hello')"], patience=20)
    with pytest.raises(NotSent, match="cannot be reached: Connection closed"):
        from_mcp(server)
    server.close()


def test_a_result_that_breaks_its_schema_is_no_result():
    """A server that does not keep its own output schema gives an invalid output; a once tool has acted all the same."""
    from mcp.types import CallToolResult

    server = MCPServer("liar")

    @server.tool()
    def count() -> Order:
        """Counts."""
        return CallToolResult(content=[], structured_content={"id": 5})  # type: ignore[return-value]  # the mistake is the case

    with McpServer(server) as there:
        tool = from_mcp(there, effects={"count": "none"}, writes={"count": "order"})[0]
        error = tool.run({}).error
        assert error.category in ("invalid_output", "declined")
        tool = from_mcp(there, writes={"count": "order"})[0]
        assert tool.run({}).error.category == "unknown_effect"


# what was read is what is called


def shop(price: str, description: str = "Pays.") -> MCPServer:
    """A server with one tool."""
    server = MCPServer("shop")

    def pay(order_id: str, amount: float = 1.0) -> str:
        return f"paid {order_id} {price}"

    def pay_more(order_id: str, amount: float, tip: float) -> str:
        return f"paid {order_id} {price}"

    server.tool(name="pay", description=description)(pay if price == "1" else pay_more)
    return server


def test_another_schema_or_description_is_another_tool():
    """The hash covers what the server says of the tool and which server it is, so an approval is for no other."""
    found = set()
    for server, name in [(shop("1"), None), (shop("1"), None), (shop("2"), None), (shop("1", "Pays!"), None)]:
        with McpServer(server, name=name) as there:
            found.add(from_mcp(there)[0].source)
    with McpServer(shop("1"), name="staging") as there:
        found.add(from_mcp(there)[0].source)
    assert len(found) == 4


def test_a_tool_that_changed_at_the_server_is_not_called():
    """A server that came back with another tool of the same name is not asked to run it: nothing was done."""
    server = McpServer(shop("1"))
    tool = from_mcp(server, stakes={"pay": "low"}, writes={"pay": "intent"})[0]
    assert tool.run({"order_id": "1"}).update == {"intent": "paid 1 1"}
    server.close()
    server._open = McpServer(shop("2"))._open
    error = tool.run({"order_id": "1"}).error
    assert (error.category, error.type) == ("declined", "ToolError")
    assert "'shop' now offers another 'pay'" in error.message
    server.close()
    server._open = McpServer(MCPServer("shop"))._open
    with pytest.raises(ToolError, match="now does not offer 'pay'"):
        asyncio.run(tool(order_id="1"))
    server.close()


def test_the_fingerprint_is_of_what_is_said_of_a_tool(world):
    """It is the same for the same tool in every process."""
    code = (
        "import sys; from guideway import from_mcp, McpServer\n"
        f"with McpServer({world.command!r}) as s: print(*[t.source for t in from_mcp(s)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [tool.source for tool in from_mcp(world.server)]
    assert len({fingerprint(tool) for tool in asyncio.run(world.server.tools())}) == 8


# connections


@pytest.mark.parametrize("shape", ["list", "params", "transport", "server"])
def test_a_server_is_named_in_many_ways(world, shape):
    """A command, parameters, a function that makes a transport, an McpServer: the same tools."""
    params = StdioServerParameters(command=world.command[0], args=world.command[1:])
    address: Any = {
        "list": world.command,
        "params": params,
        "transport": lambda: stdio_client(params, errlog=sys.__stderr__),
        "server": world.server,
    }[shape]
    server = address if shape == "server" else McpServer(address)
    with server:
        tool = from_mcp(server, tools=["name_it"], effects={"name_it": "none"}, writes={"name_it": "n"})[0]
        assert tool.run({"name": "x"}).update == {"n": "named x"}


def test_an_address_that_is_none_is_an_error():
    """A text that is no URL, and a thing that is no server, are refused where they are written."""
    with pytest.raises(NodeError, match=r"'python server.py' is no URL; name a command as a list"):
        McpServer("python server.py")
    with pytest.raises(NodeError, match="5 is no address of an MCP server; give a command as a list"):
        from_mcp(5)  # type: ignore[arg-type]  # the mistake is the case


async def test_an_open_session_is_called_on_its_own_loop(world):
    """A session that somebody else opened works from other loops too, while its own loop runs."""
    params = StdioServerParameters(command=world.command[0], args=world.command[1:])
    async with Client(stdio_client(params, errlog=sys.__stderr__)) as client:
        with pytest.raises(NodeError, match=r"tools = await afrom_mcp\(session\)"):
            from_mcp(client.session)
        for given in (client, client.session):
            tool = (await afrom_mcp(given, tools=["name_it"], stakes={"name_it": "low"}, writes={"name_it": "n"}))[0]
            assert (await tool.arun({"name": "x"})).update == {"n": "named x"}
            assert (await asyncio.to_thread(tool.run, {"name": "y"})).update == {"n": "named y"}


def test_a_session_whose_loop_has_ended_sends_nothing(world):
    """An open session does not outlive its loop, and says so."""
    params = StdioServerParameters(command=world.command[0], args=world.command[1:])

    async def make() -> Any:
        async with Client(stdio_client(params, errlog=sys.__stderr__)) as client:
            return (await afrom_mcp(client, tools=["name_it"], stakes={"name_it": "low"}, writes={"name_it": "n"}))[0]

    error = asyncio.run(make()).run({"name": "x"}).error
    assert (error.category, error.type) == ("unavailable", "NotSent")


async def test_the_async_twin_lists_without_blocking(world):
    """afrom_mcp gives the same tools inside a running loop; so does from_mcp, which waits."""
    assert [tool.name for tool in await afrom_mcp(world.server)] == [tool.name for tool in from_mcp(world.server)]


def test_a_server_over_http(tmp_path):
    """A URL is a streamable HTTP endpoint; one where nobody listens cannot be reached."""
    uvicorn = pytest.importorskip("uvicorn", reason="it serves the HTTP server that is asked")
    config = uvicorn.Config(shop("1").streamable_http_app(), port=0, log_level="critical")
    http = uvicorn.Server(config)
    thread = threading.Thread(target=http.run, daemon=True)
    thread.start()
    while not http.started:
        time.sleep(0.01)
    port = http.servers[0].sockets[0].getsockname()[1]
    with McpServer(f"http://127.0.0.1:{port}/mcp") as server:
        tool = from_mcp(server, stakes={"pay": "low"}, writes={"pay": "intent"})[0]
        assert tool.run({"order_id": "1"}).update == {"intent": "paid 1 1"}
        http.should_exit = True
        thread.join()
        assert tool.run({"order_id": "1"}).error.category == "unknown_effect"
        assert tool.run({"order_id": "1"}).error.type == "NotSent"


def test_closing_ends_the_process_and_a_call_starts_another(world):
    """close() leaves nothing behind, and is not the end: the next call starts the server anew."""
    process = world.tool("process", effects="none", stakes="low", writes="n")
    world.server.close()
    before = set(threading.enumerate())
    first = process.run({}).update["n"]
    assert set(threading.enumerate()) - before
    world.server.close()
    with pytest.raises(ProcessLookupError, match="No such process"):
        os.kill(first, 0)
    assert not set(threading.enumerate()) - before
    assert process.run({}).update["n"] != first


def test_a_program_that_forgets_to_close_still_ends(tmp_path):
    """The end of the process is the end of its servers: nothing hangs, nothing is printed."""
    code = (
        "from guideway import from_mcp\n"
        f"tool = from_mcp({World(tmp_path / 'log').command!r}, tools=['process'], writes={{'process': 'n'}})[0]\n"
        "print(tool.run({}).update['n'])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError, match="No such process"):
        os.kill(int(done.stdout), 0)


def test_without_the_sdk_the_way_out_is_told(monkeypatch):
    """The MCP SDK is an extra: without it, its name is in the error."""
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(ToolMissing, match=r"pip install 'guideway\[mcp\]'"):
        from_mcp(["python"])


# in flows


def test_it_waits_for_its_approval_in_act(world):
    """A high-stakes tool of a server runs only when somebody said yes to exactly this call."""
    pay = world.tool("pay")
    lead = approval("lead", denied=End("no", verdict="failed"))
    call = {"name": "pay", "args": {"order": {"id": "7", "total": 1}}, "id": "c1"}
    state = Ticket(messages=[AIMessage("", tool_calls=[call])])
    asked: list[Asked] = []

    def decide(what: Asked) -> bool:
        asked.append(what)
        return True

    outcome = act([pay], gates={pay: lead}).run(state, decide=decide)
    assert outcome.update["messages"][0].content == "paid 7"
    assert asked[0].call.arguments == {"order": {"id": "7", "total": 1}}
    assert asked[0].call.source == pay.source
    assert act([pay], gates={pay: lead}).run(state, decide={"lead": False}).kind == "refused"
    assert world.deeds() == ["pay 7"]


def test_a_flow_with_it_is_checked_and_run(world, tmp_path):
    """An unknown effect of a server parks the run; a person settles it, and the call is not sent again."""
    done = End("done")
    tool = world.tool("die", stakes="low", writes="message").bind(order_id="order_id")
    flow = Flow("shop", state=Ticket, edges=[on(START, tool), on(tool, done)])
    with flow.compile(store=tmp_path / "runs.db") as app:
        run = app.start({"order_id": "7"})
        assert (run.status, run.error.category) == ("parked", "unknown_effect")
        app.settle(run.id, 1, "settled", by="ann", note="seen")
        run = app.resume(run.id)
        assert (run.status, run.state.message) == ("ended", "settled")
    assert world.deeds() == ["die 7"]
