"""docs/comparison.md: what it quotes of an example is a line of that example."""

from __future__ import annotations

import re

import pytest

from tests.house import ROOT

PAGE = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
SECTIONS = [part for part in PAGE.split("\n## ") if part.partition("\n\n")[2].startswith("[examples/")]


def squeezed(text: str) -> str:
    """Code without its line breaks."""
    return re.sub(r"\s+", " ", text)


def source(section: str) -> str:
    """The code of the example that a section is about, and of its tests."""
    place = ROOT / re.findall(r"\[(examples/[\w./]+)\]", section)[0]
    files = sorted(place.glob("*.py")) if place.is_dir() else [place]
    files.append(ROOT / "tests" / "examples" / f"test_{place.stem}.py")
    return squeezed("\n".join(file.read_text(encoding="utf-8") for file in files))


def quoted(section: str) -> list[str]:
    """The code in the last column of the section's table."""
    rows = [
        line for line in section.splitlines() if line.startswith("| ") and not line.startswith(("| promise", "| ---"))
    ]
    return [code for row in rows for code in re.findall(r"`([^`]+)`", re.split(r" (?<!\\)\| ", row)[-1])]


def test_there_is_a_section_for_each_of_the_five():
    """Each has a table that quotes its example."""
    assert len(SECTIONS) == 5
    assert all(quoted(section) for section in SECTIONS)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.partition("\n")[0])
def test_what_is_quoted_stands_in_the_example(section):
    """A line that was changed in the example is changed on the page."""
    there = source(section)
    missing = [code for code in quoted(section) if squeezed(code.replace("\\|", "|")) not in there]
    assert not missing
