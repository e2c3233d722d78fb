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


@pytest.mark.parametrize(("page", "block"), [(page, block) for page in PAGES for block in range(len(blocks(page)))])
def test_a_block_runs(page, block):
    """What a reader copies works, and its asserts hold."""
    exec(compile(blocks(page)[block], f"docs/{page}", "exec"), {"__name__": f"docs_{block}"})
