"""run, resume, retry, fork, work: what drives runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from .failing import DONE, FAILED, INTERRUPTED, WAITS, Usage
from .options import AppName, Json, Note, RunId, Store, json_of, user
from .screen import SHORT, Screen, told

if TYPE_CHECKING:
    from ..runs.app import App
    from ..runs.store import SqliteStore
    from ..runs.views import Run
    from .places import Places

Input = Annotated[
    str,
    typer.Argument(metavar="INPUT", help="The state's fields as a JSON object, @file.json, or - for the input."),
]
By = Annotated[str | None, typer.Option("--by", help="Who starts it; else the operating system's user.")]
At = Annotated[
    int,
    typer.Option(
        "--at", metavar="STEP", min=0, help="The step after which it begins, as log numbers them; 0: the start."
    ),
]
Update = Annotated[
    str | None,
    typer.Option("--update", metavar="JSON", help="State fields to write first: a JSON object, @file.json, or -."),
]
NewId = Annotated[str | None, typer.Option("--run-id", help="The run's id; else a new one.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A word to find the run by; may be repeated.")]
Once = Annotated[bool, typer.Option("--once", help="Drive what is due now, then stop.")]
AtOnce = Annotated[int, typer.Option("--at-once", min=1, help="How many runs are driven at a time.")]
Pause = Annotated[float, typer.Option("--pause", min=0.01, help="Seconds to wait when nothing is due.")]


def run(
    app: AppName,
    given: Input = "{}",
    by: By = None,
    run_id: NewId = None,
    tag: Tags = None,
    store: Store = None,
    json: Json = False,
) -> int:
    """Start a run; it goes on until it ends or waits."""
    fields = _fields(given, "the input")
    return _drive(
        app,
        store,
        json,
        create=True,
        work=lambda made: made.start(fields, run_id=run_id, by=by or user(), tags=tag or ()),
    )


def resume(app: AppName, run: RunId, store: Store = None, json: Json = False) -> int:
    """Go on with a run from its journal, after any crash."""
    return _drive(app, store, json, work=lambda made: made.resume(run))


def retry(app: AppName, run: RunId, note: Note = None, store: Store = None, json: Json = False) -> int:
    """Give a run that failed a new attempt of the node where it failed."""
    return _drive(app, store, json, work=lambda made: made.retry(run, by=user(), note=note))


def fork(
    app: AppName,
    run: RunId,
    at: At,
    update: Update = None,
    by: By = None,
    run_id: NewId = None,
    store: Store = None,
    json: Json = False,
) -> int:
    """Begin a new run where another one stood after a step; it goes on until it ends or waits. See docs/running.md."""
    fields = None if update is None else _fields(update, "--update")
    return _drive(
        app,
        store,
        json,
        work=lambda made: made.fork(run, at=at, by=by or user(), update=fields, new_id=run_id),
    )


def work(
    app: AppName,
    once: Once = False,
    at_once: AtOnce = 4,
    pause: Pause = 1.0,
    store: Store = None,
    json: Json = False,
) -> int:
    """Drive the runs that are due, until stopped.

    Due are decided ones, those whose request ran out of time, and those whose process died. Told to stop, it
    begins no further call, finishes those under way, lets the runs go, and ends with 0; told again, it ends at once.
    For a call that overran its timeout and still runs it waits ten seconds at the end.
    """
    from .progress import Progress
    from .targets import app_of

    screen = Screen(json=json)
    until = (lambda: True) if once else None
    try:
        with app_of(app, store, create=True) as made, Progress(made, screen, many=True):
            worker = made._worker(pause, at_once)
            if not once:
                screen.line(f"working on {made.flow.name} in {made.store.path}; Ctrl-C stops", "dim")
            try:
                worker.work(until, lambda: screen.line("stopping when the calls under way are over", "dim"))
            except KeyboardInterrupt:
                if not worker.ended:  # told a second time
                    raise
            _wait(screen, made)
    except KeyboardInterrupt as stopped:
        return int(getattr(stopped, "status", INTERRUPTED))
    screen.line(f"{worker.driven} driven")
    if json:
        screen.data({"driven": worker.driven})
    return DONE


def _drive(
    target: str, store: str | None, json: bool, work: Callable[[App[Any]], Run[Any]], *, create: bool = False
) -> int:
    from ..runs.stopping import let_go
    from .data import of_run
    from .progress import Progress
    from .targets import app_of

    screen = Screen(json=json)
    progress: Progress | None = None
    try:
        with app_of(target, store, create=create) as app, Progress(app, screen) as progress:
            app._engine.portal.interrupted = lambda over: let_go(app.store, over)
            run = work(app)
            if _wait(screen, app):
                run = app.get(run.id)
            if not json:
                progress.stop()
                _tell(screen, target, run, app.store)
    except KeyboardInterrupt as stopped:
        if progress is not None and progress.run is not None:
            Screen(stream=sys.stderr).line(f"interrupted; go on: guideway resume {target} {progress.run}")
        return int(getattr(stopped, "status", INTERRUPTED))
    if json:
        screen.data(of_run(run))
    return status_of(run)


def _fields(given: str, what: str) -> Mapping[str, Any]:
    data = json_of(given, what)
    if not isinstance(data, Mapping):
        raise Usage(f"{what} must be a JSON object of the state's fields, not {told(data, 60)}")
    return cast("Mapping[str, Any]", data)


def _wait(screen: Screen, app: App[Any]) -> bool:
    """Waits a while for calls that overran their timeout, which would end with this process; whether any was there."""
    from ..runs.overruns import go_on_here
    from ..runs.stopping import GRACE, wait_for_late_calls

    if not go_on_here(app.store):
        return False
    screen.line(f"a call overran its timeout and still runs: it is waited for, {GRACE:.0f} s at most", "dim")
    if wait_for_late_calls(app.store):
        screen.line("it is over, and what came of it is recorded", "dim")
    return True


def status_of(run: Run[Any]) -> int:
    """The exit status that a run stands for.

    Args:
        run: the run.
    """
    if run.status in ("waiting", "parked", "ready", "running"):
        return WAITS
    return FAILED if run.status == "cancelled" or run.verdict == "failed" else DONE


def _tell(screen: Screen, target: str, run: Run[Any], store: SqliteStore) -> None:
    from ..runs.lifecycle import OVER
    from .inside import inside
    from .past import places_of

    if run.status == "ended":
        screen.line(f"run {run.id} ended: {run.verdict}" + (f" at {run.end}" if run.end else ""), "bold")
    else:
        screen.line(f"run {run.id} is {run.status}", "bold")
    if run.error is not None:
        screen.line(f"{run.error.category}: {run.error.type}: {run.error.message}", "red")
    if run.status in OVER:
        return
    places = places_of(store, run.id)
    for one in inside(places):
        if one.kind != "subflow":
            screen.line(f"  {one.text()}")
    _tell_waiting(screen, target, run, places)
    _tell_parked(screen, target, run, places)


def _tell_waiting(screen: Screen, target: str, run: Run[Any], places: Places) -> None:
    from .crowds import SHOWN
    from .requests import expiry

    for request in run.waiting[:SHOWN]:
        verb = "answer" if request.kind == "answer" else "approve"
        value = " VALUE" if request.kind == "answer" else ""
        where = f", {places.label(request.branch)}" if request.branch else ""
        item = places.item(request.branch) if request.kind == "approval" else None  # a question is about it already
        about = "" if item is None else f"  about {told(item, SHORT)}"
        expires = f"(expires: {expiry(request.expires)})"
        screen.line(f"  {request.role} is asked{where}: {request.question}{about}  {expires}")
        screen.line(f"  guideway {verb} {target} {request.id}{value}")
    if len(run.waiting) > SHOWN:
        screen.line(f"  and {len(run.waiting) - SHOWN} requests more: guideway inbox {target}")


def _tell_parked(screen: Screen, target: str, run: Run[Any], places: Places) -> None:
    from .crowds import SHOWN
    from .unsettled import CHANGED
    from .words import call_text

    if run.status != "parked":
        return
    if run.error is not None and run.error.type == "FlowChanged":
        screen.line(f"  {CHANGED}")
        return
    many = len(run.parked) > 1
    for one in run.parked[:SHOWN]:
        if one.running is not None:
            screen.line(f"  {one.node} overran its timeout and still runs in {one.running}, as far as is known")
    for one in run.parked[:SHOWN] if many else ():
        what = one.node if one.call is None else call_text(one.call.tool, one.call.arguments)
        screen.line(f"  parked, {places.label(one.branch)}: {what}: {one.reason}")
        screen.line(f"  guideway settle {target} {run.id} --step {one.branch} --result JSON | --not-done | --give-up")
    if len(run.parked) > SHOWN:
        screen.line(f"  and {len(run.parked) - SHOWN} more are parked")
    screen.line(f"  look: guideway show {target} {run.id}" + (" --all" if len(run.parked) > SHOWN else ""))
    if many:
        screen.line(f"  then: guideway resume {target} {run.id}")
    else:
        screen.line(f"  then: guideway settle {target} {run.id} --result JSON | --not-done | --give-up")
