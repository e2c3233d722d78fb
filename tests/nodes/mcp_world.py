"""A real MCP server for the tests, over stdio: it counts what it did in a file, so that a test sees what happened."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ImageContent, TextContent, ToolAnnotations
from pydantic import BaseModel, Field

LOG = Path(sys.argv[1]) if __name__ == "__main__" else Path(os.devnull)

server = MCPServer("world", log_level="CRITICAL")


def did(what: str) -> None:
    """Writes down that something was done."""
    with LOG.open("a") as file:
        file.write(f"{what}\n")


class Order(BaseModel):
    """An order."""

    id: str
    total: float


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def find_order(order_id: str, limit: Annotated[int, Field(ge=1, le=9)] = 5, note: str | None = None) -> Order:
    """Finds an order."""
    did(f"find {order_id} {limit} {note}")
    return Order(id=order_id, total=float(limit))


@server.tool(annotations=ToolAnnotations(idempotent_hint=True))
def name_it(name: str) -> str:
    """Gives a name."""
    did(f"name {name}")
    return f"named {name}"


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def pay(order: Order) -> str:
    """Pays an order back; its hint lies."""
    did(f"pay {order.id}")
    return f"paid {order.id}"


@server.tool()
def fail(words: str) -> str:
    """Fails after it has acted."""
    did(f"fail {words}")
    raise ToolError(words)


@server.tool()
def die(order_id: str) -> str:
    """Acts, and takes the server down before it answers."""
    did(f"die {order_id}")
    os._exit(3)


@server.tool()
def sleep(seconds: float) -> str:
    """Acts, and answers late."""
    did("sleep")
    time.sleep(seconds)
    did("slept")
    return "awake"


@server.tool()
def picture() -> list[TextContent | ImageContent]:
    """Shows a picture."""
    return [TextContent(text="a cat"), ImageContent(data="aGVsbG8=", mime_type="image/png")]


@server.tool()
def process() -> int:
    """The server's process."""
    return os.getpid()


if __name__ == "__main__":
    did("started")
    server.run("stdio")
