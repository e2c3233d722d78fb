"""The power goes at any call to the disk: what was promised to be kept is there, and the run ends as if it had not.

A run is driven once, with all that it does to the disk written down (disk.py). For each moment the disk that the power
leaves behind is built: without anything that was not synced, and with any part of that. The store must open on it, with
a beginning of the journal that reaches at least to the last commit that promises to be kept; then the run is driven on.
"""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import pytest

from guideway.runs.store import Draft, Event, SqliteStore, identity, schema
from tests.house import ROOT
from tests.torture import disk
from tests.torture.disk import Call, Disk
from tests.torture.forge import RUN, Forge, Job, Report
from tests.torture.scenarios import SCENARIOS
from tests.torture.test_kills import differences, undisturbed

SHORT = ("first_page", "reconciled", "departments")
"""For every run of the suite: a gate and a business key, a tool that asks the world, branches."""
SAFE = ("intent", "decided", "expired", "settled", "cancelled")
"""What is kept whenever it was committed, with all before it; so is a result that answers an intent."""
PAGES = 8
"""Of the write-ahead log before it is folded in: so few that it happens again and again within a run."""


@dataclass
class Story:
    """A run that was driven with its disk watched.

    Args:
        calls: to the disk, in order, with a mark at each boundary of a commit.
        events: the journal that they wrote.
        before: the files that were there at first.
        had: how many events they held.
        power: every commit is promised to be kept.
    """

    calls: Sequence[Call]
    events: Sequence[Event]
    before: dict[str, bytes] = field(default_factory=dict[str, bytes])
    had: int = 0
    power: bool = False

    def promised(self) -> list[int]:
        """Numbers of the events that are kept once they were committed, in order."""
        asked: set[str] = set()
        kept: list[int] = []
        for event in self.events:
            slot = f"{event.body.get('branch', '')} {event.body.get('slot')}"
            if event.kind == "intent":
                asked.add(slot)
            if self.power or event.kind in SAFE or (event.kind == "result" and slot in asked):
                kept.append(event.number)
        return kept

    def moments(self, everywhere: bool) -> Iterator[tuple[str, Disk, int, int]]:
        """Each moment: where it is, the disk then, how much of the journal must be there, and how much may.

        Args:
            everywhere: at every call to the disk, not only at the boundaries of commits and while the store is made.
        """
        disk, promised = Disk(self.before), self.promised()
        after = [(place, _tail(call)) for place, call in enumerate(self.calls) if _is_after(call)]
        committed, made = 0, False
        for place, call in enumerate(self.calls):
            disk.take(call)
            if _is_after(call):
                committed = _tail(call)
            made = made or call.what == "M"
            if everywhere or not made or call.what == "M":
                must = max((self.had, *(number for number in promised if number <= committed)))
                may = next((tail for later, tail in after if later >= place), len(self.events))
                yield f"call {place} {call.what} {call.text if call.what == 'M' else ''}", disk, must, may


def _is_after(call: Call) -> bool:
    return call.what == "M" and call.text.split(" ")[2] == "after"


def _tail(call: Call) -> int:
    return int(call.text.split(" ")[1])


def driven(
    forge: Forge, job: Job, folder: Path, before: dict[str, bytes] | None = None, had: int = 0
) -> tuple[Story, Report]:
    """Drive a run with its disk watched."""
    log = folder / f"{Path(job.folder).name}.calls"
    report = forge.drive(replace(job, disk=str(log), pages=PAGES))
    with SqliteStore(Path(job.folder) / disk.STORE) as store:
        events = store.events(RUN)
    return Story(disk.calls(log), events, before or {}, had, job.durability == "power"), report


def unlike(files: dict[str, bytes], story: Story, folder: Path, must: int, may: int) -> tuple[str | None, int]:
    """What is wrong with what the power left, and how many events there are.

    To look means to recover, so it is done in a folder of its own: whoever drives on recovers again.
    """
    disk.lay(files, folder)
    with SqliteStore(folder / disk.STORE) as store:
        found = store.events(RUN) if store.runs() else []
        broken = store.verify(RUN) if found else None
    if [event.link for event in found] != [event.link for event in story.events[: len(found)]]:
        return f"another journal: {[event.kind for event in found]}", len(found)
    if broken is not None:
        return f"event {broken} does not fit", len(found)
    if not must <= len(found) <= may:
        return f"{len(found)} events, of {must} that are promised and {may} that were written", len(found)
    return None, len(found)


@dataclass
class Losses:
    """Power losses of one run, counted, with what was wrong after each, and how many events the last one left."""

    forge: Forge
    job: Job
    calm: Report
    folder: Path
    count: int = 0
    held: int = 0
    wrong: list[str] = field(default_factory=list[str])
    seen: set[tuple[bytes, int]] = field(default_factory=set[tuple[bytes, int]])

    def lose(self, story: Story, where: str, files: dict[str, bytes], must: int, may: int) -> Job | None:
        """One loss; gives the job that goes on with what is left, where it is not like one that was seen."""
        self.count += 1
        sign = hashlib.sha256(repr(sorted(files.items())).encode()).digest()
        if (sign, must) in self.seen:
            return None
        self.seen.add((sign, must))
        folder = self.folder / f"{self.job.scenario}.{self.count}"
        problem, self.held = unlike(files, story, Path(f"{folder}.look"), must, may)
        disk.lay(files, folder)
        if problem is not None:
            self.wrong.append(f"{where}: {problem}")
        return replace(self.job, folder=str(folder))

    def goes_on(self, job: Job, where: str) -> None:
        """Driven on, the run must end as the undisturbed one did."""
        after = self.forge.drive(job)
        self.wrong += [f"{where}: {name}: {what}" for name, what in differences(after.run, self.calm.run).items()]


def lost(forge: Forge, folder: Path, job: Job, *, everywhere: bool = False, draws: int = 1) -> Losses:
    """The power goes at each moment of a run: once with nothing kept that was not synced, then with parts of it."""
    calm = undisturbed(forge, job.scenario, folder)
    story, report = driven(forge, replace(job, folder=str(folder / "watched")), folder)
    assert differences(report.run, calm.run) == {}
    losses = Losses(forge, job, calm, folder)
    draw = random.Random(job.scenario)
    for where, left, must, may in story.moments(everywhere):
        for turn in range(1 + draws):
            files = left.after(draw if turn else None)
            job_after = losses.lose(story, f"{where} ({turn})", files, must, may)
            if job_after is not None and (turn == 0 or draws > 1 or draw.random() < 0.1):
                losses.goes_on(job_after, f"{where} ({turn})")
    return losses


def settled_by(scenario: str) -> str:
    """Who settles what nobody knows: nobody, where the tool can ask the world itself."""
    return "never" if scenario == "reconciled" else "ledger"


@pytest.mark.parametrize("scenario", SHORT)
def test_the_power_goes_at_every_commit(disks, tmp_path, scenario, record_property):
    """At every commit: intents, results and decisions are there, and the run ends as the undisturbed one did."""
    losses = lost(disks, tmp_path, Job(scenario, "", settles=settled_by(scenario)))
    record_property("losses", losses.count)
    assert not losses.wrong, "\n".join(losses.wrong)


def test_with_durability_power_every_commit_is_kept(disks, tmp_path, record_property):
    """With ``durability="power"`` no event that was committed is missing, wherever the power goes."""
    losses = lost(disks, tmp_path, Job("rules_asked", "", durability="power"))
    record_property("losses", losses.count)
    assert not losses.wrong, "\n".join(losses.wrong)


LOST = ("power-safe commits", "syncs")
"""Protections that a power loss shows missing (see mutants.py)."""


@pytest.mark.parametrize("protection", LOST)
def test_a_loss_shows_a_protection_missing(disks, tmp_path, protection):
    """Where intents are not synced, or nothing is, a power loss loses one, and an effect is repeated."""
    losses = lost(disks, tmp_path, Job("budget", "", breaks=protection), draws=0)
    assert any("that are promised" in wrong for wrong in losses.wrong)
    assert any(": ledger: " in wrong for wrong in losses.wrong)


@pytest.mark.torture
@pytest.mark.parametrize("durability", ["process", "power"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_power_goes_at_every_call_to_the_disk(disks, tmp_path, scenario, durability, record_property):
    """At every call to the disk, with all that was not synced gone and with parts of it there."""
    job = Job(scenario, "", settles=settled_by(scenario), durability=durability)
    losses = lost(disks, tmp_path, job, everywhere=True, draws=3)
    record_property("losses", losses.count)
    assert not losses.wrong, "\n".join(losses.wrong)


@pytest.mark.torture
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_power_goes_again_and_again(disks, tmp_path, scenario, record_property):
    """Lost at random moments of a run, and of the drives that go on from there, it ends as the undisturbed one did."""
    calm = undisturbed(disks, scenario, tmp_path)
    draw = random.Random(scenario)
    first = Job(scenario, str(tmp_path / "watched"), settles=settled_by(scenario))
    begun, _ = driven(disks, first, tmp_path)
    losses = Losses(disks, first, calm, tmp_path)
    for turn in range(40):
        story: Story | None = begun
        job: Job | None = first
        for _ in range(draw.randrange(1, 5)):
            moment = draw.randrange(len(story.calls))
            where, left, must, may = next(islice(story.moments(True), moment, None))
            files = left.after(draw if draw.random() < 0.8 else None)
            job = losses.lose(story, f"{turn} {where}", files, must, may)
            if job is None:
                break
            story, _ = driven(disks, job, tmp_path, files, losses.held)
        if job is not None:
            losses.goes_on(job, str(turn))  # its last drive came to the end: what it left stays so
    record_property("losses", losses.count)
    assert not losses.wrong, "\n".join(losses.wrong)


OLDER = """
import sys
from pathlib import Path
from tests.torture import disk
from guideway.runs.store import SqliteStore
disk.watch(Path(sys.argv[1]), sys.argv[2])
SqliteStore(Path(sys.argv[1]) / disk.STORE).close()
"""


def test_the_power_goes_while_an_older_store_is_brought_forward(disks, tmp_path, monkeypatch, record_property):
    """Wherever it goes, the store is the older one or today's, whole, and opens as today's."""
    folder = tmp_path / "older"
    folder.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "STORE", replace(schema.STORE, steps=schema.STORE.steps[:1]))
        patch.setattr(identity, "record", lambda database: None)  # the older guideway knew of no copies
        with SqliteStore(folder / disk.STORE) as store:
            store.create(run_id=RUN, flow="f", shape="s", build="b", events=[Draft("started", {})])
    before = {disk.STORE: (folder / disk.STORE).read_bytes()}
    environment = os.environ | {"LD_PRELOAD": str(disks.disk)}
    log = tmp_path / "calls"
    subprocess.run([sys.executable, "-c", OLDER, str(folder), str(log)], check=True, cwd=ROOT, env=environment)
    left, draw, count = Disk(before), random.Random(0), 0
    for call in disk.calls(log):
        left.take(call)
        for turn in range(4):
            count += 1
            disk.lay(left.after(draw if turn else None), tmp_path / str(count))
            with SqliteStore(tmp_path / str(count) / disk.STORE) as store:
                assert [row.id for row in store.runs()] == [RUN]
                assert store.verify(RUN) is None
                assert store.requests() == []
    record_property("losses", count)
    assert count > 40
