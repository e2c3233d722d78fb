"""Six processes do things to one run at the same moment: one wins, the effect happens once, and nobody is surprised."""

from __future__ import annotations

from typing import Any

import pytest

from tests.torture.forge import Forge, Job

SIX = 6
ROUNDS = 50
"""One run each, between the same six processes; then there are six others, and another store."""


Told = list[dict[str, Any]]
"""What each of the six told of a round; the first one also what became of its run."""


def raced(forge: Forge, folder: Any, style: str, scenario: str, rounds: int, **options: Any) -> list[Told]:
    """What each of the six told, by round."""
    found: list[Told] = []
    while len(found) < rounds:
        many = min(ROUNDS, rounds - len(found))
        job = Job(scenario, str(folder / f"{style}.{len(found)}"), style=style, many=SIX, rounds=many, **options)
        found += [list(one) for one in zip(*[report.told["rounds"] for report in forge.race(job)], strict=True)]
    return found


def won(told: list[dict[str, Any]], *names: str) -> list[str]:
    """Who of these was told of no error."""
    return [one["act"] for one in told if one["raised"] is None and one["act"].startswith(names)]


NO = "DecisionRefused"


def wrong_decide(told: Told) -> str | None:
    """What is wrong with a round of ``decide``; None where nothing is."""
    end = told[0]
    yes, no, over = won(told, "approve"), won(told, "deny"), won(told, "cancel")
    allowed = {"resume": {"RunBusy"}, "approve": {NO, "RunBusy"}, "deny": {NO}, "cancel": {"RunBusy", "RunNotReady"}}
    if (found := surprised(told, allowed)) is not None:
        return found
    decided = end["decided"]
    if decided not in (["approved"], ["denied"], []) or (not decided and not over):
        return f"decided {decided}"
    # who approved and then found the run busy was not refused: its yes counts, and the next step is another's
    if len(no) != (decided == ["denied"]) or len(yes) > (decided == ["approved"]):
        return f"{yes} and {no} won, {decided} was decided"
    if end["status"] != ("cancelled" if over else "ended"):
        return f"it is {end['status']}, and {over} won"
    if not over and end["effects"] != (decided == ["approved"]):
        return f"{decided}, and {end['effects']} effects"
    return None if end["effects"] in (0, decided == ["approved"]) else f"{end['effects']} effects after {decided}"


def wrong_edit(told: Told) -> str | None:
    """What is wrong with a round of ``edit``."""
    allowed = {"resume": {"RunBusy"}, "approve": {NO}, "edit": {NO}}
    if (found := surprised(told, allowed)) is not None:
        return found
    end, winners = told[0], won(told, "approve", "edit")
    if len(winners) != 1:
        return f"{winners} won"
    edited = winners[0].startswith("edit")
    expected = ("waiting", ["edited"], 0) if edited else ("ended", ["approved"], 1)
    found_ = (end["status"], end["decided"], end["effects"])
    return None if found_ == expected else f"{winners}: {found_}"


def wrong_expire(told: Told) -> str | None:
    """What is wrong with a round of ``expire``: the lead is in time and the claim is paid, or the manager is asked."""
    if (found := surprised(told, {"approve": {NO}, "resume": {"RunBusy"}, "look": set()})) is not None:
        return found
    end, winners = told[0], won(told, "approve")
    expected = ("ended", ["approved"], 1) if winners else ("waiting", ["expired"], 0)
    found_ = (end["status"], end["decided"], end["effects"])
    return None if found_ == expected and len(winners) < 2 else f"{winners}: {found_}"


def wrong_start(told: Told) -> str | None:
    """What is wrong with a round of ``start``."""
    if (found := surprised(told, {"start": {"RunExists"}})) is not None:
        return found
    if len(won(told, "start")) != 1 or told[0]["kinds"].count("started") != 1:
        return f"{won(told, 'start')} started it: {told[0]['kinds']}"
    return None if told[0]["status"] == "waiting" else told[0]["status"]


def wrong_settle(told: Told) -> str | None:
    """What is wrong with a round of ``settle``: one word counts, and only after "not done" the tool is called."""
    if (found := surprised(told, {"done": {"RunNotReady"}, "not done": {"RunNotReady"}})) is not None:
        return found
    end, winners = told[0], won(told, "done", "not done")
    if len(winners) != 1 or end["kinds"].count("settled") != 1 or end["status"] != "ended":
        return f"{winners} settled it: {end['status']} {end['kinds']}"
    return None if end["effects"] == winners[0].startswith("not") else f"{winners}: {end['effects']} effects"


def wrong_retry(told: Told) -> str | None:
    """What is wrong with a round of ``retry``: one retries it, and what was done before is not done again."""
    if (found := surprised(told, {"retry": {"RunNotReady"}})) is not None:
        return found
    end = told[0]
    if len(won(told, "retry")) != 1 or end["kinds"].count("resumed") != 1:
        return f"{won(told, 'retry')} retried it: {end['kinds']}"
    return None if (end["status"], end["effects"]) == ("ended", 2) else f"{end['status']}, {end['effects']} effects"


def surprised(told: Told, allowed: dict[str, set[str]]) -> str | None:
    """Who was told of an error that it may not be told of, or what any run must not be left as."""
    for one in told:
        errors = next(errors for name, errors in allowed.items() if one["act"].startswith(name))
        if one["raised"] is not None and one["raised"] not in errors:
            return f"{one['act']}: {one['raised']}"
    if told[0]["chain"] is not None or told[0]["held"] != "free":
        return f"chain {told[0]['chain']}, {told[0]['held']}"
    return None


RACES = {
    "decide": ("rules_asked", wrong_decide),
    "edit": ("rules_asked", wrong_edit),
    "expire": ("escalation", wrong_expire),
    "start": ("rules_asked", wrong_start),
    "settle": ("lost", wrong_settle),
    "retry": ("mended", wrong_retry),
}
"""By race, the scenario of its runs, and what must be true of every round."""


def race(forge: Forge, folder: Any, style: str, rounds: int) -> None:
    """So many rounds of a race, each as it must be."""
    scenario, wrong = RACES[style]
    found = raced(forge, folder, style, scenario, rounds)
    assert len(found) == rounds
    bad = [f"{number}: {what} {told}" for number, told in enumerate(found) if (what := wrong(told)) is not None]
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize("style", RACES)
def test_six_processes_at_one_run(forge, tmp_path, style, record_property):
    """Whatever six processes do to one run at once, one of them wins, and the effect happens as it says."""
    rounds = 30 if style == "decide" else 8
    race(forge, tmp_path, style, rounds)
    record_property("races", rounds)


@pytest.mark.torture
@pytest.mark.parametrize("style", RACES)
def test_six_processes_at_one_run_a_thousand_times(forge, tmp_path, style, record_property):
    """The same, a thousand times; the others two hundred times."""
    rounds = 1000 if style == "decide" else 200
    race(forge, tmp_path, style, rounds)
    record_property("races", rounds)


def works(forge: Forge, folder: Any, runs: int) -> None:
    """Six workers share some runs: each run ends, and each effect happens once."""
    job = Job("reconciled", str(folder / "work"), style="work", many=SIX, rounds=runs)
    reports = [report.told["rounds"] for report in forge.race(job)]
    ended = reports[0][1:]
    assert len(ended) == runs
    assert {(one["status"], one["effects"], one["chain"], one["held"]) for one in ended} == {("ended", 1, None, "free")}
    assert sum(report[0]["driven"] for report in reports) == runs


def test_six_workers_share_fifty_runs(forge, tmp_path, record_property):
    """Six workers over fifty runs: none is driven twice, and each pays once."""
    works(forge, tmp_path, 50)
    record_property("races", 50)
