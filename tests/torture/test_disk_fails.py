"""The disk is full, or fails, at any commit: an error that says so, nothing half-written, and the run goes on later."""

from __future__ import annotations

import errno
import random
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guideway import Anyone
from guideway.errors import StoreError
from guideway.runs.store import SqliteStore
from tests.torture import disk
from tests.torture.child import compiled
from tests.torture.forge import RUN, Forge, Job, Report
from tests.torture.scenarios import SCENARIOS
from tests.torture.test_kills import differences, undisturbed
from tests.torture.test_power_loss import PAGES, settled_by
from tests.torture.world import World

FULL = {"call": "write", "end": "-wal", "error": errno.ENOSPC}
"""No room in the log: half of the first write that does not fit is there, as a disk does it."""
BROKEN = {"call": "write", "end": "-wal", "error": errno.EIO}
UNSYNCED = {"call": "sync", "end": "-wal", "error": errno.EIO, "times": 1}
NOT_FOLDED = {"call": "write", "end": ".db", "error": errno.ENOSPC}
"""There is room for the log, and none for what is folded in."""

SAYS = {errno.ENOSPC: "the disk is full", errno.EIO: "the disk failed"}
SENT = "was called before that, and what became of it could not be recorded"


def wrong(forge: Forge, job: Job, calm: Report, fault: dict[str, Any], at: int, mends: bool) -> tuple[int, list[str]]:
    """Drive a run over a disk that fails from a boundary on, and on from there; how often it failed, what is wrong."""
    log = f"{job.folder}.calls"
    faults = fault | {"at": at, "mends": mends}
    report = forge.drive(replace(job, disk=log, faults=faults))
    found = [f"{kind}: {said}" for kind, said in report.failed if not told(kind, said, fault["error"], job.folder)]
    if not fault.get("after") and at in after_effects(calm, Path(job.folder).parent / "undisturbed"):
        found += [f"not told: {said}" for _, said in report.failed[:1] if SENT not in said]
    if not mends and report.failed:
        found += standing(Path(job.folder))
        report = forge.drive(job)
    found += [f"{name}: {what}" for name, what in differences(report.run, calm.run).items()]
    return len(report.failed) or int(bool(not mends)), found


def after_effects(calm: Report, folder: Path) -> list[int]:
    """The boundaries at which a tool was called, and its result is about to be stored."""
    with SqliteStore(folder / disk.STORE) as store:
        events = store.events(RUN)
    asked = {event.body["slot"]: event.body["kind"] for event in events if event.kind == "intent"}
    tools = [asked.get(event.body["slot"]) == "tool" for event in events if event.kind == "result"]
    results = [at for at, boundary in enumerate(calm.boundaries, 1) if boundary == "before result"]
    return [at for at, tool in zip(results, tools, strict=True) if tool]


def told(kind: str, said: str, error: int, folder: str) -> bool:
    """Whether an error says what is wrong, where, and the way out."""
    return kind == "StoreError" and said.startswith(f"{folder}/{disk.STORE}: {SAYS[error]}") and "resume" in said


def standing(folder: Path) -> list[str]:
    """What is wrong with what is there after the failure: every effect in the world has its intent in the journal."""
    with SqliteStore(folder / disk.STORE) as store:
        events = store.events(RUN) if store.runs() else []
        found = [] if not events or store.verify(RUN) is None else ["the chain is broken"]
    keys = {event.body.get("key") for event in events if event.kind == "intent"}
    ledger = folder / disk.LEDGER
    lines = ledger.read_text().splitlines() if ledger.exists() else []
    return found + [f"{line} without an intent" for line in lines if line.split("\t")[1] not in keys]


@pytest.mark.parametrize(
    ("scenario", "fault", "mends"),
    [("budget", FULL, True), ("reconciled", FULL, False), ("reconciled", UNSYNCED, True), ("budget", UNSYNCED, False)],
    ids=["full and mended", "full and ended", "unsynced and mended", "unsynced and ended"],
)
def test_a_disk_that_fails_at_every_commit(disks, tmp_path, scenario, fault, mends, record_property):
    """At every commit in turn the disk is full, or does not sync: told, nothing half-done, and ended as if calm."""
    calm = undisturbed(disks, scenario, tmp_path)
    bad: list[str] = []
    count = 0
    for at, boundary in enumerate(calm.boundaries, 1):
        if boundary.startswith("before"):
            job = Job(scenario, str(tmp_path / str(at)), settles=settled_by(scenario))
            failed, found = wrong(disks, job, calm, fault, at, mends)
            count += failed
            bad += [f"{at} {boundary}: {what}" for what in found]
    record_property("failures", count)
    assert not bad, "\n".join(bad)
    assert count > 3


@pytest.fixture
def small(tmp_path) -> Iterator[Path]:
    """A file system of half a megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "none", folder], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(folder: Path) -> None:
    """Write until there is no room."""
    with suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))


@pytest.mark.parametrize("kind", ["intent", "result"])
def test_a_real_file_system_that_is_full(small, tmp_path, kind):
    """Full before the intent nothing is sent; full before the result the run parks and is settled; then it ends."""
    world = World(tmp_path)
    with compiled("budget", str(small / disk.STORE), world, Anyone()) as app:

        def hook(when: str, kinds: str) -> None:
            if (when, kinds) == ("before", kind):
                fill(small)

        app.store.hook = hook
        with pytest.raises(StoreError, match="the disk is full") as caught:
            app.start({}, run_id=RUN, by="web")
        assert len(world.done()) == (kind == "result")
        assert (SENT in str(caught.value)) is (kind == "result")
        app.store.hook = None
        (small / "filler").unlink()
        run = app.resume(RUN)
        if kind == "result":
            assert (run.status, run.error.category, len(world.done())) == ("parked", "unknown_effect", 1)
            app.settle(RUN, None, "deliver of 1", by="auditor", note="looked into the ledger")
            run = app.resume(RUN)
        assert (run.status, run.end, app.store.verify(RUN)) == ("ended", "summed up", None)
    effects = [line.split("\t")[2] for line in world.done()]
    assert len(effects) == len(set(effects)) == 3


@pytest.mark.torture
@pytest.mark.parametrize("mends", [True, False], ids=["mended", "ended"])
@pytest.mark.parametrize("fault", [FULL, BROKEN, UNSYNCED, NOT_FOLDED], ids=["full", "broken", "unsynced", "unfolded"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_disk_that_fails_at_any_call(disks, tmp_path, scenario, fault, mends, record_property):
    """From every boundary on the disk fails at the first write, or after a few; the log is folded in all the time."""
    calm = undisturbed(disks, scenario, tmp_path)
    draw = random.Random(scenario)
    bad: list[str] = []
    count = 0
    for at, boundary in enumerate(calm.boundaries, 1):
        job = Job(scenario, str(tmp_path / str(at)), settles=settled_by(scenario), pages=PAGES)
        failed, found = wrong(disks, job, calm, fault | {"after": draw.randrange(6)}, at, mends)
        count += failed
        bad += [f"{at} {boundary}: {what}" for what in found]
    record_property("failures", count)
    assert not bad, "\n".join(bad)
