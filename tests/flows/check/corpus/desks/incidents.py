"""An incident: signals are read side by side, a cause is found, and something is done about it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel

from guideway import End, compute, fields, think, tool


def appended(old: list[str], new: list[str]) -> list[str]:
    """A reducer: what is new comes behind."""
    return [*old, *new]


class Incident(BaseModel):
    """What is broken, what was seen, and what is done."""

    service: str
    logs: list[str] = []
    errors: int = 0
    notes: Annotated[list[str], appended] = []
    cause: Literal["deploy", "load", "unknown"] | None = None
    healthy: bool = False
    ticket: str | None = None


t = fields(Incident)


@tool(effect="none", writes="logs")
def read_logs(service: str) -> list[str]:
    return [service]


@tool(effect="none", writes="errors")
def count_errors(service: str) -> int:
    return len(service)


@compute(writes="notes")
def note_logs(logs: list[str]) -> list[str]:
    return logs[:1]


@compute(writes="notes")
def note_errors(errors: int) -> list[str]:
    return [f"{errors} errors"]


@think(output=Literal["deploy", "load", "unknown"], writes="cause")
def diagnose(service: str, notes: list[str]) -> str:
    return f"Why is {service} broken? {notes}"


def rolled_back(service: str) -> bool:
    """Asks the servers."""
    return bool(service)


@tool(effect="once", stakes="high", timeout=30.0, writes="healthy", reconcile=rolled_back)
def roll_back(service: str) -> bool:
    return bool(service)


@tool(effect="idempotent", stakes="low", writes="healthy")
def scale_up(service: str) -> bool:
    return bool(service)


@tool(effect="none", writes="healthy")
def probe(service: str) -> bool:
    return bool(service)


@tool(effect="idempotent", writes="ticket")
def open_ticket(service: str) -> str:
    return f"ticket about {service}"


mended = End("mended")
escalated = End("escalated", verdict="escalated")
still_broken = End("still broken", verdict="failed")
