"""``from_mcp``: the tools of an MCP server as tools of guideway's, with their effects and stakes said."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ..errors import NodeError, caller
from ..guards.durations import Duration
from ..guards.retry import Retry
from .foreign import DEFAULT_TIMEOUT, Foreign, shown, taken_from_state
from .mcp_server import GivenSession, McpServer, Serving, require_sdk, run_blocking
from .mcp_session import fingerprint
from .node import Effect, Stakes
from .schemas import misfit, params_of, validator
from .shapes import is_dict, is_mapping
from .signature import Signature
from .source import digest
from .tool import NotDoneErrors, Tool, make_tool

if TYPE_CHECKING:
    from mcp import Client, ClientSession
    from mcp.types import CallToolResult
    from mcp.types import Tool as Offered

    from .mcp_server import Address

    Source = McpServer | ClientSession | Client | Address
else:
    Source = Any


def from_mcp(
    server: Source,
    /,
    *,
    tools: Sequence[str] | None = None,
    effects: Mapping[str, Effect] | None = None,
    stakes: Mapping[str, Stakes] | None = None,
    writes: Mapping[str, str] | None = None,
    timeout: Duration | Mapping[str, Duration] = DEFAULT_TIMEOUT,
    retry: Mapping[str, Retry] | None = None,
    keys: Mapping[str, str] | None = None,
    not_done: Mapping[str, NotDoneErrors] | None = None,
    reconcile: Mapping[str, Callable[..., Any]] | None = None,
    from_state: Mapping[str, Mapping[str, str] | Sequence[str]] | None = None,
    prefix: str = "",
    trust_hints: bool = False,
) -> list[Tool[..., Any]]:
    """Makes the tools of an MCP server tools: nodes, or what models are given.

    What is not said of a tool is the worst: ``once`` and ``high``. The server's own hints are suggestions by
    whoever wrote it, and count only where ``trust_hints=True``. Every option is by the tool's name at the server.

    Arguments are validated by the tool's JSON schema before anything is sent. The result is its structured
    content, else its text, with pictures and files described in words. An error result, a timeout and a server
    that dies prove nothing: a ``once`` tool is then of unknown effect, unless ``not_done=`` lists ``McpError``.

    Args:
        server: an ``McpServer``, or what it takes: a command as a list, ``StdioServerParameters``, a URL. An open
            ``ClientSession`` belongs to its loop: ``await afrom_mcp(session)``.
        tools: the tools that are taken, in this order; by default all.
        effects: ``none``, ``idempotent`` or ``once``.
        stakes: ``low`` or ``high``.
        writes: the state field that the result is stored in.
        timeout: for one attempt; one for all, or by tool; by default a minute.
        retry: how failed attempts are tried again; for ``once`` it needs ``reconcile``.
        keys: path to the business key in the arguments: once per key across all runs.
        not_done: exceptions that prove that nothing was done.
        reconcile: a function of the same arguments that asks the world: the result, or ``NOT_DONE``.
        from_state: parameters that are taken from the state and hidden from models: names, or field by name.
        prefix: put before each name, so that two servers' tools are told apart.
        trust_hints: take ``readOnlyHint`` for effect ``none`` and stakes ``low``, and ``idempotentHint`` for
            ``idempotent``, where nothing else is said.

    Raises:
        NodeError: a name that the server does not offer, or options that contradict each other.
        NotSent: the server cannot be reached.
        ToolMissing: the package ``mcp`` is not installed.
    """
    where = caller()
    options = {name: value for name, value in locals().items() if name in _BY_NAME}
    serving = _serving(server, where, running=False)
    offered = run_blocking(serving.tools)
    return _made(serving, offered, tools, options, prefix, trust_hints, where)


async def afrom_mcp(
    server: Source,
    /,
    *,
    tools: Sequence[str] | None = None,
    effects: Mapping[str, Effect] | None = None,
    stakes: Mapping[str, Stakes] | None = None,
    writes: Mapping[str, str] | None = None,
    timeout: Duration | Mapping[str, Duration] = DEFAULT_TIMEOUT,  # noqa: ASYNC109  # of each call, not of this one
    retry: Mapping[str, Retry] | None = None,
    keys: Mapping[str, str] | None = None,
    not_done: Mapping[str, NotDoneErrors] | None = None,
    reconcile: Mapping[str, Callable[..., Any]] | None = None,
    from_state: Mapping[str, Mapping[str, str] | Sequence[str]] | None = None,
    prefix: str = "",
    trust_hints: bool = False,
) -> list[Tool[..., Any]]:
    """Like ``from_mcp``, inside a running loop; takes an open session too.

    An open session is called on its own loop and never opened again: a run that is resumed in another process
    needs tools that are made there.

    Args:
        server: as for ``from_mcp``, or an open ``ClientSession`` or ``mcp.Client``.
        tools: the tools that are taken.
        effects: ``none``, ``idempotent`` or ``once``.
        stakes: ``low`` or ``high``.
        writes: the state field that the result is stored in.
        timeout: for one attempt.
        retry: how failed attempts are tried again.
        keys: path to the business key in the arguments.
        not_done: exceptions that prove that nothing was done.
        reconcile: asks the world.
        from_state: parameters that are taken from the state.
        prefix: put before each name.
        trust_hints: believe the server's hints where nothing else is said.

    Raises:
        NodeError: a name that the server does not offer, or options that contradict each other.
        NotSent: the server cannot be reached.
        ToolMissing: the package ``mcp`` is not installed.
    """
    where = caller()
    options = {name: value for name, value in locals().items() if name in _BY_NAME}
    serving = _serving(server, where, running=True)
    offered = await serving.tools()
    return _made(serving, offered, tools, options, prefix, trust_hints, where)


_BY_NAME = ("effects", "stakes", "writes", "timeout", "retry", "keys", "not_done", "reconcile", "from_state")
_ONE = {"effects": "effect", "keys": "key"}


def _serving(server: Any, where: str | None, *, running: bool) -> Serving:
    require_sdk(where)
    from mcp import Client, ClientSession

    if isinstance(server, McpServer | GivenSession):
        return server
    if isinstance(server, ClientSession | Client):
        if not running:
            raise NodeError(
                "an open session belongs to the loop that opened it; there, write: tools = await afrom_mcp(session). "
                "Given by its address instead, a server is also found by a run that is resumed elsewhere",
                where=where,
            )
        return GivenSession(server)
    return McpServer(server)


def _made(
    server: Serving,
    offered: list[Offered],
    wanted: Sequence[str] | None,
    options: dict[str, Any],
    prefix: str,
    trust_hints: bool,
    where: str | None,
) -> list[Tool[..., Any]]:
    there = {tool.name: tool for tool in offered}
    names = list(there) if wanted is None else [wanted] if isinstance(wanted, str) else list(wanted)
    for option, found in (("tools", names), *options.items()):
        for name in found if option == "tools" or is_mapping(found) else ():
            _must_be_there(name, option, there, server.name, where)
    made: dict[str, Tool[..., Any]] = {}
    for name in names:
        given = {_ONE.get(option, option): _of(found, name) for option, found in options.items()}
        tool = _tool(server, there[name], given, prefix, trust_hints, where)
        if tool.name in made:
            raise NodeError(f"two tools of the MCP server {server.name!r} are named {tool.name!r}", where=where)
        made[tool.name] = tool
    return list(made.values())


def _must_be_there(name: str, option: str, there: Mapping[str, Any], server: str, where: str | None) -> None:
    if name in there:
        return
    near = get_close_matches(name, there, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise NodeError(
        f"from_mcp({option}=...) names {name!r}, which the MCP server {server!r} does not offer.{hint} "
        f"It offers: {', '.join(there) or 'nothing'}",
        where=where,
    )


def _of(found: Any, name: str) -> Any:
    return found.get(name) if is_mapping(found) else found


def _tool(
    server: Serving, remote: Offered, given: dict[str, Any], prefix: str, trust_hints: bool, where: str | None
) -> Tool[..., Any]:
    name, schema = remote.name, remote.input_schema
    title = f"the tool {name!r} of the MCP server {server.name!r}"
    properties = schema.get("properties")
    hidden = taken_from_state(given.pop("from_state"), list(properties) if is_mapping(properties) else [], title, where)
    params = params_of(schema, hidden, title, where)
    whole = validator(schema, title, where)
    expected = fingerprint(remote)
    foreign = Foreign(
        server.name,
        digest([server.name, expected]),
        shown(schema, hidden),
        lambda arguments: misfit(whole, arguments),
        remote=True,
    )
    effect, stakes = _hinted(remote) if trust_hints else ("once", "high")
    options = {key: value for key, value in given.items() if value is not None} | {
        "effect": given["effect"] or effect,
        "stakes": given["stakes"] or (stakes if given["effect"] in (None, effect) else "high"),
        "timeout": given["timeout"] or DEFAULT_TIMEOUT,
        "description": remote.description or remote.title or "",
    }

    async def call(**arguments: Any) -> Any:
        return _value(remote, await server.call(name, arguments, expected))

    plain = re.sub(r"[^A-Za-z0-9_-]", "_", f"{prefix}{name}")
    return make_tool(call, plain, Signature(params, Any), options, title, where, foreign)


def _hinted(remote: Offered) -> tuple[Effect, Stakes]:
    """What the server says of a tool; what it does not say is the worst, as the protocol has it."""
    hints = remote.annotations
    if hints is not None and hints.read_only_hint:
        return "none", "low"
    if hints is not None and hints.idempotent_hint:
        return "idempotent", "high"
    return "once", "high"


# results


def _value(remote: Offered, result: CallToolResult) -> Any:
    """The structured content, else the text."""
    found = result.structured_content
    if found is None:
        return "\n".join(_words(item) for item in result.content)
    return found["result"] if is_dict(found) and found.keys() == {"result"} and _wrapped(remote) else found


def _wrapped(remote: Offered) -> bool:
    """Whether the SDK put a result that is no object into one, under the name ``result``."""
    schema = remote.output_schema or {}
    return list(schema.get("properties", ())) == ["result"] and str(schema.get("title", "")).endswith("Output")


def _words(item: Any) -> str:
    """A piece of content in words: text as it is, anything else described."""
    if item.type == "text":
        return str(item.text)
    if item.type in ("image", "audio"):
        return f"[{item.type}: {item.mime_type}, {_size(item.data)} bytes]"
    if item.type == "resource_link":
        return f"[link: {item.uri}{f', {item.name}' if item.name else ''}]"
    inner: Any = getattr(item, "resource", None)
    if hasattr(inner, "text"):
        return str(inner.text)
    if hasattr(inner, "blob"):
        return f"[file: {inner.uri}, {inner.mime_type or 'unknown type'}, {_size(inner.blob)} bytes]"
    return f"[{item.type}]"


def _size(data: str) -> int:
    """How many bytes base64 stands for."""
    return len(data.rstrip("=")) * 3 // 4
