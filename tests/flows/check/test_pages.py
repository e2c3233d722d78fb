"""The pages of the codes: each tells of a code that there is, and its two flows show it and its repair."""

from __future__ import annotations

import re
from typing import Any

import pytest

from guideway.flows.check import CODES, check
from tests.house import ROOT

PAGES = ROOT / "docs" / "checks"

TABLES = ("F407", "F507")
"""Codes of what the report has as tables, without a finding."""

BESIDE = {"F505": {"F503"}}
"""Facts that are always told beside a code: what runs unseen is exempted."""

FOUND = sorted(set(CODES) - set(TABLES))


def flows_of(code: str) -> list[Any]:
    """The flows of a page, the faulty one and the repaired one; the second block goes on from the first."""
    names: dict[str, Any] = {}
    text = (PAGES / f"{code}.md").read_text()
    made: list[Any] = []
    for block in re.finditer(r"^```python\n(.*?)^```", text, re.M | re.S):
        above = "\n" * text[: block.start(1)].count("\n")
        exec(compile(above + block[1], str(PAGES / f"{code}.md"), "exec", dont_inherit=True), names)
        made.append(names["flow"])
    return made


def test_every_code_has_its_page():
    """The pages are those of the codes, and each has the code's own title."""
    assert {path.stem for path in PAGES.glob("F*.md")} == set(CODES)
    assert {code: (PAGES / f"{code}.md").read_text().splitlines()[0] for code in CODES} == {
        code: f"# {code}: {title}" for code, title in CODES.items()
    }


@pytest.mark.parametrize("code", FOUND)
def test_the_faulty_flow_has_the_finding_alone_and_the_repaired_one_has_not(code):
    """A page's first flow has its code and no other, at a line of the page; the second has no finding left."""
    faulty, repaired = flows_of(code)
    found = check(faulty).findings
    assert {item.code for item in found} == {code} | BESIDE.get(code, set())
    assert all(item.where is not None and item.where.startswith(f"{code}.md:") for item in found)
    assert check(repaired).findings == ()


@pytest.mark.parametrize("code", TABLES)
def test_a_table_is_as_the_page_shows_it(code):
    """Neither flow has a finding; the lines that the page shows below each are in its report, and name the code."""
    faulty, repaired = flows_of(code)
    assert check(faulty).findings == check(repaired).findings == ()
    page = (PAGES / f"{code}.md").read_text()
    assert page.splitlines()[2].startswith("Fact.")
    before, after = (shown.splitlines() for shown in re.findall(r"^```text\n(.*?)^```", page, re.M | re.S))
    assert code in before[0]
    assert before != after
    for shown, flow in ((before, faulty), (after, repaired)):
        assert "\n".join(f"  {line}" for line in shown) in str(check(flow))


@pytest.mark.parametrize("code", FOUND)
def test_the_page_says_how_grave_it_is(code):
    """The first word of a page's text is the severity of its flow's finding."""
    word = (PAGES / f"{code}.md").read_text().splitlines()[2].split()[0].strip(".,").lower()
    assert {item.severity for item in check(flows_of(code)[0]).findings if item.code == code} == {word}
