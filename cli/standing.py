"""How a run stands, for people: its places, what must be settled, what is asked, its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .crowds import SHOWN
from .data import of_spent
from .inside import inside
from .requests import show_request
from .screen import Screen, moment, told
from .unsettled import CHANGED, running_in
from .words import call_text, error_text, place_of

if TYPE_CHECKING:
    from ..runs.store import Event, RunRow
    from ..runs.views import Request
    from .past import Past
    from .places import Places
    from .spots import Spot

VALUE = 1000
"""How many characters of a field ``show`` writes; ``--all`` and ``--json`` have all of it."""

_IS = {"waiting": "waits for people", "parked": "parked", "working": "can go on"}


def standing_of(row: RunRow, *, dead: bool) -> str:
    """A run's status in words.

    Args:
        row: the run.
        dead: the process that drove it is known to have died.
    """
    if row.status == "ended":
        return f"ended, {row.verdict}" + (f" at {row.end}" if row.end else ", no way on")
    if dead:
        return f"{row.status}, and its process died: resume it"
    if row.status == "running":
        return f"running, driven by {row.holder}" if row.holder else "running, and nobody drives it: resume it"
    return row.status


def show_run(
    screen: Screen,
    row: RunRow,
    found: Past,
    asked: Sequence[Request],
    events: Sequence[Event],
    *,
    whole: bool,
    dead: bool,
) -> None:
    """Writes how a run stands.

    Args:
        screen: where.
        row: the run.
        found: what its events tell.
        asked: its open requests.
        events: its events.
        whole: however much it is.
        dead: the process that drove it is known to have died.
    """
    most = max(len(asked), len(found.places.spots)) if whole else SHOWN
    screen.line(f"run {row.id} of {row.flow}: {standing_of(row, dead=dead)}", "bold")
    pairs = [("started", f"{moment(row.created)} by {row.by or 'nobody named'}"), ("updated", moment(row.updated))]
    if found.forked is not None:
        pairs.append(("forked", f"from run {found.forked['run']}, after its step {found.forked['at']}"))
    if row.tags:
        pairs.append(("tags", ", ".join(row.tags)))
    pairs += _places(found.places, most)
    pairs.append(("spent", _spent(of_spent(found.spent))))
    if row.error is not None:
        pairs.append(("error", error_text(row.error)))
    if row.verdict == "failed":
        pairs += _again(found.places, events, most)
    pairs += _parked(found.places, most, row.id)
    limit = None if whole else VALUE
    for number, (name, value) in enumerate(found.state.items()):
        pairs.append(("state" if number == 0 else "", f"{name}: {told(value, limit)}"))
    for number, (name, parts) in enumerate(found.merged.items()):
        said = f"{name}, in {times(len(parts), 'write')}: {told(parts, limit)}"
        pairs.append(("merged" if number == 0 else "", said))
    pairs.append(("flow", f"shape {row.shape}, build {row.build}"))
    screen.pairs(pairs)
    for item in asked[:most]:
        screen.say()
        show_request(screen, item, row.by, found.places)
    if len(asked) > most:
        screen.say()
        screen.line(f"{len(asked) - most} requests more: --all, or guideway inbox", "dim")


def _places(places: Places, most: int) -> list[tuple[str, str]]:
    """Where it stands: in one line where that is one place, else how far all has come, and the places."""
    found = places.standing()
    done = f"{times(places.steps, 'step')} done"
    stands = "stood at" if places.cancelled else "stands at"
    if not found or found == [places.root]:
        return [(stands, f"{place_of(places.root.at)}, {done}")]
    if len(found) == 1:
        return [(stands, f"{_spot(places, found[0])}, {done}")]
    pairs = [(stands, f"{len(found)} places, {done}")]
    pairs += [("inside", one.text()) for one in inside(places) if one.kind != "subflow"]
    others = [spot for spot in found if spot.state != "parked"]  # what is parked is told by itself
    pairs += [("place", _spot(places, spot)) for spot in others[:most]]
    return [*pairs, *_more(len(others) - most)]


def _spot(places: Places, spot: Spot) -> str:
    where = places.label(spot.path)
    at = "" if spot.item and not spot.steps and spot.state != "parked" and "node" in spot.at else place_of(spot.at)
    state = "" if places.cancelled else _IS.get(spot.state, "")
    return ", ".join(part for part in (at, where, state) if part)


def _parked(places: Places, most: int, run: str) -> list[tuple[str, str]]:
    found = places.parked()
    pairs: list[tuple[str, str]] = []
    for spot in found[:most]:
        where = places.label(spot.path)
        pairs.append(("parked", f"{spot.name}{', ' if where else ''}{where}: {spot.at['parked']}"))
        pairs += [("open call", _call(slot)) for slot in spot.calls.values()]
        process = running_in(spot)
        if process is not None:
            pairs.append(("running", f"it overran its timeout and still runs in {process}, as far as is known"))
        if spot.at["parked"] == "flow_changed":
            pairs.append(("way out", CHANGED))
        elif len(found) == 1:
            pairs.append(("settle", f"guideway settle APP {run} --result JSON | --not-done | --give-up"))
        else:
            pairs.append(("settle", f"--step {spot.path or places.steps + 1}"))
    return [*pairs, *_more(len(found) - most)]


def _again(places: Places, events: Sequence[Event], most: int) -> list[tuple[str, str]]:
    """Where a retry of a run that failed would go on."""
    from ..runs.retrying import places_to_retry

    found = places_to_retry(events)
    inner = [place for place in found if place["again"]] or found
    said = [
        ", ".join(part for part in (place_of(place["to"]), places.label(place["branch"])) if part) for place in inner
    ]
    return [("retry", f"goes on from {text}") for text in said[:most]] + _more(len(said) - most)


def _more(count: int) -> list[tuple[str, str]]:
    return [("", f"and {count} more: --all")] if count > 0 else []


def _call(slot: dict[str, Any]) -> str:
    if slot.get("kind") != "tool":
        return told(slot)
    return f"{call_text(slot['tool'], slot['arguments'])}, key {slot['key']}"


def times(count: int, what: str) -> str:
    """A number of things.

    Args:
        count: how many.
        what: one of them.
    """
    return f"{count} {what}" + ("" if count == 1 else "s")


def _spent(spent: dict[str, Any]) -> str:
    return (
        f"{times(spent['steps'], 'step')}, {times(spent['calls'], 'call')}, {times(spent['tokens'], 'token')}, "
        f"${spent['usd']:.4f}, {spent['seconds']:.2f} s of work"
    )
