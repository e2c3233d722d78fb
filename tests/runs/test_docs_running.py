"""docs/running.md is true: its Python runs as written, one block after the other."""

from __future__ import annotations

import re

import pytest

from guideway.runs import believing, working
from guideway.runs.store import driving, leases
from tests.house import ROOT

PAGE = ROOT / "docs" / "running.md"


def test_the_page_runs_as_written(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Every Python block of the page runs in the order of the page, in one module, and its assertions hold."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 9
    code = "\n".join(blocks)
    (tmp_path / "running.py").write_text(code, encoding="utf-8")
    names: dict[str, object] = {"__name__": "running"}
    exec(compile(code, str(tmp_path / "running.py"), "exec", dont_inherit=True), names)  # to run it is the test
    assert names["driven"] == 1


@pytest.mark.parametrize(
    ("told", "figure", "known"),
    [
        ("drives four runs at a time", working.AT_ONCE, 4),
        ("after 15 seconds", leases.TTL, 15),
        ("for 5 seconds at first", working.PUT_OFF, 5),
        ("up to 5 minutes", working.LONGEST, 300),
        ("its timeout and 5 seconds", believing.GRACE, 5),
        ("under which three processes died", driving.DEATHS, 3),
    ],
)
def test_the_page_tells_the_figures_of_the_code(told, figure, known):
    """Each figure that the page tells in words is the code's."""
    assert told in " ".join(PAGE.read_text(encoding="utf-8").split())
    assert figure == known
