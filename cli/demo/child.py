"""A process of the demo: starts or resumes the run, and may kill itself with -9 after a step.

python -m guideway.cli.demo.child start FOLDER RUN
python -m guideway.cli.demo.child resume FOLDER RUN [NODE]
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from ..progress import Progress
from ..screen import Screen
from .refund_desk import MESSAGE, app


def main(verb: str, folder: str, run: str, dies_after: str | None = None) -> None:
    """Drives the demo's run in this process.

    Args:
        verb: ``start`` or ``resume``.
        folder: where the store is.
        run: the run's id.
        dies_after: the node after whose step this process is gone.
    """
    screen = Screen()
    screen.line(f"process {os.getpid()} {verb}s the run", "dim")
    with app(os.path.join(folder, "runs.db")) as desk, Progress(desk, screen):
        if dies_after is not None:
            desk.store.hook = _killer(desk, run, dies_after)
        found = desk.start({"message": MESSAGE}, run_id=run, by="web") if verb == "start" else desk.resume(run)
    screen.line(f"run {found.id} is {found.status}" + (f": {found.verdict}" if found.verdict else ""), "bold")


def _killer(desk: Any, run: str, node: str) -> Any:
    """Kills this process the moment the node's step is committed: no handler runs, nothing is flushed or let go."""

    def hook(when: str, kinds: str) -> None:
        if when != "after" or "step" not in kinds.split(","):
            return
        last = desk.store.events(run)[-1]
        if last.kind == "step" and last.body["node"] == node:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


if __name__ == "__main__":
    main(*sys.argv[1:])
