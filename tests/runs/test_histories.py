"""What past versions of the demo flow left in a store is resumed by today's, whatever its shape was."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from guideway import Migration
from guideway.cli.demo import refund_desk as demo
from guideway.runs.store import SqliteStore
from tests.cli.test_places import agree
from tests.histories import make
from tests.house import ROOT

KEPT = sorted(path.name for path in (ROOT / "tests/histories").iterdir() if (path / "store.sql").exists())


@pytest.fixture
def store(tmp_path, monkeypatch) -> Any:
    """Lays a history's store, and the bank's ledger beside it; knows the orders that are in it."""
    monkeypatch.setitem(demo.ORDERS, "19", 7.25)

    def lay(shape: str) -> str:
        path = tmp_path / "runs.db"
        connection = sqlite3.connect(path)
        connection.executescript((ROOT / "tests/histories" / shape / "store.sql").read_text())
        connection.execute("pragma journal_mode = wal")
        # soon after it was made: a history is kept for years, and its requests are open for a day
        shift = time.time() - connection.execute("select max(updated) from runs").fetchone()[0] - 60.0
        connection.close()
        real = time.time

        def clock() -> float:
            return real() - shift

        monkeypatch.setattr(time, "time", clock)
        monkeypatch.setitem(SqliteStore.__init__.__kwdefaults__, "clock", clock)
        shutil.copy(ROOT / "tests/histories" / shape / "ledger.jsonl", tmp_path)
        return str(path)

    return lay


def payments(path: str) -> list[str]:
    """The orders that the bank paid, in order."""
    ledger = Path(path).parent / "ledger.jsonl"
    return [json.loads(line)["order"] for line in ledger.read_text().splitlines()]


def test_the_shape_of_today_is_kept_too():
    """Whoever changes the demo flow's shape stores what it leaves, for those who come after."""
    told = "run `python -m tests.histories.make`: the demo flow has a shape of which no history is kept"
    assert make.name() in KEPT, told
    assert len(KEPT) >= 2


@pytest.mark.parametrize("shape", KEPT)
def test_runs_of_every_past_shape_are_resumed(store, shape):
    """What waited is approved and paid once, what was paid before a kill is found, and what ended stays as it was."""
    path = store(shape)
    with demo.app(path) as app:
        assert [run.id for run in app.runs(status="ended")] == ["ended"]
        waiting = app.resume("waiting")
        assert (waiting.status, waiting.waiting[0].call.arguments["order"]["id"]) == ("waiting", "17")
        app.approve(waiting.waiting[0], by="ann")
        assert app.resume("waiting").verdict == "success"
        approved = app.resume("approved")
        if approved.status == "waiting":  # the payment's code is another: what was approved is asked anew
            app.approve(approved.waiting[0], by="ann")
            approved = app.resume("approved")
        assert approved.verdict == "success"
        paying = app.resume("paying")
        assert (paying.verdict, paying.state.refund_id) == ("success", "R0001")
        assert sorted(payments(path)) == ["17", "18", "19"]
        for run in ("waiting", "approved", "paying", "ended"):
            assert app.store.verify(run) is None
            agree(app, run)


@pytest.mark.parametrize("shape", KEPT)
def test_runs_of_every_past_shape_park_or_migrate(store, shape, monkeypatch):
    """Where a node has another name today, nothing of the past is lost: it parks, and a migration takes it along."""
    path = store(shape)
    edges = [row for row in demo.refund_desk.source_rows if row.source.name not in ("find_order", "pay_back")]
    refund = demo.pay_back.named("refund")
    rows = [demo.on(demo.find_order, demo.lead >> refund), demo.on(refund, demo.write_reply)]

    def desk(migrations: Any) -> Any:
        flow = demo.Flow(
            "refund-desk",
            state=demo.Ticket,
            edges=[*edges, *rows],
            budget=demo.refund_desk.budget,
            on_exhausted=demo.gave_up,
            on_failure=demo.handed_over,
            migrations=migrations,
        )
        monkeypatch.setattr(demo, "refund_desk", flow)
        return demo.app(path)

    with desk([]) as app:
        for run in ("waiting", "approved", "paying"):
            assert app.resume(run).status == "parked"
        assert payments(path) == ["19"]
    with desk([Migration(shape, nodes={"pay_back": "refund"})]) as app:
        for run in ("waiting", "approved", "paying"):
            found = app.resume(run)
            for request in found.waiting:
                assert request.node == "refund"
                app.approve(request, by="ann")
            assert app.resume(run).verdict == "success"
            agree(app, run)
        assert sorted(payments(path)) == ["17", "18", "19"]
