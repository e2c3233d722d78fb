"""How the log tells of bounds that were broken (a model's tokens, a call's time), and of how calls ended."""

from __future__ import annotations

from typing import Any

from .screen import told
from .words import VALUE, call_text, error_text


def breach(body: dict[str, Any], call: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """A breach in words, and what is said below it.

    Args:
        body: as journalled.
        call: the intent of the call that it is about; empty where that is not of the step under way.
    """
    if "used" in body:
        return f"breach: {body['used']} tokens where {body['allowed']} were allowed", []
    what = call_text(call["tool"], call["arguments"]) if call.get("kind") == "tool" else body["slot"]
    if "holder" in body:
        return f"overran its timeout, and still runs in {body['by']}: {what}", []
    lines = [
        ("error", error_text(body["ended"]) if body.get("ended") else ""),
        ("result", told(body["value"], VALUE) if "value" in body else ""),
    ]
    if body.get("settled"):
        return f"ended otherwise than it was settled: {what}", lines
    return f"ended late, and nobody knows whether it happened: {what}", lines


def ended(body: dict[str, Any], what: str) -> tuple[str, str] | None:
    """How a call ended, where that is more than that it returned; None else.

    Args:
        body: the journalled result.
        what: what was called.
    """
    if "late" in body:
        return "ended late", f"{what}: {told(body['value'], VALUE) if 'value' in body else error_text(body['error'])}"
    if "reused" in body:
        used = body["reused"]
        return "reused", f"{what}: the result of key {used['key']} from run {used['run']}"
    if "inherited" in body:
        return "inherited", f"{what}: the result of run {body['inherited']['run']}"
    if body.get("reconciled"):
        return "reconciled", f"{what} had happened: {told(body.get('value'), VALUE)}"
    return None
