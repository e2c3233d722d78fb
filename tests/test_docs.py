"""Pages of docs/ that show code: every block of Python runs as it stands."""

from __future__ import annotations

import re

import pytest

from tests.house import ROOT

PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def blocks(page: str) -> list[str]:
    """The Python blocks of a page."""
    found: list[str] = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)
    return found


def test_there_are_pages():
    """The pages are found where they are looked for."""
    assert "tools.md" in PAGES
    assert len(blocks("tools.md")) == 2


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    """What a reader copies works, block after block, and its asserts hold."""
    monkeypatch.chdir(tmp_path)  # a store that a page makes
    names: dict[str, object] = {"__name__": "docs"}
    for block in blocks(page):
        exec(compile(block, f"docs/{page}", "exec", dont_inherit=True), names)
