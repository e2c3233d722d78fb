"""The connection to an MCP server: started when first needed, and anew after it died; no call is ever sent twice."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar
from weakref import WeakSet

from ..errors import NodeError, ToolMissing, caller
from ..guards.durations import Duration, seconds
from .context import NotSent, ToolError
from .mcp_session import Live, McpClosed, Wire, answer, listed, opened
from .shapes import is_series

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from mcp import ClientSession, StdioServerParameters
    from mcp.server import MCPServer
    from mcp.types import CallToolResult
    from mcp.types import Tool as Offered

    Address = StdioServerParameters | MCPServer | Sequence[str] | str | Callable[[], AbstractAsyncContextManager[Any]]
else:
    Address = Any

T = TypeVar("T")


class Serving(Protocol):
    """Whoever knows an MCP server's tools and calls them."""

    @property
    def name(self) -> str:
        """What the server is called."""
        ...

    async def tools(self) -> list[Offered]:
        """The tools that the server offers now."""
        ...

    async def call(self, name: str, arguments: dict[str, Any], expected: str | None = None) -> CallToolResult:
        """Calls a tool once.

        Args:
            name: the tool's name at the server.
            arguments: JSON-able.
            expected: the fingerprint of the tool that is meant; None takes whatever has the name.
        """
        ...


class McpServer:
    """An MCP server, by its address. Nothing is started before a tool is listed or called.

    Its session runs on a loop in a thread of its own, so that tools can be called from any loop and any thread.
    A server that died is started again by the next call. The call that it died in is not sent again: whether it
    acted is unknown. A context manager; ``close()`` ends the session and the server's process.

    Args:
        address: a command as a list, ``StdioServerParameters``, the URL of a streamable HTTP endpoint, an
            ``MCPServer`` of this process, or a function that makes a transport of the MCP SDK.
        name: what it is called in hashes and messages; by default what it calls itself. Give one where the same
            program serves several worlds (staging, production): an approval for one is then none for the other.
        patience: how long a start, with the list of tools, may take.

    Raises:
        ToolMissing: the package ``mcp`` is not installed.
        NodeError: the address is none.
    """

    def __init__(self, address: Address, *, name: str | None = None, patience: Duration = 30.0) -> None:
        where = caller()
        require_sdk(where)
        self._open = _opener(address, where)
        self._given = name
        self._known = name
        self._patience = seconds(patience, "patience")
        self._home: _Home | None = None
        self._guard = threading.Lock()

    @property
    def name(self) -> str:
        """Its name: the one given, else what it calls itself once it was reached."""
        return self._known or "mcp"

    async def tools(self) -> list[Offered]:
        """The tools that the server offers now.

        Raises:
            NotSent: it cannot be reached.
        """

        async def work(home: _Home) -> list[Offered]:
            live = await self._live(home)
            live.stale = True  # whoever asks for the list wants it as it is now
            return list((await self._live(home)).tools.values())

        return await self._on_home(work)

    async def call(self, name: str, arguments: dict[str, Any], expected: str | None = None) -> CallToolResult:
        """Calls a tool once; see ``Serving.call``.

        Args:
            name: the tool's name at the server.
            arguments: JSON-able.
            expected: the fingerprint of the tool that is meant.

        Raises:
            NotSent: the server cannot be reached; nothing was sent.
            ToolError: it offers no such tool any more; nothing was sent.
            McpClosed: it went away during the call.
            McpError: it answered with an error.
        """

        async def work(home: _Home) -> CallToolResult:
            live = await self._live(home)
            _same(live, self.name, name, expected)
            try:
                return await answer(live.session, self.name, name, arguments, watched=live.wire.watched)
            except (McpClosed, NotSent):
                live.close()
                raise

        return await self._on_home(work)

    # the session

    async def _live(self, home: _Home) -> Live:
        async with home.lock:
            if home.live is None or not home.live.wire.open:
                home.live = await self._connected(home)
                self._known = self._given or home.live.name or self._known
            elif home.live.stale:
                try:
                    async with asyncio.timeout(self._patience):
                        home.live.tools = await listed(home.live.session)
                except Exception as error:
                    home.live.close()
                    raise NotSent(f"the MCP server {self.name!r} does not list its tools: {_said(error)}") from error
                home.live.stale = False
            return home.live

    async def _connected(self, home: _Home) -> Live:
        ready: asyncio.Future[Live] = home.loop.create_future()
        task = home.loop.create_task(self._serve(ready, Wire()))
        home.tasks.add(task)
        task.add_done_callback(home.tasks.discard)
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.shield(ready)
        except BaseException as error:
            task.cancel()
            if isinstance(error, asyncio.CancelledError):
                raise
            what = f"no answer within {self._patience:g} s" if isinstance(error, TimeoutError) else _said(error)
            raise NotSent(f"the MCP server {self.name!r} cannot be reached: {what}") from error

    async def _serve(self, ready: asyncio.Future[Live], wire: Wire) -> None:
        """One session, from its start to its end, in one task: what it opens is closed where it was opened."""
        try:
            async with self._open(wire) as live:
                live.tools = await listed(live.session)
                ready.set_result(live)
                await live.ended.wait()
        except Exception as error:  # noqa: BLE001  # whoever waits for the session is told; later, the calls were
            if not ready.done():
                ready.set_exception(error)
        finally:
            wire.shut()
            ready.cancel()

    # the thread

    async def _on_home(self, work: Callable[[_Home], Coroutine[Any, Any, T]]) -> T:
        home = self._at_home()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(home), home.loop))

    def _at_home(self) -> _Home:
        with self._guard:
            if self._home is None or self._home.process != os.getpid():  # a fork has no thread of its parent's
                self._home = _Home()
                _OPEN.add(self)
            return self._home

    def close(self) -> None:
        """Ends the session and the server's process; the next call starts them anew."""
        with self._guard:
            home, self._home = self._home, None
        _OPEN.discard(self)
        if home is not None and home.process == os.getpid():
            home.close()

    async def aclose(self) -> None:
        """See ``close``."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"McpServer({self.name!r})"


class _Home:
    """A loop in a daemon thread, and what lives on it."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.lock = asyncio.Lock()
        self.live: Live | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.thread = threading.Thread(target=self._run, name="guideway-mcp", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    def close(self) -> None:
        if self.thread.is_alive():
            ended = asyncio.run_coroutine_threadsafe(self._end(), self.loop)
            try:
                ended.result(timeout=15)
            finally:
                self.loop.call_soon_threadsafe(self.loop.stop)
                self.thread.join(timeout=5)

    async def _end(self) -> None:
        if self.live is not None:
            self.live.close()
        _, late = await asyncio.wait(self.tasks, timeout=10) if self.tasks else (None, set[asyncio.Task[None]]())
        for task in {*late, *(asyncio.all_tasks() - {asyncio.current_task()})}:
            task.cancel()
        await asyncio.sleep(0)


class GivenSession:
    """A session that its owner opened: it is called on its own loop, and never started again.

    Args:
        session: an open ``ClientSession``, or an entered ``mcp.Client``.
        name: what the server is called; by default what it calls itself.
    """

    def __init__(self, session: Any, name: str | None = None) -> None:
        self._session: ClientSession = getattr(session, "session", session)
        self._loop = asyncio.get_running_loop()
        told = self._session.server_info
        self.name = name or (told.name if told is not None else "mcp")

    async def tools(self) -> list[Offered]:
        """The tools that the server offers now."""
        return list((await self._on_loop(listed(self._session))).values())

    async def call(self, name: str, arguments: dict[str, Any], expected: str | None = None) -> CallToolResult:
        """Calls a tool once; see ``Serving.call``.

        Args:
            name: the tool's name at the server.
            arguments: JSON-able.
            expected: not looked at: the session is its owner's, and so is what it is connected to.

        Raises:
            NotSent: the loop of the session has ended.
            McpClosed: the server went away.
            McpError: it answered with an error.
        """
        return await self._on_loop(answer(self._session, self.name, name, arguments))

    async def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        if asyncio.get_running_loop() is self._loop:
            return await work
        if not self._loop.is_running():
            work.close()
            raise NotSent(f"the session of the MCP server {self.name!r} belongs to a loop that has ended")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


_OPEN: WeakSet[McpServer] = WeakSet()


@atexit.register
def _close_all() -> None:
    for server in list(_OPEN):
        server.close()


def require_sdk(where: str | None) -> None:
    """Refuses to go on without the MCP SDK.

    Args:
        where: the author's place.

    Raises:
        ToolMissing: it is not installed, or too old.
    """
    try:
        from mcp import Client  # what version 2 of the SDK brought
    except ImportError as error:
        raise ToolMissing("tools of MCP servers need the MCP SDK: pip install 'guideway[mcp]'", where=where) from error
    del Client


def _opener(address: Any, where: str | None) -> Callable[[Wire], AbstractAsyncContextManager[Live]]:
    """How a session with what an author named is opened."""
    from mcp import StdioServerParameters
    from mcp.server import MCPServer

    if is_series(address) and address and all(isinstance(part, str) for part in address):
        address = StdioServerParameters(command=address[0], args=list(address[1:]))
    elif isinstance(address, str) and not address.startswith(("http://", "https://")):
        raise NodeError(
            f"the MCP server {address!r} is no URL; name a command as a list: ['python', 'server.py']", where=where
        )
    elif isinstance(address, type) or not (
        isinstance(address, str | StdioServerParameters | MCPServer) or callable(address)
    ):
        raise NodeError(
            f"{address!r} is no address of an MCP server; give a command as a list, StdioServerParameters, a URL, "
            "an MCPServer of this process, or a function that makes a transport",
            where=where,
        )
    return lambda wire: opened(address, wire)


def _same(live: Live, server: str, name: str, expected: str | None) -> None:
    """Refuses a call of a tool that is not the one which was read, checked and approved."""
    if expected is None or live.prints.get(name) == expected:
        return
    what = "offers another" if name in live.tools else "does not offer"
    raise ToolError(
        f"the MCP server {server!r} now {what} {name!r}: its description or schema is not the one that this flow was "
        "made with, so it was not called; read its tools anew"
    )


def _said(error: BaseException) -> str:
    """What an exception says; of a group, its first."""
    inner: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    return _said(inner[0]) if inner else str(error) or type(error).__name__


def run_blocking(work: Callable[[], Awaitable[T]]) -> T:
    """Runs a coroutine to its end in a loop of its own; inside a running loop, in a thread of its own.

    Args:
        work: makes the coroutine.
    """

    async def whole() -> T:
        return await work()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(whole())
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1, thread_name_prefix="guideway-mcp") as pool:
        return pool.submit(asyncio.run, whole()).result()
