"""diff: what two versions of a flow do otherwise, and what becomes of runs that are under way."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failing import DONE, FAILED
from .options import Json
from .screen import Screen

if TYPE_CHECKING:
    from ..runs.foretelling import Fate

Old = Annotated[
    str,
    typer.Argument(
        metavar="OLD",
        help="The version before: desk.json (a manifest), desk.py:desk, v1:desk.py:desk (at a git revision), "
        "v1:desk.json, or runs.db:SHAPE (a store's).",
        show_default=False,
    ),
]
New = Annotated[str, typer.Argument(metavar="NEW", help="The version after, named likewise.", show_default=False)]
NoSolver = Annotated[bool, typer.Option("--no-solver", help="Do without z3, even where it is installed.")]
_TONES = {"alert": "bold red", "quiet": "dim", "": "bold"}


def diff(old: Old, new: New, no_solver: NoSolver = False, json: Json = False) -> int:
    """Compare two versions of a flow: what is routed otherwise, with a state for each case, and what becomes of runs.

    Manifests, stored versions and manifests at a revision run no code; a flow that is named by its module or file is
    imported, in a process of its own, and that is said. Exit status: 0 no change in behaviour, 1 there are changes,
    2 wrong usage.
    """
    from ..flows.diff import diff as compared
    from ..flows.diff.telling import sections
    from ..runs.foretelling import fates
    from .versions import read

    screen, errors = Screen(json=json), Screen(json=json, stream=_errors())

    def told(line: str) -> None:
        errors.line(line, style="dim")

    before, after = read(old, told), read(new, told)
    names: dict[str, str] = {}
    for migration in after.migrations:
        names |= dict(migration.nodes)
    found = compared(before.version, after.version, solver=not no_solver, renames=names)
    runs = fates(before.version.manifest, after.version.manifest, after.migrations)
    if json:
        imported = [name for name, version in ((old, before), (new, after)) if version.imported]
        screen.data(found.to_json() | {"runs": [asdict(fate) for fate in runs], "imported": imported})
    screen.say(found.head, style="bold")
    screen.say(
        f"shape {_both(found.old.shape, found.new.shape)}, build {_both(found.old.build, found.new.build)}", "dim"
    )
    for section in sections(found):
        screen.say()
        screen.say(section.title, style=_TONES[section.tone])
        for first, *rest in section.items:
            screen.say(first, indent=4, first="  ")
            for line in rest:
                screen.say(line, style="dim", indent=6, first="      ")
    if found.old.shape != found.new.shape or not found.same:
        _runs(screen, runs)
    return DONE if found.same else FAILED


def _errors() -> Any:
    import sys

    return sys.stderr


def _both(old: str, new: str) -> str:
    return f"{old} as before" if old == new else f"{old} > {new}"


def _runs(screen: Screen, runs: tuple[Fate, ...]) -> None:
    """What becomes of runs of the old version; where they simply go on is counted."""
    plain = [fate for fate in runs if fate.outcome == "goes on" and not fate.why]
    screen.say()
    screen.say("runs of the old version that are resumed under the new one", style="bold")
    for fate in runs:
        if fate not in plain:
            why = f": {fate.why}" if fate.why else ""
            style = {"refused": "red", "parks": "red", "asks anew": "yellow"}.get(fate.outcome, "")
            screen.say(f"{fate.outcome}  {fate.where}{why}", style=style, indent=4, first="  ")
    if plain:
        screen.say(
            f"goes on  {'at every other place' if len(plain) < len(runs) else 'wherever it stands'}",
            indent=4,
            first="  ",
        )
