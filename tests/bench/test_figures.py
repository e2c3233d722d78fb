"""What the benchmark makes of its rounds: medians, the rounds' own ratios, targets, and the one table."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from bench import machine, table
from bench.figures import Figure, Line, Row, ratio_of, told
from bench.harness import measured
from bench.lanes import Broken, Round
from bench.rows import rows
from tests.house import ROOT


@dataclass(frozen=True)
class Given:
    """A contender whose rounds are given, and whose turns are noted."""

    name: str
    rounds: tuple[dict[str, float], ...]
    turns: list[str]
    needs: str | None = None

    def missing(self) -> str | None:
        return self.needs

    def open(self, home: Path) -> tuple[Round, Callable[[], None]]:
        if not self.rounds:
            raise Broken("it did nothing")
        turn = count()

        def a_round() -> dict[str, float]:
            self.turns.append(self.name)
            return self.rounds[next(turn)]

        return a_round, lambda: self.turns.append(f"{self.name} closed")


def given(name: str, *values: float, turns: list[str] | None = None) -> Given:
    """A contender with one figure a round."""
    return Given(name, tuple({"step": value} for value in values), [] if turns is None else turns)


FIGURES = (Figure("step", "a step: microseconds", beside={"peer": 0.5}, limit=5.0),)


def test_contenders_take_turns(tmp_path):
    """Every contender does its first round before any does its second, on a disk at rest, and is closed at the end."""
    turns: list[str] = []
    row = Row("step", [given("ours", 1, 2, turns=turns), given("peer", 4, 5, turns=turns)], FIGURES)
    samples = measured(row, 2, tmp_path, lambda _: None, lambda: turns.append("settled"))
    assert turns[:4] == ["settled", "ours", "settled", "peer"]
    assert [turn for turn in turns if turn != "settled"] == [*["ours", "peer"] * 2, "peer closed", "ours closed"]
    assert samples == {"ours": [{"step": 1}, {"step": 2}], "peer": [{"step": 4}, {"step": 5}]}
    assert list(tmp_path.iterdir()) == []


def test_a_peer_that_is_missing_or_breaks_is_left_out_and_said(tmp_path):
    """A peer that is not installed, or does not do its work, costs its lines and no more; ours may not break."""
    said: list[str] = []
    peers = [Given("away", ({"step": 1.0},), [], needs="away_package"), Given("broken", (), [])]
    samples = measured(Row("step", [given("ours", 1), *peers], FIGURES), 1, tmp_path, said.append, int)
    assert list(samples) == ["ours"]
    assert said == [
        "step: away is left out: away_package is not installed",
        "step: broken is left out: it did nothing",
    ]
    with pytest.raises(Broken, match="it did nothing"):
        measured(Row("step", [Given("ours", (), [])], FIGURES), 1, tmp_path, said.append, int)


def test_ratios_are_of_the_rounds():
    """The ratio is the median of the rounds' own ratios: a slow moment that both had does not move it."""
    assert ratio_of([1, 100, 3], [2, 200, 4]) == 0.5
    assert ratio_of([1, 9], [4]) == 0.25


def test_lines_say_what_is_reached():
    """Ours is held to its limit, a peer's line to the ratio, and a line without a target to nothing."""
    row = Row("step", [given("ours"), given("peer"), given("other")], FIGURES)
    samples = {
        "ours": [{"step": 2.0}, {"step": 3.0}, {"step": 10.0}],
        "peer": [{"step": 2.0}, {"step": 4.0}, {"step": 20.0}],
        "other": [{"step": 1.0}, {"step": 1.0}, {"step": 1.0}],
    }
    ours, peer, other = told(row, samples)
    assert (ours.median, ours.least, ours.most, ours.ratio, ours.target, ours.reached) == (3, 2, 10, None, 5.0, True)
    assert (peer.median, peer.ratio, peer.target, peer.reached) == (4, 0.75, 0.5, False)
    assert (other.ratio, other.target, other.reached) == (3, None, None)


def test_the_table_shows_every_line_once_under_its_title():
    """A title stands once above its lines; a median has its span; a target says whether it is reached."""
    lines = [
        Line("a step: microseconds", "ours", 1234.5, 1000, 2000, 3, target=2000, reached=True),
        Line("a step: microseconds", "peer", 4000, 3900, 4100, 3, ratio=0.309, target=0.3, reached=False),
        Line("a store: megabytes", "ours", 1.5, 1.5, 1.5, 1, digits=2),
    ]
    printed = table.printed(lines).splitlines()
    assert [line.split() for line in printed[2:]] == [
        ["a", "step:", "microseconds"],
        ["ours", "1,234.5", "1,000.0", "..", "2,000.0", "<=", "2000", "yes"],
        ["peer", "4,000.0", "3,900.0", "..", "4,100.0", "0.309", "<=", "0.3", "NO"],
        ["a", "store:", "megabytes"],
        ["ours", "1.50", "1.50", "..", "1.50"],
    ]
    assert table.spread(lines) == pytest.approx((2.0 + 4100 / 3900) / 2)


def test_noise_is_told():
    """A machine that was busy before, or whose rounds differ much, is said to be noisy; a quiet one is not."""
    assert machine.busy(0.1, 1.2) is None
    assert "load average was 3.00" in str(machine.busy(3.0, 1.2))
    assert "over 2.0 times the fastest" in str(machine.busy(0.1, 2.0))


def test_every_row_has_a_name_of_its_own_and_ours_first():
    """Rows are told apart by name; in each, guideway comes first and contenders differ."""
    found = rows()
    assert len({row.name for row in found}) == len(found)
    for row in found:
        names = [lane.name for lane in row.lanes]
        assert len(set(names)) == len(names)
        assert names[0] == "guideway" or row.name.startswith("start-up")
        assert {name for figure in row.figures for name in figure.beside} <= set(names)


def test_the_command_prints_the_table_and_writes_every_sample(tmp_path):
    """`python -m bench` measures the rows asked for, prints one table, and exits with 0 whatever it found."""
    command = [sys.executable, "-m", "bench", "--row", "start-up-import", "--rounds", "1", "--json", "bench.json"]
    env = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "import pydantic and one model" in done.stdout
    report = json.loads((tmp_path / "bench.json").read_text())
    assert {line["contender"] for line in report["lines"]} == set(report["samples"]["start-up-import"])
    assert len(report["samples"]["start-up-import"]["import guideway"]) == 1


def test_a_row_that_is_not_there_is_wrong_usage(tmp_path):
    """A name that no row begins with is refused, with the names that there are."""
    command = [sys.executable, "-m", "bench", "--row", "nothing"]
    env = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no row begins with nothing: there are steps-normal-100" in done.stderr
