"""kill -9 at every boundary of every commit: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import json
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.torture.flows import SCENARIOS
from tests.torture.forge import Forge, Job, Report

SAME = ("status", "verdict", "end", "error", "state", "path", "decided", "ledger", "chain", "open")
"""What a kill must not change."""


def undisturbed(forge: Forge, scenario: str, folder: Path) -> Report:
    """The run that nothing happens to."""
    report = forge.drive(Job(scenario, str(folder / "undisturbed")))
    assert report.signal == 0
    assert report.run["status"] == "ended"
    assert report.run["chain"] is None
    assert report.run["open"] == []
    assert report.boundaries[0::2] == [f"before {kinds.split(' ', 1)[1]}" for kinds in report.boundaries[1::2]]
    return report


def killed(forge: Forge, job: Job, expected: str) -> None:
    """Drive until the kill; a child that lived, or died elsewhere, is a defect of the test."""
    report = forge.drive(job)
    assert report.signal == signal.SIGKILL, f"{job} did not die"
    assert report.killed_at == expected, f"{job} died at {report.killed_at!r}, not at {expected!r}"


def differences(run: dict[str, Any], calm: dict[str, Any]) -> dict[str, Any]:
    """What differs from the undisturbed run that may not."""
    found: dict[str, Any] = {name: _apart(run[name], calm[name]) for name in SAME if run[name] != calm[name]}
    spent, least = run["spent"], calm["spent"]
    if spent["steps"] != least["steps"] or spent["calls"] < least["calls"] or spent["tokens"] < least["tokens"]:
        found["spent"] = (spent, least)
    return found


def _apart(one: Any, other: Any) -> str:
    """The first place where two texts differ, with what stands there."""
    texts = [json.dumps(item) for item in (one, other)]
    place = next((n for n, pair in enumerate(zip(*texts, strict=False)) if pair[0] != pair[1]), 0)
    return " instead of ".join(text[max(0, place - 60) : place + 60] for text in texts)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_kill_before_and_after_every_commit_changes_nothing(forge, tmp_path, scenario, record_property):
    """Killed at every boundary of every commit and resumed, a run ends as if nothing had happened."""
    calm = undisturbed(forge, scenario, tmp_path)
    settles = "never" if scenario == "reconciled" else "ledger"
    bad: list[str] = []
    for kill, boundary in enumerate(calm.boundaries, 1):
        folder = str(tmp_path / str(kill))
        killed(forge, Job(scenario, folder, kill), boundary)
        after = forge.drive(Job(scenario, folder, settles=settles))
        bad += [f"{kill} {boundary}: {name}: {what}" for name, what in differences(after.run, calm.run).items()]
    record_property("kills", len(calm.boundaries))
    assert not bad, "\n".join(bad)


@pytest.mark.torture
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_kills_again_and_again_change_nothing(forge, tmp_path, scenario, record_property):
    """Killed at every boundary, and again at random boundaries of each drive that goes on from there, up to five times."""
    calm = undisturbed(forge, scenario, tmp_path)
    draw = random.Random(scenario)
    settles = "never" if scenario == "reconciled" else "ledger"
    kills, bad = 0, []
    for start in range(1, len(calm.boundaries) + 1):
        for turn in range(8):
            folder = str(tmp_path / f"{start}.{turn}")
            killed(forge, Job(scenario, folder, start), calm.boundaries[start - 1])
            kills += 1
            for _ in range(draw.randrange(5)):
                again = forge.drive(Job(scenario, folder, draw.randrange(1, 12), settles=settles))
                if again.signal == 0:
                    break
                assert again.killed_at is not None
                kills += 1
            after = forge.drive(Job(scenario, folder, settles=settles))
            bad += [f"{start}.{turn}: {name}: {what}" for name, what in differences(after.run, calm.run).items()]
    record_property("kills", kills)
    assert kills >= 8 * len(calm.boundaries)
    assert not bad, "\n".join(bad)
