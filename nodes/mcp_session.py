"""One session with an MCP server: what went over the wire, what it answered, and what that proves."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TextIO

from .categories import classify
from .context import NotSent
from .source import digest

if TYPE_CHECKING:
    from mcp import ClientSession
    from mcp.types import CallToolResult
    from mcp.types import Tool as Offered


class McpError(Exception):
    """An MCP server answered with an error instead of a result; its text is the server's.

    Its category is ``declined``. It does not prove that nothing was done: a ``once`` tool is then of unknown
    effect, unless its ``not_done=`` lists this class.

    Args:
        message: what the server says.
        code: the protocol's code; None where the tool itself failed.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class McpBadResult(McpError):
    """An MCP server answered with something that does not keep to the protocol, or to the tool's own schema."""


class McpClosed(ConnectionError):
    """An MCP server went away after a call was sent: nobody knows whether it acted."""


classify.register(McpError, "declined")
classify.register(McpBadResult, "invalid_output")


class Wire:
    """Whether a connection still stands, as its streams tell it."""

    def __init__(self) -> None:
        self.open = True
        self.watched = False
        self.on_shut: Callable[[], None] | None = None

    def shut(self) -> None:
        """The connection has ended."""
        self.open = False
        if self.on_shut is not None:
            self.on_shut()


@dataclass
class Live:
    """An open session.

    Args:
        session: the SDK's.
        name: what the server calls itself.
        wire: whether it still stands.
        ended: set where the session is to end.
        stale: the server has told that its tools changed.
    """

    session: ClientSession
    name: str | None
    wire: Wire
    ended: asyncio.Event
    stale: bool = False
    _tools: dict[str, Offered] = field(default_factory=lambda: {})

    @property
    def tools(self) -> dict[str, Offered]:
        """The tools that the server offers, by name."""
        return self._tools

    @tools.setter
    def tools(self, found: dict[str, Offered]) -> None:
        self._tools = found
        self.__dict__.pop("prints", None)

    @cached_property
    def prints(self) -> dict[str, str]:
        """The fingerprint of each tool, by name."""
        return {name: fingerprint(tool) for name, tool in self._tools.items()}

    def close(self) -> None:
        """Ends the session; its task does the rest."""
        self.wire.open = False
        self.ended.set()


def fingerprint(tool: Offered) -> str:
    """The hash of what a server says about a tool: its name, description and schemas.

    Args:
        tool: the tool.
    """
    return digest([tool.name, tool.description, tool.input_schema, tool.output_schema])


@asynccontextmanager
async def opened(address: Any, wire: Wire) -> AsyncGenerator[Live, None]:
    """Opens a session, shakes hands, and ends it.

    Args:
        address: what ``mcp.Client`` takes, or a function that makes a transport.
        wire: told when the connection ends.
    """
    from mcp import Client, StdioServerParameters, stdio_client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.types import ToolListChangedNotification

    ended = asyncio.Event()
    wire.on_shut = ended.set
    found: list[Live] = []

    async def hear(message: Any) -> None:
        if isinstance(message, ToolListChangedNotification) and found:
            found[0].stale = True

    with _errors() as errors:
        target = address
        if isinstance(address, StdioServerParameters):
            target = _Watched(stdio_client(address, errlog=errors), wire)
        elif isinstance(address, str):
            target = _Watched(streamable_http_client(address), wire)
        elif callable(address):
            make: Callable[[], Any] = address
            target = _Watched(make(), wire)
        async with Client(target, message_handler=hear, cache=None) as client:
            told = client.server_info
            found.append(Live(client.session, None if told is None else told.name, wire, ended))
            yield found[0]


class _errors:  # noqa: N801  # used like the function that it stands for
    """Where a server's standard error goes: the process's own, if that is a file at all."""

    def __enter__(self) -> TextIO:
        self.own: TextIO | None = None
        try:
            sys.stderr.fileno()
        except (AttributeError, OSError, ValueError):  # a notebook's, a test's
            self.own = open(os.devnull, "w", encoding="utf-8")
            return self.own
        return sys.stderr

    def __exit__(self, *_: object) -> None:
        if self.own is not None:
            self.own.close()


async def listed(session: ClientSession) -> dict[str, Offered]:
    """All the tools of a server, by name, page by page.

    Args:
        session: the session.
    """
    from mcp.types import PaginatedRequestParams

    found: dict[str, Offered] = {}
    cursor: str | None = None
    for _ in range(1000):  # a server whose pages never end is not believed
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor))
        found |= {tool.name: tool for tool in page.tools}
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


async def answer(
    session: ClientSession, server: str, name: str, arguments: dict[str, Any], *, watched: bool = False
) -> CallToolResult:
    """Calls a tool once, and says what an ending without a result proves.

    Args:
        session: the session.
        server: the server's name, for messages.
        name: the tool's name at the server.
        arguments: JSON-able.
        watched: the connection's streams tell what passes.

    Raises:
        NotSent: the connection was gone before anything was sent.
        McpClosed: it went away after that.
        McpError: the server answered with an error.
    """
    from mcp import MCPError
    from mcp.types import CONNECTION_CLOSED, TextContent
    from pydantic import ValidationError

    sent = Passed()
    _SENDING.set(sent)  # the task is the call's own
    try:
        result = await session.call_tool(name, arguments)
    except MCPError as error:
        if error.code != CONNECTION_CLOSED:
            raise McpError(f"{name!r} of the MCP server {server!r}: {error.message}", error.code) from error
        if watched and not sent.passed:
            raise NotSent(f"the MCP server {server!r} was gone before {name!r} was called") from error
        raise McpClosed(f"the MCP server {server!r} went away during {name!r}: {error.message}") from error
    except (RuntimeError, ValidationError) as error:  # how the SDK says that an answer is not what was promised
        raise McpBadResult(f"{name!r} of the MCP server {server!r}: {error}") from error
    if result.is_error:
        said = "\n".join(item.text for item in result.content if isinstance(item, TextContent))
        raise McpError(said or f"{name!r} of the MCP server {server!r} failed and does not say why")
    return result


class Passed:
    """Whether a call was handed to the wire, and so may have been sent."""

    passed = False


_SENDING: ContextVar[Passed | None] = ContextVar("guideway_mcp_sending", default=None)


class _Watched(AbstractAsyncContextManager[Any]):
    """A transport whose streams tell what passes.

    Args:
        inner: the transport.
        wire: told when it ends.
    """

    def __init__(self, inner: AbstractAsyncContextManager[Any], wire: Wire) -> None:
        self.inner, self.wire = inner, wire

    async def __aenter__(self) -> Any:
        read, write = await self.inner.__aenter__()
        self.wire.watched = True
        return _Read(read, self.wire), _Write(write)

    async def __aexit__(self, *exit: Any) -> bool | None:
        return await self.inner.__aexit__(*exit)


class _Stream:
    """A stream that passes everything on."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def __aenter__(self) -> Self:
        await self.inner.__aenter__()
        return self

    async def __aexit__(self, *exit: Any) -> bool | None:
        found: bool | None = await self.inner.__aexit__(*exit)
        return found


class _Read(_Stream):
    """The stream of what a server says; its end is the end of the connection."""

    def __init__(self, inner: Any, wire: Wire) -> None:
        super().__init__(inner)
        self.wire = wire

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.inner.__anext__()
        except BaseException:
            self.wire.shut()
            raise


class _Write(_Stream):
    """The stream of what a server is told; a call that was handed over may have been sent."""

    async def send(self, item: Any) -> None:
        """Hands a message over.

        Args:
            item: the message.
        """
        sent = _SENDING.get()
        if sent is not None:
            sent.passed = True
        await self.inner.send(item)
