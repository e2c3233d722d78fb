"""guideway check and draw --finding: what a report says in each form, how it ends, and what is wrong usage."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator

from tests.flows.check.sarif_schema import LOG

FAULTY = """
from pydantic import BaseModel
from guideway import START, End, Flow, approval, compute, fields, on, tool, when

class State(BaseModel):
    n: int = 0
    receipt: str | None = None

@compute(writes="n")
def count(n: int) -> int:
    return n + 1

@tool(effect="once", stakes="high", timeout=5.0, writes="receipt")
def pay(n: int) -> str:
    return "paid"

t = fields(State)
no = End("no", verdict="escalated")
rows = [on(START, count), on(count, when(t.n > 3) >> pay, count), on(pay, End("paid"))]
faulty = Flow("faulty", state=State, edges=rows)
taken = Flow("taken", state=State, edges=rows, accepts={"F401": "n grows", "F501": "a demo"})
sound = Flow("sound", state=State, edges=[on(START, approval("lead", denied=no) >> pay), on(pay, End("paid"))])
"""
FIELDS = {"flow", "ok", "strict", "where", "findings", "facts"}


@pytest.fixture
def flows(here):
    """A file with a faulty flow, the same with its findings accepted, and one with a warning alone."""
    (here / "shop").mkdir()
    (here / "shop" / "flows.py").write_text(FAULTY)
    (here / ".git").mkdir()  # the top that machines count from
    return "shop/flows.py"


def test_the_report_begins_with_what_stands_in_the_way(guideway, flows, monkeypatch):
    """The answer, the findings with place, path and example in words, then bounds and proofs; 1 for errors."""
    monkeypatch.setenv("COLUMNS", "200")
    said = guideway("check", f"{flows}:faulty")
    lines = [line.strip() for line in said.out.splitlines()]
    assert (said.status, said.err) == (1, "")
    assert lines[0] == "flow faulty: 2 findings stand in the way"
    first = next(line for line in lines if line.startswith("flows.py:"))
    assert " F401 error: nothing bounds the cycle" in first
    assert "path: START > count > count" in lines
    assert any(line.startswith("example: it begins with nothing given; count writes n = ") for line in lines)
    order = [lines.index(title) for title in (
        "bounds of every run", "what is proved here holds for every model and every tool answer",
        "what is proved here rests on code that the checks do not look into", "refuted")]  # fmt: skip
    assert order == sorted(order)
    assert lines.index(first) < order[0]


@pytest.mark.parametrize("name", ["faulty", "sound"])
def test_the_report_fits_eighty_columns(guideway, flows, monkeypatch, name):
    """Nothing is wider than the terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, guideway("check", f"{flows}:{name}").out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("name", "arguments", "status"),
    [("faulty", (), 1), ("taken", (), 0), ("taken", ("--strict",), 1), ("sound", (), 0), ("sound", ("--strict",), 1)],
)
def test_it_ends_as_the_findings_say(guideway, flows, name, arguments, status):
    """1 for errors, and with --strict for warnings; what is accepted stands in nobody's way; in every form alike."""
    for form in ((), ("--json",), ("--format", "sarif"), ("--format", "github"), ("--format", "text")):
        assert guideway("check", f"{flows}:{name}", *arguments, *form).status == status


def test_machines_get_the_report_in_one_line(guideway, flows):
    """--json and --format json are the report's own JSON."""
    found = guideway("check", f"{flows}:faulty", "--json").data
    assert found == guideway("check", f"{flows}:faulty", "--format", "json").data
    assert set(found) == FIELDS
    assert found["findings"][0].keys() == {"code", "severity", "message", "where", "path", "example", "accepted"}
    assert found["findings"][0]["path"] == ["START", "count", "count"]
    assert found["facts"]["proofs"][0].keys() == {"text", "proved", "path"}


def test_sarif_is_valid_and_names_files_from_the_top_of_the_repository(guideway, flows, here):
    """A code host finds the line: the path counts from the folder that holds .git, with forward slashes."""
    log = guideway("check", f"{flows}:faulty", "--format", "sarif").data
    assert Draft202012Validator(LOG).is_valid(log)
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "shop/flows.py"
    assert FAULTY.splitlines()[place["region"]["startLine"] - 1].startswith("rows = ")
    said = guideway("check", f"{flows}:faulty", "--sarif", "report.sarif")
    assert "flow faulty: 2 findings" in said.out
    assert json.loads((here / "report.sarif").read_text()) == log


def test_a_workflow_gets_annotations(guideway, flows):
    """One command a line for each finding, with its file and its line."""
    lines = guideway("check", f"{flows}:faulty", "--format", "github").out.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::error", "::error", "::warning"]
    assert all(line.split(" ")[1].startswith("file=shop/flows.py,line=") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "xml"), "there is no format 'xml' of a report: it is one of text, json, sarif, github"),
        (("--json", "--format", "sarif"), "--json and --format sarif are two forms of one report: leave one out"),
        (("--sarif", "nosuch/report.sarif"), "nosuch/report.sarif cannot be written: No such file or directory"),
    ],
)
def test_check_refuses_what_it_cannot_do(guideway, flows, arguments, message):
    """Exit status 2 and one line that says what there is."""
    said = guideway("check", f"{flows}:faulty", *arguments)
    assert (said.status, said.out) == (2, "")
    assert message in said.err
    assert said.err.count("\n") == 1


def test_a_finding_is_drawn_with_its_path(guideway, flows, here):
    """The picture is called for it, shows the steps and tells the example; the second of a code is named by number."""
    said = guideway("draw", f"{flows}:faulty", "--finding", "F401", "--format", "txt")
    assert said.out.startswith("faulty is drawn in faulty-F401.txt, with the path of F401 (")
    drawn = (here / "faulty-F401.txt").read_text()
    assert "[step 2] 2. otherwise -> count" in drawn
    assert "example: it begins with nothing given; count writes n" in drawn
    assert guideway("draw", f"{flows}:faulty", "--finding", "F401:1", "-o", "x.svg").status == 0
    assert "step 2" in (here / "x.svg").read_text()


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("faulty", ("--finding", "F999"), "there is no code 'F999': a finding is named by its code, such as F401"),
        ("faulty", ("--finding", "F104"), "the check of flow 'faulty' finds no F104: it finds F401, F501, F601"),
        ("faulty", ("--finding", "F401:2"), "the check of flow 'faulty' finds F401 once: there is no F401:2"),
        (
            "faulty",
            ("--finding", "F401:x"),
            "--finding F401:x: behind the colon stands which one of its code, 1 or more",
        ),
        (
            "faulty",
            ("--finding", "F401:0"),
            "--finding F401:0: behind the colon stands which one of its code, 1 or more",
        ),
        ("faulty", ("a.svg", "-o", "b.svg"), "draw writes one picture: name a.svg or -o b.svg, not both"),
    ],
)
def test_a_finding_that_is_not_there_is_one_line(guideway, flows, here, name, arguments, message):
    """Exit status 2, nothing is drawn, and the line says what is found."""
    said = guideway("draw", f"{flows}:{name}", *arguments)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith(message)
    assert said.err.count("\n") == 1
    assert sorted(path.name for path in here.iterdir()) == [".git", "shop"]


def test_a_process_ends_as_its_report_says(flows, here):
    """The real command: 1 where a finding stands in the way, and SARIF alone on the output."""
    command = [sys.executable, "-m", "guideway.cli", "check", f"{flows}:faulty", "--format", "sarif"]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["version"] == "2.1.0"
