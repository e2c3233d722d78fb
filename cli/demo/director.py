"""The show: a flow is drawn, checked, run, waits, is approved, its process is killed, and it goes on.

Every process is a real one, the kill is a real one, and the bank's ledger is the witness.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..failing import DONE, FAILED, Usage
from ..requests import show_request
from ..screen import Screen
from ..story import show, story
from .refund_desk import MESSAGE, Bank, app, refund_desk

if TYPE_CHECKING:
    from ...runs.app import App

RUN = "demo"
APPROVER = "ann"
_OURS = ("runs.db", "runs.db-wal", "runs.db-shm", "ledger.jsonl", "refund-desk.svg", "refund-desk.png")


def direct(folder: str, screen: Screen) -> int:
    """Runs the demo.

    Args:
        folder: where it puts its files; those of an earlier demo are replaced.
        screen: where it tells what happens.

    Returns:
        0 when every promise was kept, else 1.

    Raises:
        Usage: the folder cannot be used.
    """
    place = _cleared(folder)
    scene = Scene(place, screen)
    scene.draw()
    if not scene.check():
        return FAILED
    started = scene.process("start")
    scene.approve()
    killed = scene.process("resume", dies=True)
    scene.tell_of_death(killed)
    resumed = scene.process("resume")
    return scene.finish((started, killed, resumed))


class Scene:
    """The demo's folder and what is told of it.

    Args:
        place: the folder.
        screen: where things are told.
    """

    def __init__(self, place: Path, screen: Screen) -> None:
        self.place = place
        self.screen = screen
        self.bank = Bank(place / "ledger.jsonl")
        self.acts = 0

    def title(self, text: str) -> None:
        """Opens an act.

        Args:
            text: what happens in it.
        """
        self.acts += 1
        self.screen.say()
        self.screen.say(text, "bold cyan", indent=3, first=f"{self.acts}.")

    def desk(self) -> App[Any]:
        """The App, on the demo's store."""
        return app(str(self.place / "runs.db"))

    def draw(self) -> None:
        """The flow as a reviewer sees it."""
        self.title("Draw: the flow is a value, and the picture is what it does.")
        for suffix in ("svg", "png"):
            path = self.place / f"refund-desk.{suffix}"
            refund_desk.draw(path)
            self.screen.line(f"   {path}")

    def check(self) -> bool:
        """Whether the flow may run."""
        self.title("Check, before anything runs.")
        report = refund_desk.check()
        for line in str(report).split("\n"):
            self.screen.line(f"   {line}")
        return report.ok

    def process(self, verb: str, *, dies: bool = False) -> int:
        """Starts or resumes the run in a process of its own.

        Args:
            verb: ``start`` or ``resume``.
            dies: whether it kills itself as soon as the bank has paid.

        Returns:
            How the process ended, as ``subprocess`` tells it: below zero is a signal.
        """
        if verb == "start":
            self.title(f"Run: {MESSAGE!r}. A lead must approve before money moves, so the run waits.")
        elif dies:
            self.title("Resume, in a new process; kill -9 hits it when the bank has paid and nothing is recorded yet.")
        else:
            self.title("Resume, in another process: it asks the bank what became of the payment, and goes on.")
        command = [
            sys.executable,
            "-m",
            f"{__package__}.child",
            verb,
            str(self.place),
            RUN,
            *(["dies"] if dies else []),
        ]
        self.screen.stream.flush()
        out = subprocess.DEVNULL if self.screen.json else None
        return subprocess.run(command, stdout=out, check=False).returncode

    def approve(self) -> None:
        """Somebody else than who started it says yes, to exactly this call."""
        self.title(f"The request as {APPROVER} sees it; who started the run may not decide.")
        with self.desk() as desk:
            for request in desk.inbox():
                show_request(self.screen, request, desk.store.run(request.run).by)
                desk.approve(request, by=APPROVER, note="seen the photo")
                self.screen.line(f"approved by {APPROVER}", "bold green")

    def tell_of_death(self, status: int) -> None:
        """What the operating system says of the process.

        Args:
            status: how it ended.
        """
        paid = len(self.bank.payments())
        if status < 0:
            self.screen.line(
                f"the process died by signal {-status} ({signal.Signals(-status).name}); {_times(paid)}", "red"
            )
        else:
            self.screen.line(f"the process ended by itself with status {status}; {_times(paid)}", "red")

    def finish(self, processes: tuple[int, int, int]) -> int:
        """The log, the witness, and whether every promise was kept.

        Args:
            processes: how the three processes ended.
        """
        self.title("The decision log: the journal, told.")
        with self.desk() as desk:
            run = desk.get(RUN)
            show(self.screen, story(run.events))
            broken = desk.store.verify(RUN)
        payments = self.bank.payments()
        kept = {
            "the run ended well": run.verdict == "success",
            "its process was killed by signal 9 on the way": processes == (0, -signal.SIGKILL, 0),
            f"the ledger has exactly one payment: {json.dumps(payments[:1])}": len(payments) == 1,
            "no event of the journal was changed or lost": broken is None,
        }
        self.title("The witness: the bank's own ledger, and the journal's chain.")
        for promise, held in kept.items():
            self.screen.say(promise, "green" if held else "bold red", indent=8, first="   yes" if held else "   NO")
        self._farewell(run.id)
        self.screen.data(self._summary(run, payments, -processes[1], kept)) if self.screen.json else None
        return DONE if all(kept.values()) else FAILED

    def _farewell(self, run: str) -> None:
        store = self.place / "runs.db"
        self.screen.say()
        self.screen.line(f"Pictures: {self.place / 'refund-desk.svg'} and .png. Store: {store}")
        self.screen.line(f"Look on:  guideway show {run} --store {store}")

    def _summary(self, run: Any, payments: list[dict[str, Any]], died_by: int, kept: dict[str, bool]) -> dict[str, Any]:
        return {
            "run": run.id,
            "verdict": run.verdict,
            "reply": run.state.reply,
            "died_by_signal": died_by,
            "payments": payments,
            "kept": all(kept.values()),
            "pictures": [str(self.place / f"refund-desk.{suffix}") for suffix in ("svg", "png")],
            "store": str(self.place / "runs.db"),
        }


def _times(paid: int) -> str:
    return f"the ledger has {paid} payment" + ("" if paid == 1 else "s")


def _cleared(folder: str) -> Path:
    """The demo's folder without the files of an earlier demo; whatever else is in it stays."""
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name in _OURS:
            (place / name).unlink(missing_ok=True)
    except OSError as error:
        raise Usage(f"{folder} cannot be the demo's folder: {error.strerror}. Name another with --folder") from error
    if not os.access(place, os.W_OK):
        raise Usage(f"{folder} cannot be written: name another folder with --folder")
    return place
