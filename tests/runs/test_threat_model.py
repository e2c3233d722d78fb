"""docs/threat-model.md names a test behind each claim, and these are there."""

from __future__ import annotations

import ast
import re

from tests.house import ROOT

PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def test_each_test_that_the_page_names_is_there():
    """Every test that stands behind a claim exists under that name in that file."""
    assert len(NAMED) >= 30
    there = {
        file: {node.name for node in ast.parse((ROOT / file).read_text()).body if isinstance(node, ast.FunctionDef)}
        for file, _ in NAMED
    }
    assert [(file, name) for file, name in NAMED if name not in there[file]] == []


def test_each_part_that_claims_something_names_a_test():
    """Each part of the page that says what guideway does has a test behind it."""
    parts = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
    silent = [title for title, text in parts.items() if "::test_" not in text]
    assert silent == ["Who is trusted with what", "What guideway does not defend against"]


def test_the_page_is_found():
    """README and the page on running lead to it."""
    assert "docs/threat-model.md" in (ROOT / "README.md").read_text()
    assert "threat-model.md" in (ROOT / "docs" / "running.md").read_text()
