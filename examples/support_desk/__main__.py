"""The command: ``python -m examples.support_desk [--model provider:name]``: one case, closed and opened in between."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from guideway import App, Request, Run
from guideway.testing import ScriptedModel

from .billing import Reading
from .desk import Case, Triage, support_desk
from .office import Office

CASE = {"customer": "ida", "message": "My router was down in May, and still you took the money for May twice!"}
ROLES = {
    "lead": {"lea"},
    "shift lead": {"sam"},
    "warehouse": {"wim"},
    "manager": {"mia"},
    "staff": {"stan"},
    "customer": {"ida"},
}

Says = Callable[[str], str]
"""What a person says to a question: ``y`` is a yes, anything else the note of a no, or the answer."""


def script(prompt: str) -> Any:
    """What the scripted model answers; triage is wrong at first, and the technicians say so."""
    if prompt.startswith("Whose case"):
        return Triage(department="billing" if "no fault" in prompt else "technical")
    if prompt.startswith("You are a technician"):
        return [("not_a_fault", {"reason": "no fault now: she wants her money back"})]
    if prompt.startswith("You are billing. Charges"):
        return Reading(wish="refund", charge_id="c-2")
    return "Dear Ida, the second payment for May is on its way back to you."


def decide(app: App[Case], request: Request, says: Says) -> None:
    """One person of the role decides, or answers."""
    call = "" if request.call is None else f" {request.call.tool} {request.call.arguments}"
    who = sorted(ROLES[request.role])[0]
    said = says(f"  {request.role} {who}: {request.question}{call} ")
    if request.kind == "answer":
        app.answer(request, said, by=who)
    elif said == "y":
        app.approve(request, by=who)
    else:
        app.deny(request, by=who, note=said)


def yes(question: str) -> str:
    """The person of the offline session, who says yes."""
    print(question + "y")
    return "y"


def show(run: Run[Case], since: int) -> int:
    """Prints the steps that are new, those of departments further in, and says how many there are."""
    for step in run.steps[since:]:
        inside = "    " if step.branch else "  "
        print(inside + (step.edge or f"{step.node}: asks"))
    return len(run.steps)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one case; between asking and deciding the desk is closed, and opened again on the same file."""
    parser = argparse.ArgumentParser(prog="python -m examples.support_desk", description="A desk with departments.")
    parser.add_argument("--model", help="a real model, such as openai:gpt-5; by default a scripted one")
    options = parser.parse_args(arguments)
    models = {"default": options.model or ScriptedModel(script)}
    says: Says = input if options.model else yes
    with tempfile.TemporaryDirectory() as folder:
        world = Office(Path(folder) / "book.jsonl")

        def opened() -> App[Case]:
            return support_desk.compile(store=Path(folder) / "runs.db", models=models, deps=world, roles=ROLES)

        print(f"ida: {CASE['message']}")
        with opened() as app:
            run = app.start(CASE, run_id="case-1", by="web")
            shown = show(run, 0)
        while run.status == "waiting":
            print("  -- closed, and opened again on the same file --")
            with opened() as app:
                for request in app.get("case-1").waiting:
                    decide(app, request, says)
                run = app.resume("case-1")
                shown = show(run, shown)
        print(f"{run.end} ({run.verdict}): {run.state.reply}")
        print(f"done in the world: {world.deeds()}")
    return 0 if run.verdict in ("success", "escalated") else 1


if __name__ == "__main__":
    sys.exit(main())
