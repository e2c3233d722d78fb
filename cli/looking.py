"""runs, show, log, inbox, verify: what the store holds. The flow's code is not needed, so none of it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .failing import DONE, FAILED, Usage
from .options import Json, MaybeApp, MaybeRunOfApp, RunOfApp, Store, split
from .screen import Screen, moment

if TYPE_CHECKING:
    from ..runs.store import Damaged, Driving, RunRow
    from .places import Places

Status = Annotated[
    str | None, typer.Option("--status", help="Only ready, running, waiting, parked, ended or cancelled ones.")
]
OfFlow = Annotated[str | None, typer.Option("--flow", help="Only those of this flow.")]
WithTags = Annotated[list[str] | None, typer.Option("--tag", help="Only those that bear it; may be repeated.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many at most.")]
After = Annotated[str | None, typer.Option("--after", metavar="RUN", help="The last run of the page before.")]
MaybeLimit = Annotated[
    int | None, typer.Option("--limit", min=1, help="How many at most; 20, and all with --json, where it is not said.")
]
AfterRequest = Annotated[
    str | None, typer.Option("--after", metavar="REQUEST", help="The last request of the page before.")
]
All = Annotated[
    bool,
    typer.Option("--all", help="Every item with all that it did, however many there are; every place and request."),
]
Role = Annotated[str | None, typer.Option("--role", help="Only what this role is asked.")]

PAGE = 20
"""How many requests are listed at a time."""


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
    """List the runs of a store, newest first; damaged ones last, and the exit status is 1 then."""
    from ..runs.lifecycle import STATUSES
    from ..runs.store import Damaged
    from .damages import Damages
    from .data import of_row
    from .past import died
    from .targets import store_of

    if status is not None and status not in STATUSES:
        raise Usage(f"there is no status {status!r}: it is one of {', '.join(STATUSES)}")
    screen = Screen(json=json)
    damages = Damages()
    with store_of(app, store) as opened:
        _sweep(opened)
        listed = opened.all_runs(status, flow, tag, limit, after)
        gone = {row.id for row in listed if not isinstance(row, Damaged) and died(opened, row)}
        where = opened.path
    for row in listed:
        if isinstance(row, Damaged):
            damages.take(row)
    rows = [row for row in listed if not isinstance(row, Damaged)]
    if json:
        screen.data([*(of_row(row, dead=row.id in gone) for row in rows), *damages.data()])
        return damages.status
    if not listed:
        screen.line(f"no runs in {where}")
    if rows:
        headers = ("run", "flow", "status", "verdict", "by", "updated")
        screen.table(headers, [_cells(row, dead=row.id in gone) for row in rows])
    damages.show(screen)
    if len(listed) == limit:
        last = listed[-1]
        screen.line(f"the next page: --after {last.run if isinstance(last, Damaged) else last.id}", "dim")
    return damages.status


def show(names: RunOfApp, everything: All = False, store: Store = None, json: Json = False) -> int:
    """Show a run: status, state, where it stands, what it waits for, what it spent."""
    from ..runs.verifying import row_agrees
    from .data import of_past, of_request, of_row
    from .past import died, past, readable, with_decisions
    from .standing import show_run
    from .targets import store_of

    app, run = split(names)
    screen = Screen(json=json)
    with store_of(app, store) as opened:
        _sweep(opened)
        row = opened.run(run)
        events = opened.events(row.rid)
        row_agrees(row, events, opened.path)
        asked = with_decisions(opened, opened.requests(run=run))
        dead = died(opened, row)
        with readable(opened, row.id, events):
            found = past(events, opened.manifest(row.shape, row.build))
            if json:
                screen.data(of_row(row, dead=dead) | of_past(found) | {"waiting": [of_request(item) for item in asked]})
            else:
                show_run(screen, row, found, asked, events, whole=everything, dead=dead)
    return DONE


def log(names: RunOfApp, everything: All = False, store: Store = None, json: Json = False) -> int:
    """Tell a run from its journal: steps, guards, decisions, calls; of many items those that failed or are parked."""
    from ..runs.verifying import row_agrees
    from .data import of_event
    from .past import died, readable
    from .standing import standing_of
    from .story import show as write
    from .story import story
    from .targets import store_of

    app, run = split(names)
    screen = Screen(json=json)
    with store_of(app, store) as opened:
        row = opened.run(run)
        events = opened.events(row.rid)
        row_agrees(row, events, opened.path)
        manifest = opened.manifest(row.shape, row.build)
        dead = died(opened, row)
        if json:
            screen.data([of_event(event) for event in events])
            return DONE
        with readable(opened, row.id, events):
            entries = story(events, whole=everything, manifest=manifest)
    screen.line(f"run {row.id} of {row.flow}, {moment(row.created)}: {standing_of(row, dead=dead)}", "bold")
    write(screen, entries)
    return DONE


def inbox(
    app: MaybeApp = None,
    role: Role = None,
    limit: MaybeLimit = None,
    after: AfterRequest = None,
    store: Store = None,
    json: Json = False,
) -> int:
    """List what people are asked, what runs out first in front; then what is parked, and what is damaged (exit 1)."""
    from .damages import Damages
    from .data import of_request
    from .past import places_of, readable_requests
    from .requests import show_request
    from .targets import store_of
    from .unsettled import show_unsettled, unsettled

    screen = Screen(json=json)
    damages = Damages()
    most = limit if limit is not None or json else PAGE
    with store_of(app, store) as opened:
        _sweep(opened)
        asked = readable_requests(opened, opened.all_requests(role, after=after), damages, most)
        starters: dict[str, str | None] = {}
        places: dict[str, Places] = {}
        for item in asked:
            with damages.of(item.run):
                if item.run not in starters:
                    starters[item.run] = opened.run(item.run).by
                if item.branch and not json and item.run not in places:
                    places[item.run] = places_of(opened, item.run)
        asked = [item for item in asked if item.run not in damages]
        # whoever settles has no role, and one page of requests is followed by the next
        parked = unsettled(opened, most, damages) if role is None and after is None else []
        where = opened.path
    if json:
        screen.data([*(of_request(item) for item in asked), *(item.data() for item in parked), *damages.data()])
        return damages.status
    if not asked:
        screen.line(f"nothing is asked in {where}" + (f" of {role}" if role else ""))
    for number, item in enumerate(asked):
        if number:
            screen.say()
        show_request(screen, item, starters[item.run], places.get(item.run))
    if len(asked) == most:
        screen.say()
        screen.line(f"the next page: --after {asked[-1].id}", "dim")
    for place in parked:
        screen.say()
        show_unsettled(screen, place)
    if len({place.row.id for place in parked}) == most:
        screen.say()
        screen.line("there may be more that is parked: guideway runs --status parked", "dim")
    damages.show(screen)
    return damages.status


def verify(names: MaybeRunOfApp = None, store: Store = None, json: Json = False) -> int:
    """Check a run's journal for changed and missing events, and business keys and manifests against it; or all runs."""
    from .checking import Checked, checked
    from .targets import store_of

    app, run = split(names) if names else (None, None)
    screen = Screen(json=json)
    found: list[Checked] = []
    with store_of(app, store) as opened:
        rows: list[RunRow | Damaged] = [opened.run(run)] if run is not None else opened.all_runs(limit=-1)[::-1]
        for one in rows:
            found.append(checked(opened, one))
            found[-1].show(screen)
        where = opened.path
    if json:
        data = [one.data() for one in found]
        screen.data(data if run is None else data[0])
    elif run is None:
        bad = sum(not one.ok for one in found)
        screen.line(f"{len(found)} runs in {where}, " + (f"{bad} of them damaged" if bad else "and all are whole"))
    return DONE if all(one.ok for one in found) else FAILED


def _sweep(store: Driving) -> None:
    """Requests whose time is over expire without anyone asking."""
    from .sweeping import sweep

    sweep(store)


def _cells(row: RunRow, *, dead: bool) -> list[str]:
    status = f"{row.status}, its process died" if dead else row.status
    return [row.id, row.flow, status, row.verdict or "-", row.by or "-", moment(row.updated)]
