"""A process of the demo: starts or resumes the run, and may kill itself with -9 at the worst moment.

``python -m guideway.cli.demo.child start|resume FOLDER RUN [dies]``
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from ..progress import Progress
from ..screen import Screen
from .refund_desk import MESSAGE, Bank, app


def main(verb: str, folder: str, run: str, dies: str = "") -> None:
    """Drives the demo's run in this process.

    Args:
        verb: ``start`` or ``resume``.
        folder: where the store is.
        run: the run's id.
        dies: whether this process is gone as soon as the bank has paid.
    """
    screen = Screen()
    screen.line(f"process {os.getpid()} {verb}s the run", "dim")
    with app(os.path.join(folder, "runs.db")) as desk, Progress(desk, screen):
        if dies:
            desk.store.hook = _die_when_paid(Bank(Path(folder) / "ledger.jsonl"))
        found = desk.start({"message": MESSAGE}, run_id=run, by="web") if verb == "start" else desk.resume(run)
    screen.line(f"run {found.id} is {found.status}" + (f": {found.verdict}" if found.verdict else ""), "bold")


def _die_when_paid(bank: Bank) -> Callable[[str, str], None]:
    """Kills this process when the bank has paid and the result is not recorded yet.

    It is a real kill -9: no handler runs, nothing is flushed, and the run's lease is not let go.
    """

    def hook(when: str, kinds: str) -> None:
        if when == "before" and kinds == "result" and bank.payments():
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


if __name__ == "__main__":
    main(*sys.argv[1:])
