"""How the log tells that a run was tried again, or went on: as it was, or under another version of its flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .words import place_of

Lines = list[tuple[str, str]]


def onward(body: dict[str, Any], build: str | None, label: Callable[[str], str]) -> tuple[str, Lines]:
    """A resumption, a retry or a migration in words, and what is said below it.

    Args:
        body: as journalled.
        build: the version that the run was of, where that is known.
        label: a branch in words.
    """
    where = [("from", label(path)) for path in body.get("branches", ())]
    places = body.get("places", ())
    stands: Lines = []
    for place in places:
        name = label(place["branch"])
        stands.append(
            ("from" if body.get("retry") else "stands", place_of(place["to"]) + (f", {name}" if name else ""))
        )
    if body.get("retry"):
        return f"retried by {body['by']}", [("note", body.get("note") or ""), *where, *stands]
    asked = [("asked anew", request) for request in body.get("renewed", ())]
    if "from" in body:
        applied = ", ".join(body.get("applied", ()))
        told = [("migration", applied), ("build", str(body.get("build") or ""))]
        return "went on under another version of its flow", [*told, *where, *stands, *asked]
    changed = build is not None and body.get("build") != build
    head = "went on under a changed flow" if changed else "went on from where it was"
    return head, [("build", str(body.get("build") or "") if changed else ""), *where, *asked]
