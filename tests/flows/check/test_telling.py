"""A report as people, code hosts and editors read it: sections, examples in words, SARIF, annotations."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from guideway.flows.check import CODES, Facts, Finding, Proof, Report
from guideway.flows.check.pages import page, summary
from guideway.flows.check.sarif import sarif, workflow_commands
from guideway.flows.check.telling import HOLDS, RESTS, in_words, kind_of, rests_on, sections
from tests.house import ROOT

from .sarif_schema import LOG
from .test_report import flow

PAGES = ROOT / "docs" / "checks"
EXAMPLE = {
    "input": {"message": "a"},
    "steps": [
        {"node": "START", "outcome": "ok"},
        {"node": "read", "outcome": "ok", "update": {"intent": "refund", "order": None}},
        {"node": "look", "outcome": "failed", "error": "timeout"},
        {"node": "wait", "outcome": "ok", "noes": {"lead": "denied"}},
        {"node": "desk", "outcome": "ok", "end": "sent"},
    ],
    "then": "pay",
    "reads": {"order": None},
}
FULL = Report(
    "f",
    (
        Finding("F401", "error", "it goes round", "desk.py:4", ("START", "a", "a"), EXAMPLE),
        Finding("F601", "warning", "it may park", "desk.py:5", ("START", "a"), accepted="we look each day"),
        Finding("F503", "fact", "nobody is asked where n < 5", "desk.py:6"),
    ),
    Facts(
        max_steps=4,
        capped_by={"max_steps": "edges"},
        proofs=(
            Proof("no b without a", True),
            Proof("every read fits, as long as functions return what they declare", True),
            Proof("never(b).after(a) (enforced)", None),
            Proof("every way has a gate", False, ("START", "b")),
            Proof("every row covers every case; install guideway[check]", None),
        ),
    ),
    where="desk.py:1",
)


def titles(report: Report) -> list[str]:
    """The titles of a report's sections."""
    return [section.title for section in sections(report)]


def test_findings_come_first_then_bounds_then_proofs_then_facts():
    """Each in its section, in this order."""
    assert titles(FULL) == [
        "", "bounds of every run", HOLDS, RESTS, "watched while a run goes, and stopped before it happens", "refuted",
        "not proved, either way", "facts",
    ]  # fmt: skip


def test_what_a_proof_rests_on_is_told_apart_from_what_holds_for_every_model():
    """A proof that takes a return type or a named function for granted is not told as one that does not."""
    told = {section.title: [said.text for said in section.said] for section in sections(FULL)}
    assert told[HOLDS] == ["proved: no b without a"]
    assert told[RESTS] == ["proved: every read fits, as long as functions return what they declare"]
    assert [kind_of(proof) for proof in FULL.facts.proofs] == ["proved", "proved", "enforced", "refuted", "not proved"]
    assert rests_on(FULL.facts.proofs[1]) == "functions return what they declare"


def test_a_section_that_would_be_empty_is_left_out():
    """A flow of which nothing is found and nothing proved has its bounds alone."""
    assert titles(Report("f")) == ["bounds of every run"]


def test_the_text_holds_what_the_sections_hold():
    """str() is the report whole: head, findings with path and example, bounds, proofs."""
    shown = str(FULL)
    assert shown.splitlines()[0] == "flow f: 1 finding stands in the way"
    for said in (said for section in sections(FULL) for said in section.said):
        assert f"  {said.text}\n" in shown + "\n"
    assert "      path: START > a > a\n" in shown
    assert "(accepted: we look each day)" in shown


def test_an_example_is_told_in_words():
    """What it begins with, what each step came to, who said no, and where it leads."""
    assert in_words(EXAMPLE) == (
        'it begins with message = "a"; it starts; read writes intent = "refund", order = None; look fails (timeout); '
        "wait is done; lead says denied; desk is done and ends at sent; so it comes to pay; reads order = None"
    )
    assert in_words({"input": {}, "steps": [], "then": "a"}) == "it begins with nothing given; so it comes to a"


def test_an_example_that_comes_to_nothing_says_so():
    """A state that falls through comes to no node of that name: there is no edge for it."""
    stuck = {"input": {}, "steps": [], "then": "no edge for it", "state": {"n": 1}}
    assert in_words(stuck) == "it begins with nothing given; and there is no edge for it; the state has n = 1"


def test_long_values_of_an_example_are_cut():
    """A text of many letters does not fill the terminal; the JSON has more of it."""
    assert len(in_words({"input": {"message": "x" * 5000}})) < 100


@pytest.mark.parametrize(
    "report", [FULL, flow(accepts={"F501": "a demo"}).check(), Report("f")], ids=["full", "real", "empty"]
)
def test_sarif_is_what_the_specification_asks_for(report):
    """Each object has the properties that SARIF 2.1.0 gives it, and no others."""
    log = json.loads(json.dumps(sarif([report], version="0.1.0")))
    checker = Draft202012Validator(LOG, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert [error.message for error in checker.iter_errors(log)] == []


def test_the_schema_of_the_tests_refuses_what_sarif_does_not_know():
    """A property that is none, a level that is none, a step without a place: each is refused."""
    checker = Draft202012Validator(LOG)
    for spoil in (
        lambda run: run["results"][0].update(severity="high"),
        lambda run: run["results"][0].update(level="fact"),
        lambda run: run["results"][0]["codeFlows"][0]["threadFlows"][0].update(locations=[]),
        lambda run: run.pop("tool"),
    ):
        log = sarif([FULL])
        spoil(log["runs"][0])
        assert not checker.is_valid(json.loads(json.dumps(log)))


def test_a_result_has_its_rule_place_path_and_reason():
    """Rules are pointed at, places are files and lines, facts are notes, what is accepted is suppressed."""
    (run,) = sarif([FULL], file=lambda name: f"shop/{name}")["runs"]
    first, second, third = run["results"]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[item["ruleIndex"]]["id"] for item in run["results"]] == ["F401", "F601", "F503"]
    assert [item["level"] for item in run["results"]] == ["error", "warning", "note"]
    place = first["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("shop/desk.py", 4)
    steps = first["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["location"]["message"]["text"] for step in steps] == ["1. START", "2. a", "3. a"]
    assert in_words(EXAMPLE) in first["message"]["text"]
    assert second["suppressions"] == [{"kind": "inSource", "status": "accepted", "justification": "we look each day"}]
    assert "codeFlows" not in third


def test_a_finding_without_a_place_stands_at_its_flow():
    """Code hosts show nothing without a place: the flow's own line is one."""
    lost = replace(FULL, findings=(Finding("F104", "error", "no end"),))
    place = sarif([lost])["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["region"]["startLine"] == 1
    assert workflow_commands([lost]) == ["::error file=desk.py,line=1,title=F104 in flow f::no end"]
    nowhere = replace(lost, where=None)
    assert "physicalLocation" not in sarif([nowhere])["runs"][0]["results"][0]["locations"][0]
    assert workflow_commands([nowhere]) == ["::error title=F104 in flow f::no end"]


def test_a_fingerprint_stays_when_lines_move():
    """A code host knows a finding again by its code, flow and path."""
    moved = replace(FULL, findings=tuple(replace(item, where="desk.py:90") for item in FULL.findings))
    marks = [
        [item["partialFingerprints"] for item in sarif([report])["runs"][0]["results"]] for report in (FULL, moved)
    ]
    assert marks[0] == marks[1]
    assert len({str(mark) for mark in marks[0]}) == 3


def test_annotations_are_one_line_each_and_cannot_be_ended():
    """Line breaks and signs that end a command are escaped; what is accepted is not annotated."""
    told = replace(
        FULL, flow="a,b::c", findings=(Finding("F401", "error", "100%\r\n::error::no", "d,e.py:4"), *FULL.findings)
    )
    lines = workflow_commands([told])
    assert lines[0] == "::error file=d%2Ce.py,line=4,title=F401 in flow a%2Cb%3A%3Ac::100%25%0D%0A::error::no"
    assert [line.split(" ")[0] for line in lines] == ["::error", "::error", "::notice"]


def test_every_code_has_its_page_as_help():
    """What a rule says is its page: a faulty flow and its repair."""
    for code in [code for code in CODES if (PAGES / f"{code}.md").exists()]:  # test_pages.py has all of them
        assert page(code).startswith(f"# {code}")
        assert "## The repair" in page(code)
        assert len(summary(code)) > 20
        assert "```" not in summary(code)


def test_a_code_without_a_page_is_told_in_a_line():
    """Where the pages are not installed, the help is the code's line."""
    assert page("F999") == "# F999: an unknown code"
