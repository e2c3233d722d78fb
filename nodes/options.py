"""The options of decorators: a mistake in them is an error at the author's line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from ..errors import NodeError
from ..guards.retry import Retry

_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_options(options: Mapping[str, Any], known: tuple[str, ...], title: str, where: str | None) -> None:
    """Refuses options that a decorator does not have, and those that every node has where they are none.

    Args:
        options: what was given.
        known: the names there are.
        title: the decorator, for the message.
        where: the author's place.

    Raises:
        NodeError: a name is unknown (the nearest one is told), or name, writes or retry is of a wrong type.
    """
    for given in options:
        if given not in known:
            near = get_close_matches(given, known, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise NodeError(f"{title} has no option {given!r}.{hint} There are: {', '.join(known)}", where=where)
    name, writes, retry = options.get("name"), options.get("writes"), options.get("retry")
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise NodeError(f"{title} has name={name!r}; a name is text", where=where)
    if writes is not None and (not isinstance(writes, str) or not writes.isidentifier()):
        raise NodeError(f"{title} has writes={writes!r}; name the state field as text: writes='order'", where=where)
    if retry is not None and not isinstance(retry, Retry):
        raise NodeError(f"{title} has retry={retry!r}; write retry=Retry(attempts=3)", where=where)


def check_tool_name(name: str, title: str, where: str | None) -> None:
    """Refuses a name under which no provider takes a tool.

    Args:
        name: the tool's name.
        title: where it is given to a model.
        where: the author's place.

    Raises:
        NodeError: it holds something else than letters, digits, - and _, or is too long.
    """
    if not _TOOL_NAME.fullmatch(name):
        raise NodeError(
            f"{title} has a tool named {name!r}: models call tools by names of at most 64 letters, digits, - and _; "
            "give it another with .named('...')",
            where=where,
        )
