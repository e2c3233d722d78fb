"""Stores runs of the demo flow as it is now: ``python -m tests.histories.make`` writes a file named by the shape.

Four runs, each left where a deployment may find it: waiting for the lead, approved and not resumed, killed after the
bank paid and before anybody recorded it, and ended. The file is the store's own tables as SQL, and the bank's ledger.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

from guideway.cli.demo.refund_desk import app, refund_desk

HERE = Path(__file__).parent
PRAGMAS = ("application_id", "user_version")


def name() -> str:
    """What the history of the flow as it is now is called: by its shape."""
    return str(refund_desk.shape)


def main() -> None:
    """Writes the history of the flow as it is now; one that is there stays as it is."""
    target = (Path(sys.argv[1]) if len(sys.argv) > 1 else HERE) / name()
    if target.exists():
        print(f"{target} is there already: what a past version left is not written again")
        return
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "runs.db"
        _runs(str(store))
        target.mkdir(parents=True)
        connection = sqlite3.connect(store)
        # who made it is nobody's business; when and where from the lease was taken tells that its holder is gone
        connection.execute("update runs set holder = json_set(holder, '$.user', 'ann', '$.host', 'desk')")
        connection.commit()
        kept = [f"pragma {key} = {connection.execute(f'pragma {key}').fetchone()[0]};" for key in PRAGMAS]
        (target / "store.sql").write_text("\n".join([*kept, *connection.iterdump()]) + "\n")
        connection.close()
        (target / "ledger.jsonl").write_bytes((Path(folder) / "ledger.jsonl").read_bytes())
    print(f"wrote {target}")


def _runs(store: str) -> None:
    with app(store) as made:
        for run, order in (("waiting", "17"), ("approved", "18")):
            made.start({"message": f"Order {order} arrived broken, please refund."}, run_id=run, by="web")
        made.approve(made.get("approved").waiting[0], by="ann", note="seen the photo")
        ended = made.start({"message": "What are your opening hours, order 17?"}, run_id="ended", by="web")
        assert ended.status == "ended", ended
    child = os.fork()
    if child == 0:
        _killed(store)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the child was to be killed"


def _killed(store: str) -> None:
    """Pays for another order, and dies before anybody records it."""
    import guideway.cli.demo.refund_desk as demo

    demo.ORDERS["19"] = 7.25
    made: Any = app(store)
    run = made.start({"message": "Order 19 arrived broken, please refund."}, run_id="paying", by="web")
    made.approve(run.waiting[0], by="ann")

    def die(when: str, kinds: str) -> None:
        if when == "before" and kinds.startswith("result") and (Path(store).parent / "ledger.jsonl").exists():
            os.kill(os.getpid(), signal.SIGKILL)

    made.store.hook = die
    made.resume("paying")
    os._exit(1)


if __name__ == "__main__":
    main()
