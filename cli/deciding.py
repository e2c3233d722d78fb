"""approve, deny, revoke, answer, settle, cancel: what people decide. Who decides is the operating system's user."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failing import DONE, Declined, Usage
from .options import AppName, Json, Note, RequestId, RunId, RunOfApp, Store, json_of, parsed, split, text_of, user
from .screen import Screen

if TYPE_CHECKING:
    from ..flows.flow import Flow
    from ..runs.app import App
    from ..runs.store import SqliteStore
    from ..runs.views import Request

PROOF = "operating system user"
"""How the name of whoever decides here is proved, as the record says."""

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Digest = Annotated[
    str | None, typer.Option("--digest", help="Decide only if the request's digest begins so: what was seen elsewhere.")
]
Edit = Annotated[
    list[str] | None,
    typer.Option(
        "--edit", metavar="NAME=JSON", help="Change an argument; another person must then say yes. Repeatable."
    ),
]
Value = Annotated[str, typer.Argument(metavar="VALUE", help="Text, or JSON for a form; @file, or - for the input.")]
StepOrBranch = Annotated[
    str | None, typer.Option("--step", metavar="STEP", help="What is settled, as show tells it: 7, or a branch: 5i3.")
]
Result = Annotated[str | None, typer.Option("--result", metavar="JSON", help="It happened, and returned this.")]
NotDone = Annotated[bool, typer.Option("--not-done", help="It did not happen.")]
GiveUp = Annotated[bool, typer.Option("--give-up", help="Nobody will find out: the step fails.")]


def approve(
    app: AppName,
    request: RequestId,
    note: Note = None,
    yes: Yes = False,
    digest: Digest = None,
    edit: Edit = None,
    store: Store = None,
    json: Json = False,
) -> int:
    """Say yes to a request: shows what will run, and asks; with --edit it asks another person about the edited call."""
    return _decide("approve", app, request, note, yes, digest, store, json, _edits(edit))


def deny(
    app: AppName,
    request: RequestId,
    note: Note = None,
    yes: Yes = False,
    digest: Digest = None,
    store: Store = None,
    json: Json = False,
) -> int:
    """Say no to a request: the run goes the gate's way."""
    return _decide("deny", app, request, note, yes, digest, store, json)


def revoke(
    app: AppName,
    request: RequestId,
    note: Note = None,
    yes: Yes = False,
    store: Store = None,
    json: Json = False,
) -> int:
    """Take a yes back, until what it lets pass is dispatched: then nothing of it runs."""
    return _decide("revoke", app, request, note, yes, None, store, json)


def answer(app: AppName, request: RequestId, value: Value, store: Store = None, json: Json = False) -> int:
    """Answer what a run asks."""
    from .past import request_of
    from .targets import app_of

    screen = Screen(json=json)
    with app_of(app, store) as made:
        asked = request_of(made.store, request)
        made.answer(asked, _value(made, asked, value), by=user(), proof=PROOF)
        return _decided(screen, app, made, request)


def settle(
    app: AppName,
    run: RunId,
    step: StepOrBranch = None,
    result: Result = None,
    not_done: NotDone = False,
    give_up: GiveUp = False,
    note: Note = None,
    store: Store = None,
    json: Json = False,
) -> int:
    """Say what became of a parked run's unknown effect; of several, one after the other by --step."""
    from .crowds import SHOWN
    from .past import places_of
    from .targets import app_of

    if [result is not None, not_done, give_up].count(True) != 1:
        raise Usage("settle needs one of --result JSON, --not-done and --give-up")
    value = _settlement(result, not_done)
    screen = Screen(json=json)
    with app_of(app, store) as made:
        made.settle(run, _step(step), value, by=user(), note=note, proof=PROOF)
        status = made.store.run(run).status
        places = places_of(made.store, run)
    left = [spot.path for spot in places.parked()]
    if json:
        screen.data({"run": run, "status": status, "by": user(), "parked": left})
    screen.line(f"run {run} is settled by {user()} and {status}; go on: guideway resume {app} {run}")
    if left:
        more = "" if len(left) <= SHOWN else f", and {len(left) - SHOWN} more"
        screen.line(f"  still parked: {', '.join(places.label(path) for path in left[:SHOWN])}{more}")
    return DONE


def cancel(names: RunOfApp, note: Note = None, store: Store = None, json: Json = False) -> int:
    """End a run and withdraw its open requests."""
    from ..runs.people import People

    app, run = split(names)
    screen = Screen(json=json)
    unknown: Any = None  # without its flow any call that was begun may be a once-only one
    with _flow_and_store(app, store) as (flow, opened):
        its = unknown if flow is None or opened.run(run).flow != flow.name else flow
        People(its, opened, None).cancel(run, by=user(), note=note)
    if json:
        screen.data({"run": run, "status": "cancelled", "by": user()})
    screen.line(f"run {run} is cancelled by {user()}")
    return DONE


@contextmanager
def _flow_and_store(target: str | None, store: str | None) -> Generator[tuple[Flow[Any] | None, SqliteStore]]:
    """The flow and the store of the App that is named; the store alone where none is."""
    from .targets import app_of, open_store

    if target is None:
        with open_store(store) as opened:
            yield None, opened
        return
    with app_of(target, store) as app:
        yield app.flow, app.store


def _decide(
    verb: str,
    target: str,
    request: str,
    note: str | None,
    yes: bool,
    digest: str | None,
    store: str | None,
    json: bool,
    edits: dict[str, Any] | None = None,
) -> int:
    from ..runs.editing import change_of
    from .past import places_of, request_of
    from .requests import show_edits, show_request
    from .targets import app_of

    if json and not yes:
        raise Usage("--json asks nobody: add --yes")
    screen = Screen(json=json)
    with app_of(target, store) as app:
        app.inbox()  # what has run out is not asked any more
        seen = request_of(app.store, request)
        if digest is not None and not seen.digest.startswith(digest.lower()):
            raise Declined(f"request {seen.id} is about something else now: its digest is {seen.digest}")
        places = places_of(app.store, seen.run) if seen.branch else None
        show_request(screen, seen, app.store.run(seen.run).by, places)
        what = verb if edits is None else "edit"
        if edits is not None and app.store.run(seen.run).flow == app.flow.name:
            show_edits(screen, change_of(app.flow, app.store.request(seen.id), edits))
        if not yes and (seen.status == "open" or verb == "revoke") and not _confirmed(f"{what} as {user()}? [y/N] "):
            raise Declined(f"request {seen.id} stays {seen.status}: nobody said yes to {what}")
        if verb == "approve":
            app.approve(seen, by=user(), note=note, edits=edits, proof=PROOF)
        elif verb == "revoke":
            app.revoke(seen, by=user(), note=note, proof=PROOF)
        else:
            app.deny(seen, by=user(), note=note, proof=PROOF)
        return _decided(screen, target, app, request, revoked=verb == "revoke")


def _decided(screen: Screen, target: str, app: App[Any], request: str, *, revoked: bool = False) -> int:
    row = app.store.request(request)
    if screen.json:
        screen.data({"request": row.id, "run": row.run, "status": row.status, "by": user()})
    elif revoked:
        left = "it is asked on" if row.status == "open" else f"go on: guideway resume {target} {row.run}"
        screen.line(f"{row.id}: {user()} took the yes back; {left}")
    elif row.status == "open":
        screen.line(f"{row.id}: {user()} said yes; the quorum of {row.body['quorum']} is not there yet")
    elif row.status == "edited":
        screen.line(
            f"{row.id} is edited by {user()}; another person is asked about it next: guideway resume {target} {row.run}"
        )
    else:
        screen.line(f"{row.id} is {row.status} by {user()}; go on: guideway resume {target} {row.run}")
    return DONE


def _confirmed(question: str) -> bool:
    sys.stdout.write(question)
    sys.stdout.flush()
    said = sys.stdin.readline()
    if not said.endswith("\n"):
        sys.stdout.write("\n")
    return said.strip().lower() in ("y", "yes")


def _edits(given: list[str] | None) -> dict[str, Any] | None:
    """The new values by argument; None where nothing is edited."""
    if not given:
        return None
    found: dict[str, Any] = {}
    for item in given:
        name, sign, value = item.partition("=")
        if not sign or not name.strip():
            raise Usage(f"--edit {item}: write NAME=JSON, such as --edit amount=50 or --edit 'city=\"Rome\"'")
        if name.strip() in found:
            raise Usage(f"--edit names {name.strip()!r} twice")
        found[name.strip()] = json_of(value, f"--edit {name.strip()}")
    return found


def _value(app: App[Any], asked: Request, given: str) -> Any:
    """Text as it is where text is asked for; JSON where a form is."""
    from ..flows.inside import node_within

    node = node_within(app.flow, asked.within, asked.node)
    form = getattr(node, "form", str)
    text = text_of(given)
    if form is str:
        return text.rstrip("\n")
    try:
        return parsed(text, "the answer")
    except Usage:
        if isinstance(form, type) and hasattr(form, "model_fields"):
            raise
        return text.rstrip("\n")  # a Literal of words is typed without quotes


def _step(given: str | None) -> int | str | None:
    """The number of a step, or a branch's path."""
    if given is None or not given.isdecimal():
        return given
    return int(given)


def _settlement(result: str | None, not_done: bool) -> Any:
    from ..nodes.calls import NOT_DONE
    from ..runs.settling import GIVE_UP

    if result is not None:
        return json_of(result, "--result")
    return NOT_DONE if not_done else GIVE_UP
