"""Calls of once-only tools that outlast their time, and a kill on top: never twice, and never guessed."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from tests.torture.forge import Forge, Job, Report
from tests.torture.late import LATE
from tests.torture.test_kills import differences

CANCELLED = ("late_async", "late_async_asks")
"""Calls that are cancelled before they act: they are made again, once it is known that nothing was done."""
GOES_ON = ("early_asks", "early_async_asks")
"""Calls of which the world knows what became of them, so that nobody else is asked."""


def calm(forge: Forge, scenario: str, folder: Path) -> Report:
    """The run that is timed out, asked about or settled, and not killed."""
    report = forge.drive(Job(scenario, str(folder / "calm")))
    assert report.run["status"] == "ended"
    assert len(report.run["ledger"]) == 1
    return report


@pytest.mark.parametrize("scenario", LATE)
def test_a_call_that_outlasts_its_time_parks_and_is_done_once(forge, tmp_path, scenario):
    """Timed out, a call is unknown until the world or a person says what became of it: then it was done once.

    Only where the world can be asked and knows of the effect does the run go on by itself.
    """
    report = calm(forge, scenario, tmp_path)
    assert ("parked" in report.run["kinds"]) == (scenario not in GOES_ON), report.run["kinds"]
    assert report.run["kinds"].count("intent") == (2 if scenario in CANCELLED else 1), report.run["kinds"]


def killed(forge: Forge, folder: Path, scenario: str, kills: int) -> int:
    """Kill at random instants, and drive on; gives how many kills hit."""
    expected = calm(forge, scenario, folder)
    draw = random.Random(scenario)
    hits, trial, bad = 0, 0, []
    while hits < kills:
        trial += 1
        assert trial < 20 + 10 * kills
        job = Job(scenario, str(folder / str(trial)))
        delay = draw.uniform(0.0, expected.told["seconds"])
        died = forge.drive(Job(scenario, job.folder, delay=delay)).signal
        assert died in (0, signal.SIGKILL)
        hits += died != 0
        after = forge.drive(job)
        wrong = differences(after.run, expected.run)
        bad += [f"{trial} after {delay:.3f} s: {name}: {what}" for name, what in wrong.items()]
    assert not bad, "\n".join(bad)
    return hits


@pytest.mark.parametrize("scenario", LATE)
def test_a_kill_while_a_call_outlasts_its_time_changes_nothing(forge, tmp_path, scenario, record_property):
    """Killed before, in and after a call that outlasts its time, and driven on: done once, and the end is the same."""
    record_property("kills at instants", killed(forge, tmp_path, scenario, 1))


@pytest.mark.torture
@pytest.mark.parametrize("scenario", LATE)
def test_many_kills_while_a_call_outlasts_its_time_change_nothing(forge, tmp_path, scenario, record_property):
    """The same, sixty times for each."""
    record_property("kills at instants", killed(forge, tmp_path, scenario, 60))
