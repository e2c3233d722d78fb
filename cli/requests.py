"""A request as a person decides about it: whole, with what strangers wrote marked."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .places import Places
from .screen import Screen, moment, told
from .words import VALUE, call_text

if TYPE_CHECKING:
    from ..runs.editing import Change
    from ..runs.views import Request


def show_request(screen: Screen, request: Request, starter: str | None, places: Places | None = None) -> None:
    """Writes a request: what will run with its whole arguments, what is shown, who asked, until when.

    Args:
        screen: where.
        request: the request.
        starter: who started the run.
        places: where the run stands: they tell which item it is about, and what that is.
    """
    what = (
        f"{request.node} asks" if request.kind == "answer" else f"{request.gate} must decide before {request.node} runs"
    )
    screen.say(what, "bold yellow")
    pairs = [("request", request.id), ("run", f"{request.run}, started by {starter or 'nobody named'}")]
    if request.branch:
        pairs.append(("in", (places or Places()).label(request.branch)))
    item = None if places is None else places.item(request.branch)
    if item is not None:
        pairs.append(("item", told(item, VALUE)))
    pairs += [("role", request.role), ("question", request.question)]
    for place, (name, value) in enumerate(request.shows.items()):
        pairs.append(("shown" if place == 0 else "", f"{name} = {told(value)}"))
    if request.call is not None:
        pairs.append(("to run", call_text(request.call.tool, request.call.arguments)))
        for edit in request.edited:
            note = f" ({edit['note']})" if edit.get("note") else ""
            pairs.append(("edited", f"by {edit['by']}: {change_text(edit['before'], edit['after'])}{note}"))
        pairs.append(("source", request.call.source[:12]))
    pairs.append(("digest", request.digest))
    pairs.append(("asked", moment(request.asked)))
    pairs.append(("expires", expiry(request.expires)))
    if request.quorum > 1:
        yes = sorted({str(decision["by"]) for decision in request.decisions if decision["status"] == "approved"})
        pairs.append(("quorum", f"{len(yes)} of {request.quorum} said yes{': ' if yes else ''}{', '.join(yes)}"))
    if request.not_by:
        pairs.append(("not by", ", ".join(request.not_by)))
    screen.pairs(pairs)


def show_edits(screen: Screen, change: Change) -> None:
    """Writes what is about to be changed, before and after; that another person must say yes to it.

    Args:
        screen: where.
        change: the arguments, as they are and as they would run.
    """
    screen.pairs([("change", change_text(change.before, {name: value})) for name, value in change.after.items()])
    screen.say("Another person must say yes to the edited call before it runs.", "bold yellow")


def change_text(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Changed arguments in one line, each as it was and as it is to run.

    Args:
        before: by argument.
        after: by argument.
    """
    return ", ".join(f"{name} = {told(before[name])} -> {told(value)}" for name, value in after.items())


def expiry(at: float | None) -> str:
    """When a request runs out, with how long that is.

    Args:
        at: seconds since the epoch; None for never.
    """
    if at is None:
        return "never"
    left = at - time.time()
    if left <= 0:
        return f"{moment(at)} (over)"
    hours, minutes = int(left // 3600), int(left % 3600 // 60)
    return f"{moment(at)} (in {hours} h {minutes} min)" if hours else f"{moment(at)} (in {minutes} min)"
