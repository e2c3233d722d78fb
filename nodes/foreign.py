"""A tool that is defined elsewhere (LangChain's, an MCP server's): its schema, its hash, what it leaves open."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import NodeError
from .shapes import is_mapping

DEFAULT_TIMEOUT = 60.0
"""Seconds for one attempt of a tool from elsewhere, where nothing is said."""


@dataclass(frozen=True, eq=False)
class Foreign:
    """What guideway keeps of a tool that is defined elsewhere.

    Args:
        origin: where it comes from: ``LangChain``, or the MCP server's name.
        source: the hash of what is known of it: another one asks for another approval.
        parameters: the JSON schema of what a model fills.
        check: what is wrong with arguments as a whole, in words; None where they fit.
        remote: a call that was given up may still be at work elsewhere.
        told: what a model is told of a result; None tells it whole.
    """

    origin: str
    source: str
    parameters: dict[str, Any]
    check: Callable[[dict[str, Any]], str | None]
    remote: bool = False
    told: Callable[[Any], Any] | None = None


def shown(schema: Mapping[str, Any], hidden: Collection[str]) -> dict[str, Any]:
    """An object's JSON schema without the properties that a model does not fill.

    Args:
        schema: the schema, whole.
        hidden: the properties that are taken from the state.
    """
    found = {"type": "object", **{name: part for name, part in schema.items() if name != "description"}}
    found["properties"] = {name: part for name, part in _properties(schema).items() if name not in hidden}
    if "required" in schema:
        found["required"] = [name for name in schema["required"] if name not in hidden]
    return found


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found = schema.get("properties")
    return found if is_mapping(found) else {}


def taken_from_state(
    given: Mapping[str, str] | Sequence[str] | None, there: Sequence[str], title: str, where: str | None
) -> dict[str, str]:
    """State field by parameter, of the parameters that a model does not fill.

    Args:
        given: what the author gave: names, or field by name.
        there: the parameters that there are.
        title: what it was given to, for the message.
        where: the author's place.

    Raises:
        NodeError: there is no such parameter.
    """
    if isinstance(given, str):
        given = (given,)
    found = dict(given) if is_mapping(given) else {name: name for name in given or ()}
    for name in found:
        if name not in there:
            raise NodeError(
                f"{title} takes {name!r} from the state, but has no such parameter; there are: "
                f"{', '.join(there) or 'none'}",
                where=where,
            )
    return found
