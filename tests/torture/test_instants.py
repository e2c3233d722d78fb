"""kill -9 at any instant, not at a commit that was chosen: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import random
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.torture.forge import Forge, Job
from tests.torture.scenarios import SCENARIOS
from tests.torture.test_kills import EFFECTS, died_after_effect, differences

DRIVES: list[tuple[str, str]] = [(scenario, "people") for scenario in SCENARIOS] + [
    ("first_page", "graph"),
    ("agent", "graph"),
    ("trip", "graph"),
    ("items", "graph"),
    ("departments", "graph"),
    ("loop", "work"),
    ("items", "work"),
    ("departments", "work"),
    ("escalation", "sweep"),
    ("first_page", "cancel"),
    ("trip", "cancel"),
    ("mended", "retry"),
    ("loop", "fork"),
    ("first_page", "fork"),
    ("rules_asked", "fork"),
    ("loop", "beats"),
    ("items", "beats"),
]
"""Scenarios, and how they are driven or what is done to them from outside."""


class Killer:
    """Kills drives at random instants, and compares what comes of them with a calm one.

    Args:
        forge: forks the drives.
        scenario: its name.
        style: how it is driven.
        folder: holds the stores.
    """

    def __init__(self, forge: Forge, scenario: str, style: str, folder: Path) -> None:
        self.kills = 0
        self.bad: list[str] = []
        self._forge = forge
        self._folder = folder
        self._draw = random.Random(f"{scenario} {style}")
        self._job = Job(scenario, "", style=style)
        self._trials = 0
        calm = [forge.drive(replace(self._job, folder=str(folder / f"calm.{turn}"))) for turn in range(2)]
        self.calm = calm[0]
        assert self.calm.signal == 0
        self._seconds = min(report.told["seconds"] for report in calm)

    def kill(self, *, before: str | None = None) -> bool:
        """One trial, with one kill or several; whether the first one hit.

        Args:
            before: the effect right after which the process died already, when the trial begins.
        """
        self._trials += 1
        job = replace(self._job, folder=str(self._folder / str(self._trials)))
        if before is not None:
            died_after_effect(self._forge, Path(job.folder), job.scenario, before)
        hits = 0
        for _ in range(self._draw.randrange(1, 4)):
            delay = self._draw.uniform(0.0, self._seconds)
            died = self._forge.drive(replace(job, delay=delay)).signal
            assert died in (0, signal.SIGKILL)
            if not died:
                break
            hits += 1
        after = self._forge.drive(job)
        wrong: dict[str, Any] = differences(after.run, self.calm.run)
        self.bad += [f"{self._trials}: {name}: {what}" for name, what in wrong.items()]
        self.kills += hits
        return hits > 0


def tortured(forge: Forge, folder: Path, scenario: str, style: str, kills: int) -> int:
    """Kill drives until so many kills have hit; gives how many did.

    A drive that ended before its kill counts for nothing, and those must not be nearly all.
    """
    killer = Killer(forge, scenario, style, folder)
    trials = 0
    while killer.kills < kills:
        killer.kill()
        trials += 1
        assert trials < 20 + 10 * kills, f"of {trials} kills only {killer.kills} hit"
    assert not killer.bad, "\n".join(killer.bad)
    return killer.kills


@pytest.mark.parametrize(("scenario", "style"), DRIVES)
def test_a_kill_at_any_instant_changes_nothing(forge, tmp_path, scenario, style, record_property):
    """Killed at random instants and driven on, runs end as if nothing had happened, whoever drives them and how."""
    record_property("kills at instants", tortured(forge, tmp_path, scenario, style, 1))


@pytest.mark.torture
@pytest.mark.parametrize(("scenario", "style"), DRIVES)
def test_kills_at_many_instants_change_nothing(forge, tmp_path, scenario, style, record_property):
    """The same, a hundred times for each."""
    record_property("kills at instants", tortured(forge, tmp_path, scenario, style, 100))


@pytest.mark.parametrize(("scenario", "effect"), EFFECTS)
def test_a_kill_while_people_settle_changes_nothing(forge, tmp_path, scenario, effect, record_property):
    """A run that died in a call is settled, and whoever settles it and goes on is killed at any instant too."""
    killer = Killer(forge, scenario, "people", tmp_path)
    killer.kill(before=effect)
    assert not killer.bad, "\n".join(killer.bad)
    record_property("kills at instants", killer.kills)
