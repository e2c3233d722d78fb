"""runs, show, log, inbox, verify: what the store holds. The flow's code is not needed, so none of it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failing import DONE, FAILED, Usage
from .options import Json, MaybeApp, RunOfApp, Store, split
from .screen import Screen, moment, told

if TYPE_CHECKING:
    from ..runs.store import RunRow, SqliteStore
    from ..runs.views import Request
    from .past import Past

Status = Annotated[
    str | None, typer.Option("--status", help="Only ready, running, waiting, parked, ended or cancelled ones.")
]
OfFlow = Annotated[str | None, typer.Option("--flow", help="Only those of this flow.")]
WithTags = Annotated[list[str] | None, typer.Option("--tag", help="Only those that bear it; may be repeated.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many at most.")]
After = Annotated[str | None, typer.Option("--after", metavar="RUN", help="The last run of the page before.")]
Role = Annotated[str | None, typer.Option("--role", help="Only what this role is asked.")]


def runs(
    app: MaybeApp = None,
    status: Status = None,
    flow: OfFlow = None,
    tag: WithTags = None,
    limit: Limit = 50,
    after: After = None,
    store: Store = None,
    json: Json = False,
) -> int:
    """List the runs of a store, newest first."""
    from ..runs.lifecycle import STATUSES
    from .data import of_row
    from .targets import store_of

    if status is not None and status not in STATUSES:
        raise Usage(f"there is no status {status!r}: it is one of {', '.join(STATUSES)}")
    screen = Screen(json=json)
    with store_of(app, store) as opened:
        _sweep(opened)
        rows = opened.runs(status, flow, tag, limit, after)
        where = opened.path
    if json:
        screen.data([of_row(row) for row in rows])
    elif not rows:
        screen.line(f"no runs in {where}")
    else:
        headers = ("run", "flow", "status", "verdict", "by", "updated")
        screen.table(headers, [_cells(row) for row in rows])
        if len(rows) == limit:
            screen.line(f"the next page: --after {rows[-1].id}", "dim")
    return DONE


def show(names: RunOfApp, store: Store = None, json: Json = False) -> int:
    """Show a run: status, state, what it waits for, what it spent."""
    from .data import of_request, of_row, of_spent
    from .past import past, reducers_of, with_decisions
    from .targets import store_of

    app, run = split(names)
    screen = Screen(json=json)
    with store_of(app, store) as opened:
        _sweep(opened)
        row = opened.run(run)
        found = past(opened.events(row.rid), reducers_of(opened, row.shape, row.build))
        asked = with_decisions(opened, opened.requests(run=run))
    if json:
        more = {"state": found.plain, "merged": found.merged, "steps": found.steps, "at": found.place}
        screen.data(
            of_row(row) | more | {"spent": of_spent(found.spent), "waiting": [of_request(item) for item in asked]}
        )
        return DONE
    _show(screen, row, found, asked)
    return DONE


def log(names: RunOfApp, store: Store = None, json: Json = False) -> int:
    """Tell a run from its journal: steps, guards, decisions, calls."""
    from .data import of_event
    from .story import show as write
    from .story import story
    from .targets import store_of

    app, run = split(names)
    screen = Screen(json=json)
    with store_of(app, store) as opened:
        row = opened.run(run)
        events = opened.events(row.rid)
    if json:
        screen.data([of_event(event) for event in events])
        return DONE
    screen.line(f"run {row.id} of {row.flow}, {moment(row.created)}: {_standing(row)}", "bold")
    write(screen, story(events))
    return DONE


def inbox(app: MaybeApp = None, role: Role = None, store: Store = None, json: Json = False) -> int:
    """List what people are asked, what runs out first in front."""
    from .data import of_request
    from .past import with_decisions
    from .requests import show_request
    from .targets import store_of

    screen = Screen(json=json)
    with store_of(app, store) as opened:
        _sweep(opened)
        asked = with_decisions(opened, opened.requests(role=role))
        starters = {item.run: opened.run(item.run).by for item in asked}
        where = opened.path
    if json:
        screen.data([of_request(item) for item in asked])
    elif not asked:
        screen.line(f"nothing is asked in {where}" + (f" of {role}" if role else ""))
    for place, item in enumerate(asked):
        if place:
            screen.say()
        show_request(screen, item, starters[item.run])
    return DONE


def verify(names: RunOfApp, store: Store = None, json: Json = False) -> int:
    """Check a run's journal for changed and missing events."""
    from .targets import store_of

    app, run = split(names)
    screen = Screen(json=json)
    with store_of(app, store) as opened:
        row = opened.run(run)
        broken = opened.verify(run)
    if json:
        screen.data({"run": row.id, "events": row.tail, "ok": broken is None, "first_bad_event": broken})
    elif broken is None:
        screen.line(f"run {row.id}: {row.tail} events, and each fits the one before it")
    else:
        screen.line(f"run {row.id}: event {broken} was changed or is missing, of {row.tail}", "red")
    return DONE if broken is None else FAILED


def _sweep(store: SqliteStore) -> None:
    """Requests whose time is over expire without anyone asking."""
    from .sweeping import sweep

    sweep(store)


def _cells(row: RunRow) -> list[str]:
    return [row.id, row.flow, row.status, row.verdict or "-", row.by or "-", moment(row.updated)]


def _standing(row: RunRow) -> str:
    if row.status == "ended":
        return f"ended, {row.verdict}" + (f" at {row.end}" if row.end else ", no way on")
    if row.status == "running":
        return f"running, driven by {row.holder}" if row.holder else "running, and nobody drives it: resume it"
    return row.status


def _show(screen: Screen, row: RunRow, found: Past, asked: list[Request]) -> None:
    from .data import of_spent
    from .requests import show_request

    screen.line(f"run {row.id} of {row.flow}: {_standing(row)}", "bold")
    pairs = [("started", f"{moment(row.created)} by {row.by or 'nobody named'}"), ("updated", moment(row.updated))]
    if row.tags:
        pairs.append(("tags", ", ".join(row.tags)))
    pairs.append(("stands at", f"{found.place}, {_times(found.steps, 'step')} done"))
    pairs.append(("spent", _spent(of_spent(found.spent))))
    if row.error is not None:
        pairs.append(("error", f"{row.error['category']}: {row.error['type']}: {row.error['message']}"))
    if row.status == "parked":
        pairs += [("open call", _call(slot)) for slot in found.slots.values()]
        pairs.append(("settle", f"step {found.steps + 1}"))
    for place, (name, value) in enumerate(found.plain.items()):
        pairs.append(("state" if place == 0 else "", f"{name}: {told(value)}"))
    for place, (name, parts) in enumerate(found.merged.items()):
        pairs.append(("merged" if place == 0 else "", f"{name}, in {_times(len(parts), 'write')}: {told(parts)}"))
    pairs.append(("flow", f"shape {row.shape}, build {row.build}"))
    screen.pairs(pairs)
    for item in asked:
        screen.say()
        show_request(screen, item, row.by)


def _times(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _call(slot: dict[str, Any]) -> str:
    from .story import call_text

    if slot.get("kind") != "tool":
        return told(slot)
    return f"{call_text(slot['tool'], slot['arguments'])}, key {slot['key']}"


def _spent(spent: dict[str, Any]) -> str:
    return (
        f"{_times(spent['steps'], 'step')}, {_times(spent['calls'], 'call')}, {_times(spent['tokens'], 'token')}, "
        f"${spent['usd']:.4f}, {spent['seconds']:.2f} s of work"
    )
