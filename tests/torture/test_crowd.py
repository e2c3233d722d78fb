"""kill -9 at the boundaries of commits that many runs share: each of them ends as if nothing had happened."""

from __future__ import annotations

import random
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.torture.forge import Forge, Job, Report
from tests.torture.test_kills import differences

RUNS = 6
CROWDS = ("loop", "agent", "escalation")
"""Flows with effects, retries, a model and gates, of which many runs may act on one world."""


def calm_crowd(forge: Forge, scenario: str, folder: Path) -> Report:
    """Runs that nothing happens to, driven at once in one process."""
    calm = forge.drive(Job(scenario, str(folder / "undisturbed"), crowd=RUNS))
    assert calm.signal == 0
    assert {run["status"] for run in calm.crowd.values()} == {"ended"}
    assert len(calm.crowd) == RUNS
    kinds = {boundary.split(" ", 1)[1] for boundary in calm.boundaries}
    assert max(one.count("step") for one in kinds) > 1, "nothing was shared"
    assert any("intent" in one and one.count(",") > 1 for one in kinds), "no call of several was begun in one commit"
    return calm


def wrong(after: Report, calm: Report) -> list[str]:
    """What differs from the undisturbed runs that may not."""
    assert set(after.crowd) == set(calm.crowd)
    return [
        f"{name}: {what}: {told}"
        for name, run in after.crowd.items()
        for what, told in differences(run, calm.crowd[name]).items()
    ]


def kill_at(forge: Forge, scenario: str, folder: Path, kills: list[int]) -> Report:
    """Drive a crowd into one kill after the other, and then to its end."""
    for kill in kills:
        report = forge.drive(Job(scenario, str(folder), kill, crowd=RUNS))
        if report.signal == 0:
            return report
        assert report.signal == signal.SIGKILL
        assert report.killed_at is not None
    return forge.drive(Job(scenario, str(folder), crowd=RUNS))


@pytest.mark.parametrize("scenario", CROWDS)
def test_a_kill_at_a_shared_commit_changes_no_run(forge, tmp_path, scenario, record_property):
    """Killed before or after a commit that several runs share, and resumed together, each run ends as if calm."""
    calm = calm_crowd(forge, scenario, tmp_path)
    draw = random.Random(scenario)
    kills = sorted(draw.sample(range(1, len(calm.boundaries) - 3), 6))
    bad: list[Any] = []
    for kill in kills:
        after = kill_at(forge, scenario, tmp_path / str(kill), [kill])
        bad += [f"{kill}: {told}" for told in wrong(after, calm)]
    record_property("kills", len(kills))
    assert not bad, "\n".join(bad)


@pytest.mark.torture
@pytest.mark.parametrize("scenario", CROWDS)
def test_kills_at_every_shared_commit_change_no_run(forge, tmp_path, scenario, record_property):
    """Killed at every boundary in turn, and again at random ones of the drives that go on from there."""
    calm = calm_crowd(forge, scenario, tmp_path)
    draw = random.Random(scenario)
    count, bad = 0, []
    for kill in range(1, len(calm.boundaries) - 3):
        for turn in range(6):
            again = [draw.randrange(1, 30) for _ in range(draw.randrange(4))]
            after = kill_at(forge, scenario, tmp_path / f"{kill}.{turn}", [kill, *again])
            count += 1 + len(again)
            bad += [f"{kill}.{turn}: {told}" for told in wrong(after, calm)]
    record_property("kills", count)
    assert not bad, "\n".join(bad)
