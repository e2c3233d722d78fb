"""A process that is stopped loses its runs; when it wakes it commits nothing, and dispatches nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from guideway.errors import StoreLocked
from guideway.runs.store import SqliteStore
from tests.torture.forge import RUN, Forge, Job, Report, Stopped
from tests.torture.points import in_a_call, locks_the_file
from tests.torture.scenarios import SCENARIOS
from tests.torture.test_kills import differences, undisturbed
from tests.torture.wide import WIDE

REFUSED = {"LeaseLost", "RunExists", "DecisionRefused", "RunNotReady"}
"""What a process may be told that wakes in a run that has gone on without it."""


def passed(forge: Forge, scenario: str, folder: Path) -> list[str]:
    """All points of a drive that nobody disturbs."""
    report = forge.drive(Job(scenario, str(folder / "points"), points=True))
    return list(report.told["points"])


def journal(folder: str) -> list[tuple[str, bytes]]:
    """What the store says of the run: every event with its place in the chain."""
    with SqliteStore(Path(folder) / "runs.db") as store:
        return [(event.kind, event.link) for event in store.events(RUN)]


def stopped(forge: Forge, job: Job) -> Stopped | None:
    """A child that stands still at the point that was chosen; None where it ended before, side by side with itself."""
    found = forge.stop(job)
    if isinstance(found, Report):
        assert job.scenario in WIDE, f"{job} did not stop"
        return None
    return found


def taken_over(forge: Forge, job: Job, calm: Report, expected: str) -> tuple[str, list[str]]:
    """Stop a child, let another one take the run over, wake the first; gives where it stopped and what is wrong.

    A process that stands still inside of a call leaves an effect that nobody knows: its run parks until the call
    is over, and then people settle it. Where branches are side by side, one may be in a call whatever another does.
    """
    first = stopped(forge, job)
    if first is None:
        return "", []
    if job.scenario not in WIDE:
        assert first.at == expected
    calls = in_a_call(first.at) or job.scenario in WIDE
    other = replace(job, stop=0, points=False)
    second = forge.drive(replace(other, settles="never" if calls else "ledger"))
    before, done = journal(job.folder), len(second.run["ledger"])
    woken = forge.wake(first)
    third = forge.drive(other) if calls else second
    wrong = [f"{name}: {what}" for name, what in differences(third.run, calm.run).items()]
    if woken.told["raised"] not in {None, *REFUSED}:
        wrong.append(f"it was told {woken.told['raised']}")
    if woken.run["kinds"] != second.run["kinds"] or journal(job.folder)[: len(before)] != before:
        wrong.append(f"it committed {woken.run['kinds'][len(before) :]}")
    since = woken.told["points"][woken.told["woke"] :]
    if any(label.startswith("checked") for label in since):
        wrong.append(f"it dispatched: {since}")
    if not calls and len(woken.run["ledger"]) != done:
        wrong.append(f"it did {woken.run['ledger'][done:]}")
    return first.at, wrong


def points_of(forge: Forge, scenario: str, folder: Path) -> list[tuple[int, str]]:
    """The points of a scenario at which a stopped process does not hold the file's lock, with their numbers."""
    found = passed(forge, scenario, folder)
    return [(number, label) for number, label in enumerate(found, 1) if not locks_the_file(label)]


def stops(forge: Forge, scenario: str, folder: Path, chosen: Callable[[str], bool]) -> int:
    """Stop a scenario at points that are chosen by their label; gives how many stops there were."""
    calm = undisturbed(forge, scenario, folder)
    bad: list[str] = []
    made = 0
    for number, label in points_of(forge, scenario, folder):
        if not chosen(label):
            continue
        job = Job(scenario, str(folder / str(number)), stop=number, points=True)
        at, wrong = taken_over(forge, job, calm, label)
        made += at != ""
        bad += [f"{number} {at or label}: {what}" for what in wrong]
    assert not bad, "\n".join(bad)
    return made


SHORT = "loop"
"""The scenario that is stopped at each of its kinds of points in the default run."""


def test_a_stopped_process_commits_and_dispatches_nothing(forge, tmp_path, record_property):
    """Stopped before or after a commit or in a call, taken over, and woken: all is as if nothing had happened."""
    seen: set[str] = set()

    def unseen(label: str) -> bool:
        kind = label if label.startswith("effect") else label.replace(",", " ")
        new = kind not in seen
        seen.add(kind)
        return new

    made = stops(forge, SHORT, tmp_path, unseen)
    record_property("stops", made)
    assert made == len(seen)


@pytest.mark.torture
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_process_that_is_stopped_anywhere_commits_and_dispatches_nothing(forge, tmp_path, scenario, record_property):
    """The same at every point of every scenario."""
    made = stops(forge, scenario, tmp_path, lambda label: True)
    record_property("stops", made)
    assert made


def test_a_process_that_is_stopped_inside_a_commit_holds_up_all_and_loses_nothing(forge, tmp_path, record_property):
    """It holds the file's lock: others are told so, nothing is taken over, and once it wakes it goes on as ever."""
    calm = undisturbed(forge, "loop", tmp_path)
    found = passed(forge, "loop", tmp_path)
    number = next(number for number, label in enumerate(found, 1) if label == "before step,ended")
    first = stopped(forge, Job("loop", str(tmp_path / "held"), stop=number, points=True))
    assert first is not None
    with pytest.raises(StoreLocked, match="the store is held by another program"):
        SqliteStore(tmp_path / "held" / "runs.db", patience=0.1)
    woken = forge.wake(first)
    assert woken.told["raised"] is None
    assert differences(woken.run, calm.run) == {}
    record_property("stops", 1)
