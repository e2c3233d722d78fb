"""Many processes of ours on one file: none hears of a lock, nothing is lost, and the log stays small."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from guideway.runs.store import SqliteStore
from tests.torture.forge import Forge, Job

PROCESSES = 8
LOG = 24 * 2**20
"""Bytes that the write-ahead log may come to, whatever is done."""


def rushed(forge: Forge, seconds: float, durability: str) -> dict[str, Any]:
    """Let eight processes loose on a new store on the disk, and look at all that they have left."""
    with TemporaryDirectory() as folder:
        found = forge.drive(Job("rush", folder, rush=seconds, durability=durability, crowd=PROCESSES)).run
        assert found["failed"] == []
        whole(Path(folder), found["done"])
    return found


def whole(folder: Path, done: dict[str, int]) -> None:
    """Every run and every decision is there once, every journal is whole, and nothing was done twice."""
    with SqliteStore(folder / "runs.db") as store:
        rows = store.runs(limit=100_000)
        assert len(rows) == done["starts"]
        assert [row.id for row in rows if store.verify(row.id) is not None] == []
        events = [event for row in rows for event in store.events(row.id)]
    assert Counter(event.kind for event in events)["decided"] == done["decided"] > 0
    paid = {event.body["key"] for event in events if event.kind == "intent"}
    ledger = folder / "ledger"
    keys = [line.split("\t")[1] for line in ledger.read_text().splitlines()] if ledger.exists() else []
    assert len(keys) == len(set(keys))
    assert set(keys) <= paid


@pytest.mark.parametrize("durability", ["process", "power"])
def test_many_processes_use_one_file(forge, durability):
    """Eight processes start, decide, resume, list, sweep, checkpoint and open: no lock, and no lost update."""
    found = rushed(forge, 1.5, durability)
    assert min(found["done"].get(what, 0) for what in ("starts", "decides", "resumes", "reopens")) > 0
    assert found["wal"] < LOG


@pytest.mark.torture
@pytest.mark.parametrize("durability", ["process", "power"])
def test_many_processes_use_one_file_for_a_minute(forge, durability):
    """The same for a minute: the log does not grow with what is done."""
    assert rushed(forge, 60.0, durability)["wal"] < LOG
