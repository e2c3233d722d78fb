"""The fourteen tools by name, and a validated call of one: what the flow's tools and the tests have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from pydantic import ConfigDict, validate_call

from . import reading, writing
from .database import Database

READING: Mapping[str, Callable[..., str]] = {
    tool.__name__: tool
    for tool in (
        reading.get_user_details,
        reading.get_reservation_details,
        reading.list_all_airports,
        reading.search_direct_flight,
        reading.search_onestop_flight,
        reading.calculate,
        reading.think,
        reading.transfer_to_human_agents,
    )
}

WRITING: Mapping[str, Callable[..., str]] = {
    tool.__name__: tool
    for tool in (
        writing.book_reservation,
        writing.update_reservation_flights,
        writing.update_reservation_baggages,
        writing.update_reservation_passengers,
        writing.cancel_reservation,
        writing.send_certificate,
    )
}

ALL: Mapping[str, Callable[..., str]] = {**READING, **WRITING}

_validated = validate_call(config=ConfigDict(arbitrary_types_allowed=True))
_VALIDATED: Mapping[str, Callable[..., str]] = {name: _validated(tool) for name, tool in ALL.items()}
_ON_DATABASE = frozenset(name for name, tool in ALL.items() if "database" in signature(tool).parameters)


def perform(database: Database, name: str, arguments: Mapping[str, Any]) -> str:
    """Calls a tool with the arguments that an agent wrote.

    Args:
        database: the conversation's own.
        name: one of the fourteen.
        arguments: as they came, validated here.

    Raises:
        AirlineError: the tool says no, and changed nothing.
        ValidationError: pydantic's; the arguments do not fit.
        KeyError: there is no such tool.
    """
    tool = _VALIDATED[name]
    return tool(database, **arguments) if name in _ON_DATABASE else tool(**arguments)
