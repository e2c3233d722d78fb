"""kill -9 at every boundary of every commit: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import json
import random
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.torture.forge import Forge, Job, Report
from tests.torture.scenarios import LONG, SCENARIOS
from tests.torture.wide import WIDE

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


def killed(forge: Forge, job: Job, expected: str) -> str:
    """Drive until the kill; a child that lived, or died elsewhere, is a defect of the test.

    Where branches are side by side their commits have no order: there the child dies at the commit of that number,
    whichever it is. Gives what may be lost by it: what stands beside a commit may be an open call.
    """
    report = forge.drive(job)
    assert report.signal == signal.SIGKILL, f"{job} did not die"
    assert report.killed_at is not None
    if job.scenario in WIDE:
        return OPEN_CALL[0]
    assert report.killed_at == expected, f"{job} died at {report.killed_at!r}, not at {expected!r}"
    return expected


OPEN_CALL = ("after intent", "before result")
"""Boundaries at which a call is under way: the crash may cost a call, and what was reserved for it."""


def differences(run: dict[str, Any], calm: dict[str, Any], boundary: str = OPEN_CALL[0]) -> dict[str, Any]:
    """What differs from the undisturbed run that may not, after a kill at this boundary."""
    found: dict[str, Any] = {name: _apart(run[name], calm[name]) for name in SAME if run[name] != calm[name]}
    spent, least = run["spent"], calm["spent"]
    more = {name: spent[name] - least[name] for name in least}
    if min(more.values()) < 0 or more["steps"] or (boundary not in OPEN_CALL and any(more.values())):
        found["spent"] = (spent, least)
    return found


def _apart(one: Any, other: Any) -> str:
    """The first place where two texts differ, with what stands there."""
    texts = [json.dumps(item) for item in (one, other)]
    place = next((n for n, pair in enumerate(zip(*texts, strict=False)) if pair[0] != pair[1]), 0)
    return " instead of ".join(text[max(0, place - 60) : place + 60] for text in texts)


SHORT = 14
"""Kills of a scenario in the short form: the first boundary of every kind, and others spread over the run.

The full form begins at every boundary of every commit.
"""


def chosen(boundaries: list[str]) -> list[tuple[int, str]]:
    """The boundaries at which the short form kills, with their numbers: all, where they are not many."""
    numbered = list(enumerate(boundaries, 1))
    first = {label: number for number, label in reversed(numbered)}
    every = max(1, len(numbered) // SHORT)
    return [pair for pair in numbered if first[pair[1]] == pair[0] or pair[0] % every == 0]


@pytest.mark.parametrize("scenario", [*SCENARIOS, *(pytest.param(name, marks=pytest.mark.torture) for name in LONG)])
def test_a_kill_before_and_after_commits_changes_nothing(forge, tmp_path, scenario, record_property):
    """Killed before and after commits of every kind and resumed, a run ends as if nothing had happened."""
    calm = undisturbed(forge, scenario, tmp_path)
    settles = "never" if scenario == "reconciled" else "ledger"
    bad: list[str] = []
    kills = chosen(calm.boundaries)
    for kill, boundary in kills:
        folder = str(tmp_path / str(kill))
        passed = killed(forge, Job(scenario, folder, kill), boundary)
        after = forge.drive(Job(scenario, folder, settles=settles))
        wrong = differences(after.run, calm.run, passed)
        bad += [f"{kill} {boundary}: {name}: {what}" for name, what in wrong.items()]
    record_property("kills", len(kills))
    assert not bad, "\n".join(bad)


@pytest.mark.torture
@pytest.mark.parametrize("scenario", [*SCENARIOS, *LONG])
def test_kills_again_and_again_change_nothing(forge, tmp_path, scenario, record_property):
    """Killed at every boundary, and again at random boundaries of the drives that go on from there."""
    calm = undisturbed(forge, scenario, tmp_path)
    draw = random.Random(scenario)
    settles = "never" if scenario == "reconciled" else "ledger"
    kills, bad = 0, []
    for start in range(1, len(calm.boundaries) + 1):
        for turn in range(12):
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
    assert kills >= 12 * len(calm.boundaries)
    assert not bad, "\n".join(bad)


# Between the effect and its record

EFFECTS = [("first_page", "pay_back"), ("loop", "send"), ("loop", "tell"), ("agent", "refund"), ("escalation", "pay"),
           ("budget", "deliver")]  # fmt: skip


def died_after_effect(forge: Forge, folder: Path, scenario: str, effect: str) -> Job:
    """Drive until the process dies right after an effect; gives the job that goes on from there."""
    report = forge.drive(Job(scenario, str(folder), dies_after=effect))
    assert report.signal == signal.SIGKILL
    assert (folder / "died").exists()
    return Job(scenario, str(folder), settles="never")


@pytest.mark.parametrize(("scenario", "effect"), EFFECTS)
def test_a_kill_between_the_effect_and_its_record_parks(forge, tmp_path, scenario, effect):
    """The run parks as an unknown effect; resumed, it calls nothing again; settled by the ledger, it ends as calm."""
    calm = undisturbed(forge, scenario, tmp_path)
    job = died_after_effect(forge, tmp_path / "killed", scenario, effect)
    first = forge.drive(job)
    assert (first.run["status"], first.run["error"]) == ("parked", "unknown_effect")
    again = forge.drive(job)
    assert again.run == first.run
    assert len([line for line in again.run["ledger"] if line.startswith(effect)]) == 1
    after = forge.drive(replace(job, settles="ledger"))
    assert differences(after.run, calm.run) == {}


@pytest.mark.parametrize(("scenario", "effect"), EFFECTS)
def test_what_is_settled_as_not_done_is_called_with_the_same_key(forge, tmp_path, scenario, effect):
    """Told that it was not done, the run calls again, under the same key: a world that honours keys does it once."""
    calm = undisturbed(forge, scenario, tmp_path)
    job = died_after_effect(forge, tmp_path / "killed", scenario, effect)
    after = forge.drive(replace(job, settles="not done"))
    assert after.run["status"] == "ended"
    twice = [line for line in set(after.run["ledger"]) if after.run["ledger"].count(line) == 2]
    assert len(twice) == 1
    assert sorted(set(after.run["ledger"])) == calm.run["ledger"]
    assert {name: what for name, what in differences(after.run, calm.run).items() if name != "ledger"} == {}


@pytest.mark.parametrize(("scenario", "effect"), EFFECTS)
def test_what_is_given_up_goes_the_flows_way(forge, tmp_path, scenario, effect):
    """Given up, the run ends without calling again, and says that the step was given up."""
    job = died_after_effect(forge, tmp_path / "killed", scenario, effect)
    after = forge.drive(replace(job, settles="give up"))
    assert after.run["status"] == "ended"
    assert after.run["error"] == "unknown_effect"
    assert len([line for line in after.run["ledger"] if line.startswith(effect)]) == 1
    assert after.run["chain"] is None


def test_a_tool_that_asks_the_world_settles_itself(forge, tmp_path):
    """With ``reconcile=`` nobody is asked: the effect that happened is found, and the run ends as if calm."""
    calm = undisturbed(forge, "reconciled", tmp_path)
    job = died_after_effect(forge, tmp_path / "killed", "reconciled", "pay_known")
    after = forge.drive(job)
    assert differences(after.run, calm.run) == {}


def test_a_business_key_holds_over_a_kill(forge, tmp_path):
    """The first run died after paying; a second run with the same order cannot pay, and gets the first result later."""
    job = died_after_effect(forge, tmp_path / "killed", "first_page", "pay_back")
    second = forge.drive(replace(job, run="another"))
    assert (second.run["error"], second.run["end"]) == ("unavailable", "handed over")
    first = forge.drive(replace(job, settles="ledger"))
    assert first.run["verdict"] == "success"
    third = forge.drive(replace(job, run="third"))
    assert third.run["state"]["refund_id"] == first.run["state"]["refund_id"] == "pay_back of 17"
    assert len(third.run["ledger"]) == 1
