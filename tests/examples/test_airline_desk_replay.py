"""The replay of the recorded conversations through the flow, by the command as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from examples.airline_desk.__main__ import main

COUNTS = {
    "all": {"tool_calls": 810, "matched": 810, "writes": 131, "wrong_writes": 72, "escalated": 0},
    "gold": {"tool_calls": 584, "matched": 584, "writes": 44, "wrong_writes": 0, "escalated": 69},
}


@pytest.mark.slow
@pytest.mark.parametrize("approve", ["all", "gold"])
def test_the_recording_is_reproduced(airline_data: Path, capsys: pytest.CaptureFixture[str], approve: str) -> None:
    """Every answer is the recorded one; behind the gold supervisor nothing wrong is written, and 44 writes happen."""
    recording = str(airline_data / "conversations.jsonl")
    assert main(["replay", "--data", str(airline_data), "--conversations", recording, "--approve", approve]) == 0
    counted = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert counted.pop("seconds") < 60
    assert counted == {"conversations": 120} | COUNTS[approve]


def test_with_a_supervisor_who_says_no_nothing_is_written(
    airline_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first ten conversations: no write, and each one that proposed a write is escalated."""
    lines = (airline_data / "conversations.jsonl").read_text(encoding="utf-8").splitlines()[:10]
    (tmp_path / "ten.jsonl").write_text("\n".join(lines), encoding="utf-8")
    options = ["--data", str(airline_data), "--conversations", str(tmp_path / "ten.jsonl"), "--approve", "none"]
    assert main(["replay", *options]) == 0
    counted = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (counted["writes"], counted["wrong_writes"]) == (0, 0)
    assert counted["escalated"] > 0


def test_missing_data_ends_in_one_line_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback: the missing path in one line on stderr, nothing on stdout."""
    assert main(["replay", "--data", str(tmp_path / "none"), "--conversations", str(tmp_path / "x.jsonl")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "is missing" in err
