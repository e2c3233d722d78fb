"""How the log and the other commands say things: calls, errors, guards, positions."""

from __future__ import annotations

from typing import Any

from ..runs.codec import read_tried
from .places import target_of
from .screen import told

VALUE = 300
"""How many characters of a value the log shows; ``--json`` has all of it."""

_WORDS = {True: "true", False: "false", None: "unknown"}


def place_of(to: dict[str, Any]) -> str:
    """A position in words.

    Args:
        to: as journalled.
    """
    if "node" in to:
        return str(to["node"])
    if "gate" in to:
        return f"the gate before {target_of(to['gate'])}"
    if "parked" in to:
        return place_of(to["at"])
    if "fork" in to:
        return f"the branches of {to['fork']}"
    if "head" in to:
        return target_of(to["head"])
    if "join" in to:
        return f"the join at {to['join']}"
    if "left" in to:
        return f"out of its branches, by the failure of {to['source']}"
    return "no way on" if to.get("end") is None else f"the end {to['end']}"


def call_text(tool: str, arguments: dict[str, Any]) -> str:
    """A call, whole, as one writes it.

    Args:
        tool: its name.
        arguments: by parameter.
    """
    return f"{tool}({', '.join(f'{name}={told(value)}' for name, value in arguments.items())})"


def error_text(error: dict[str, Any]) -> str:
    """An error record in one line.

    Args:
        error: as journalled.
    """
    return f"{error['category']}: {error['type']}: {error['message']}"


def made(call: dict[str, Any]) -> str:
    """A call that was made, in one line.

    Args:
        call: as a step journals it.
    """
    if call.get("kind") == "model":
        price = f", ${call['usd']:.4f}" if call.get("usd") else ""
        said = f"model {call.get('model')}: {call.get('input_tokens')} + {call.get('output_tokens')} tokens{price}"
    else:
        said = call_text(str(call.get("tool")), call.get("arguments") or {})
    return said + (f"  failed: {error_text(call['error'])}" if call.get("error") else "")


def fields(label: str, values: dict[str, Any]) -> list[tuple[str, str]]:
    """Fields, a line each.

    Args:
        label: in front of the first.
        values: by name.
    """
    lines = [f"{name}: {told(value, VALUE)}" for name, value in values.items()]
    return [(label if place == 0 else "", line) for place, line in enumerate(lines)]


def edges(body: dict[str, Any], source: str) -> list[tuple[str, str]]:
    """The edges tried with their guards' values, and the one taken.

    Args:
        body: an event's.
        source: what the edges start at.
    """
    lines: list[tuple[str, str]] = []
    for entry in read_tried(body):
        asks = any(guard.get("value") is None and "read" not in guard for guard in entry["guards"])
        taken = entry["edge"] == body.get("edge") and not asks
        label = "took" if taken else "asks" if asks and "edge" not in body else "not"
        lines.append((label, entry["edge"].removeprefix(f"{source}: ")))
        lines += [("", f"  {guard_text(guard)}") for guard in entry["guards"]]
    return lines


def guard_text(guard: dict[str, Any]) -> str:
    """A guard with its value and what it read, in one line.

    Args:
        guard: as journalled.
    """
    value = guard.get("value")
    looked: dict[str, Any] = guard.get("read") or {}
    read = ", ".join(f"{name} = {told(item, VALUE)}" for name, item in looked.items())
    if "edited" in guard:
        said = f"{guard['guard']}: the arguments were changed by {guard['edited']['by']}"
    elif value is None and "read" not in guard:
        said = f"{guard['guard']} asks"
    else:
        said = f"{guard['guard']} is {_WORDS.get(value, str(value))}"
    extra = [part for part in (guard.get("no"), guard.get("note"), guard.get("request"), read) if part]
    return f"{said} ({', '.join(str(part) for part in extra)})" if extra else said


def refusal_text(refusal: dict[str, Any]) -> str:
    """A no in one line.

    Args:
        refusal: as journalled.
    """
    parts = [f"{refusal['gate']} {refusal['kind']}"]
    parts += [f"by {refusal['who']}"] if refusal.get("who") else []
    parts += [str(refusal["note"])] if refusal.get("note") else []
    return ", ".join(parts)
