"""Files of a store that do not belong together, are cut off, or were copied in use: a beginning, or refused."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guideway.errors import StoreError
from guideway.runs.store import Draft, SqliteStore
from tests.torture.disk import STORE

ENDS = ("", "-wal", "-shm")


@pytest.fixture
def used(tmp_path) -> Iterator[Path]:
    """The folder of a store that is in use: its log holds what the file does not."""
    folder = tmp_path / "used"
    folder.mkdir()
    with SqliteStore(folder / STORE) as store:
        lease = store.create(run_id="r", flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]
        for number in range(40):
            store.append(lease, [Draft("step", {"n": number, "x": "y" * 400})])
        yield folder


def copied(folder: Path, place: Path, *ends: str) -> Path:
    """Copies of some of a store's files, in a new folder."""
    place.mkdir()
    for end in ends:
        shutil.copy(folder / f"{STORE}{end}", place)
    return place / STORE


def beginning(path: Path, whole: list[bytes]) -> int | None:
    """How many of a run's events a store holds, each as it was; None where it is refused."""
    try:
        with SqliteStore(path, create=False) as store:
            if not store.runs():
                return 0
            links = [event.link for event in store.events("r")]
            assert store.verify("r") is None
    except StoreError:
        return None
    assert links == whole[: len(links)]
    return len(links)


def links_of(folder: Path) -> list[bytes]:
    """The links of the run in a store that is in use."""
    connection = sqlite3.connect(folder / STORE)
    found = [row[0] for row in connection.execute("select link from events order by key")]
    connection.close()
    return found


def test_a_log_that_is_torn_gives_a_beginning(used, tmp_path, record_property):
    """Cut off anywhere, or with bytes changed in it, the log is read up to there: a beginning, and the chain fits."""
    whole = links_of(used)
    draw = random.Random(1)
    log = (used / f"{STORE}-wal").read_bytes()
    found: set[int | None] = set()
    for turn in range(60):
        path = copied(used, tmp_path / str(turn), "")
        data = bytearray(log[: draw.randrange(len(log))] if turn % 2 else log)
        if data and turn % 4 < 3:
            place = draw.randrange(len(data))
            data[place : place + draw.choice((1, 24, 512))] = draw.randbytes(1)
        Path(f"{path}-wal").write_bytes(data)
        if turn % 3 == 0:
            Path(f"{path}-shm").write_bytes(draw.randbytes(32768))
        found.add(beginning(path, whole))
    assert len(found) > 10
    assert None not in found


def test_a_copy_of_the_file_alone_is_older(used, tmp_path):
    """Without its log the copy stands where the file was folded in last; that is a beginning, and nothing else."""
    assert beginning(copied(used, tmp_path / "alone", ""), links_of(used)) == 0


def test_a_log_of_another_store_is_refused_or_passed_over(used, tmp_path):
    """With the log of another store, even one with the same runs, it is never read as a mixture."""
    whole = links_of(used)
    with SqliteStore(tmp_path / STORE) as other:
        lease = other.create(run_id="r", flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]
        other.append(lease, [Draft("step", {"other": 1})] * 90)
        theirs = [event.link for event in other.events("r")]
        path = copied(used, tmp_path / "mixed", "")
        shutil.copy(tmp_path / f"{STORE}-wal", f"{path}-wal")
    found: list[int | None] = []
    for links in (whole, theirs):
        try:
            found.append(beginning(path, links))
        except AssertionError:
            continue
    assert found


WRITES = """
import sys
from guideway.runs.store import Draft, SqliteStore
with SqliteStore(sys.argv[1]) as store:
    lease = store.create(run_id="r", flow="f", shape="s", build="b", events=[Draft("started", {})], hold=True)[1]
    print("begun", flush=True)
    number = 0
    while True:
        store.append(lease, [Draft("step", {"n": number, "x": "y" * 900})], power=number % 7 == 0)
        number += 1
"""
WAYS = ("vacuum", "backup", "file", "files")


@pytest.mark.parametrize("way", WAYS)
def test_a_store_that_is_copied_while_it_is_written(tmp_path, way):
    """SQLite's own copies are a beginning each time; copies of the files are one too, or refused; never a mixture."""
    (tmp_path / "used").mkdir()
    path = tmp_path / "used" / STORE
    writer = subprocess.Popen([sys.executable, "-c", WRITES, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n"
        copies = [copy_of(path, tmp_path / f"{way}{turn}", way) for turn in range(8)]
    finally:
        writer.kill()
        writer.communicate()
    whole = links_of(path.parent)
    counts = [beginning(copy, whole) for copy in copies]
    if way in ("vacuum", "backup"):
        assert None not in counts
        assert counts == sorted(counts, key=lambda count: count or 0)
        assert counts[-1]


def copy_of(path: Path, place: Path, way: str) -> Path:
    """A copy of a store in use, made in one of several ways."""
    if way in ("file", "files"):
        return copied(path.parent, place, *(ENDS[:1] if way == "file" else ENDS[:2]))
    place.mkdir()
    connection = sqlite3.connect(path, timeout=60)
    if way == "vacuum":
        connection.execute("vacuum into ?", (str(place / STORE),))
    else:
        copy = sqlite3.connect(place / STORE)
        connection.backup(copy)
        copy.close()
    connection.close()
    return place / STORE
