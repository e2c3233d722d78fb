"""The README is true: its example runs as written, and its picture is what its flow draws."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house import ROOT


def block() -> str:
    """The Python example of the README."""
    found: list[str] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) == 1
    return found[0]


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The README's example runs as written, draws, waits, is approved, and ends with success."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "readme.py").write_text(block(), encoding="utf-8")
    names: dict[str, object] = {"__name__": "readme"}
    exec(compile(block(), str(tmp_path / "readme.py"), "exec", dont_inherit=True), names)  # to run it is the test
    names["app"].close()  # type: ignore[attr-defined]  # the example's App
    assert capsys.readouterr().out == "success We paid you back. Sorry! 0.0\n"
    assert (tmp_path / "runs.db").exists()
    drawn = (tmp_path / "refund-desk.svg").read_text(encoding="utf-8")
    shown = (ROOT / "docs" / "refund-desk.svg").read_text(encoding="utf-8")
    assert without_hashes(drawn) == without_hashes(shown), "docs/refund-desk.svg is not what the README's flow draws"


def without_hashes(svg: str) -> str:
    """The picture without its build's hash, which changes with every word of a body."""
    return re.sub(r"build [0-9a-f]{16}", "build", svg)
