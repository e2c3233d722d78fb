"""guideway diff: versions from files, git and stores; what is said, what runs for it, and how it ends."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from guideway import Flow
from guideway.flows.diff import Version, diff

DESK = """
from typing import Literal
from pydantic import BaseModel, Field
from guideway import START, Budget, End, Flow, approval, at_most, compute, exists, fields, on, some, tool, when

class Order(BaseModel):
    id: str
    total: float = Field(ge=0)

class Ticket(BaseModel):
    intent: Literal["refund", "other"] | None = None
    order: Order | None = None
    refund: str | None = None

@compute(writes="intent")
def read(intent: str | None) -> Literal["refund", "other"]:
    return "refund"

@tool(effect="once", stakes="high", timeout=10.0, writes="refund")
def pay_back(order: Order) -> str:
    return f"paid {order.total}"

t = fields(Ticket)
no = End("no", verdict="escalated")
lead = approval("lead", unless=some(t.order).total < FREE, denied=no)
desk = Flow("refunds", state=Ticket, edges=[
    on(START, read),
    on(read, when(t.intent == "refund", exists(t.order)) >> lead >> pay_back, no),
    on(pay_back, End("paid")),
])

def app(store):
    return desk.compile(store=store, roles={"lead": {"ann"}})
"""
SAID = (
    'after read, a state with intent = "refund" and order.total = 50 went through lead to pay_back, '
    "and now goes straight to pay_back"
)


def desk(free: int) -> str:
    """The desk's code, where no one is asked about less."""
    return DESK.replace("FREE", str(free))


def loaded(path) -> Flow[Any]:
    """The flow of a file, in this process."""
    name = f"desk_of_{path.parent.name}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its types look for their module
    spec.loader.exec_module(module)
    return module.desk


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two versions, as code and as manifests, and a store with a run of each: made once."""
    folder = tmp_path_factory.mktemp("versions")
    for name, free in (("old", 50), ("new", 80)):
        (folder / name).mkdir()
        (folder / name / "desk.py").write_text(desk(free))
        flow = loaded(folder / name / "desk.py")
        (folder / f"{name}.json").write_text(json.dumps(flow.manifest()))
        with flow.compile(store=folder / "runs.db", roles={"lead": {"ann"}}) as app:
            app.start({"order": {"id": "1", "total": 100}}, run_id=name, by="web")
    return folder


@pytest.fixture
def versions(here, made):
    """What was made, in the working folder."""
    shutil.copytree(made, here, dirs_exist_ok=True)
    return here


def git(folder, *arguments: str) -> str:
    """What git says."""
    who = ["-c", "user.name=ann", "-c", "user.email=ann@example.com"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def repository(here):
    """A repository with the older version under the tag v1, and the newer one in the working folder."""
    (here / "desk.py").write_text(desk(50))
    git(here, "init", "-q")
    hook = here / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {here}/hooked\n")
    hook.chmod(0o755)
    git(here, "add", ".")
    git(here, "commit", "-qm", "first")
    git(here, "tag", "v1")
    (here / "desk.py").write_text(desk(80))
    return here


def test_two_manifests_are_compared_without_any_code(guideway, versions, monkeypatch):
    """The cases come first, then what is written otherwise, then what becomes of runs; exit status 1."""
    monkeypatch.setenv("COLUMNS", "400")
    said = guideway("diff", "old.json", "new.json")
    assert (said.status, said.err) == (1, "")
    lines = [line.strip() for line in said.out.splitlines()]
    assert lines[0] == "flow refunds: old.json > new.json: the behaviour changes"
    assert lines.index("let loose, where stakes are high") + 1 == lines.index(SAID)
    assert "~ gate lead: exempts some(order).total < 80, exempted some(order).total < 50" in lines
    assert any(line.startswith("asks anew  waiting for lead on the edge read:") for line in lines)
    assert lines[-1] == "goes on  at every other place"


def test_it_fits_eighty_columns(guideway, versions, monkeypatch):
    """Sentences are wrapped; no line is wider than the terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, guideway("diff", "old.json", "new.json").out.splitlines())) <= 80


def test_no_change_ends_with_0(guideway, versions):
    """The same version twice: no change in behaviour, and no word of runs."""
    said = guideway("diff", "old.json", "old.json")
    assert said.status == 0
    assert said.out.splitlines()[0] == "flow refunds: old.json > old.json: no change in behaviour"
    assert "runs" not in said.out


def test_machines_get_one_line(guideway, versions):
    """--json is the diff's own JSON, what becomes of runs, and what was imported for it."""
    found = guideway("diff", "old.json", "new.json", "--json")
    told = [json.loads((versions / f"{name}.json").read_text()) for name in ("old", "new")]
    same = diff(*told).to_json()
    assert {name: found.data[name] for name in ("rerouted", "changes", "rows", "same")} == {
        name: same[name] for name in ("rerouted", "changes", "rows", "same")
    }
    assert found.data["rerouted"][0]["text"] == SAID
    assert (found.data["imported"], found.status) == ([], 1)
    assert {item["outcome"] for item in found.data["runs"]} == {"asks anew", "goes on"}


def test_code_is_imported_in_a_process_of_its_own_and_that_is_said(guideway, versions):
    """Two files of one name are two versions: neither sees the other, and this process imports none."""
    said = guideway("diff", "old/desk.py:desk", "new/desk.py:desk")
    assert said.status == 1
    assert "pay_back is" not in said.err
    assert said.err.splitlines() == [
        f"{name}/desk.py:desk is imported, in a process of its own: its code runs" for name in ("old", "new")
    ]
    assert "desk" not in sys.modules
    quiet = guideway("diff", "old.json", "new/desk.py:desk", "--json")
    assert (quiet.err, quiet.data["imported"]) == ("", ["new/desk.py:desk"])


def test_a_revision_is_imported_from_a_folder_of_its_own(guideway, repository):
    """The working folder stays as it is, no hook runs, and the folder is gone afterwards."""
    (repository / "old.json").write_text("{}")
    before = git(repository, "status", "--porcelain")
    said = guideway("diff", "v1:desk.py:desk", "desk.py:desk")
    assert said.status == 1
    assert "desk.py of v1 is imported, in a process of its own: the code of that revision runs" in said.err
    assert "order.total = 50" in said.out
    assert git(repository, "status", "--porcelain") == before
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert not (repository / "hooked").exists()


def test_a_revision_sees_its_own_modules(guideway, repository, monkeypatch):
    """What a flow imports is of its revision too, whatever PYTHONPATH says of today's files."""
    (repository / "sub").mkdir()
    (repository / "sub" / "limits.py").write_text("FREE = 50\n")
    (repository / "sub" / "desk.py").write_text(
        "from limits import FREE\n" + desk(0).replace("total < 0", "total < FREE")
    )
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "second")
    (repository / "sub" / "limits.py").write_text("FREE = 80\n")
    monkeypatch.chdir(repository / "sub")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(repository / "sub"), os.environ.get("PYTHONPATH", "")]))
    said = guideway("diff", "HEAD:desk.py:desk", "desk.py:desk")
    assert said.status == 1, said.err
    assert "order.total = 50" in said.out


def test_a_manifest_of_a_revision_runs_no_code(guideway, versions):
    """A manifest that is kept in the repository is read as it was."""
    git(versions, "init", "-q")
    (versions / "desk.json").write_text((versions / "old.json").read_text())
    git(versions, "add", "desk.json")
    git(versions, "commit", "-qm", "first")
    (versions / "desk.json").write_text((versions / "new.json").read_text())
    said = guideway("diff", "HEAD:desk.json", "desk.json")
    assert (said.status, said.err) == (1, "")
    assert "order.total = 50" in said.out


def test_a_manifest_may_come_in(guideway, versions):
    """- is the input."""
    said = guideway("diff", "old.json", "-", given=(versions / "new.json").read_text())
    assert said.status == 1


@pytest.mark.parametrize("names", [("old", "new"), ("SHAPE", "refunds"), ("SHAPE/BUILD", "new")])
def test_what_a_store_keeps_is_named_by_run_shape_or_flow(guideway, versions, names):
    """A run names its version, a shape one of its digits, a flow its newest version."""
    told = Version(json.loads((versions / "old.json").read_text()))
    shape, build = told.shape_hash, told.build_hash
    old, new = (
        f"runs.db:{name.replace('SHAPE/BUILD', f'{shape}/{build}').replace('SHAPE', shape[:8])}" for name in names
    )
    said = guideway("diff", old, new)
    assert (said.status, said.err) == (1, "")
    assert "order.total = 50" in said.out


WRONG = {
    "nosuch": "'nosuch' names no version: name a manifest (desk.json)",
    "nosuch.json": "there is no file nosuch.json: name a manifest",
    "old/desk.py": "old/desk.py is code: name the flow in it, such as old/desk.py:desk",
    "old/desk.py:desc": "old/desk.py has no 'desc': it has app, desk. Did you mean 'desk'?",
    "nomodule:desk": "there is no module 'nomodule' here",
    "v1:desk.py:desk": "'v1' names a revision, and",
    "v1:desk.json": "'v1' names a revision, and",
    "runs.db:nosuch": "runs.db keeps no version 'nosuch': it has refunds",
    "gone.db:refunds": "there is no store gone.db: name a manifest",
    "runs.db": "runs.db is no manifest: name a version in it, such as runs.db:SHAPE",
    "text.json": "text.json is not JSON",
    "": "'' names no version",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_name_that_is_wrong_is_one_line_with_a_way_out(guideway, versions, name):
    """Exit status 2, no traceback, and what to write instead."""
    (versions / "text.json").write_text("no JSON")
    said = guideway("diff", "old.json", name)
    assert (said.status, said.out) == (2, "")
    assert WRONG[name] in said.err
    assert "Traceback" not in said.err
    assert len([line for line in said.err.splitlines() if "is imported" not in line]) == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("[]", "this is no manifest of a flow: it is no object"),
        ("{}", "this is no manifest of a flow: it has no 'format'"),
        ('{"format": 2, "name": "f", "shape": {}, "build": {}}', "has the layout 2, and this guideway reads 1"),
        ('{"format": 1, "name": "f", "shape": {}, "build": {}}', "this manifest is not whole"),
        ('{"format": 1, "name": "f", "shape": 3, "build": {}}', "this manifest is not whole"),
    ],
)
def test_what_is_no_manifest_is_an_error_that_says_so(guideway, versions, data, message):
    """Exit status 1, and one line that names the file and how a manifest is made."""
    (versions / "odd.json").write_text(data)
    said = guideway("diff", "old.json", "odd.json")
    assert said.status == 1
    assert message in said.err
    assert "odd.json" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("rows", "read", 0, "gates"), None, "shape.rows.read.0.gates: Input should be a valid list"),
        (("rows", "read", 0, "gates"), ["boss"], "there is no gate 'boss'"),
        (("rows", "read", 0, "conditions"), [{"limit": "x"}], "there is no limit 'x'"),
        (("rows", "read", 0, "conditions"), [{}], "a condition has no 'when' and 'text'"),
        (
            ("rows", "read", 0, "conditions"),
            [{"when": {"no": 1}, "text": "no"}],
            "no condition is written {'no': 1} in JSON",
        ),
        (("gates", "lead", "ways"), {"denied": {"gate": "boss"}}, "gate lead: there is no gate 'boss'"),
        (("nodes", "read"), {}, "shape.nodes.read.kind: Field required"),
        (("state",), {}, "shape.state.name: Field required"),
    ],
)
def test_a_manifest_that_somebody_changed_by_hand_is_told_with_its_part(guideway, versions, path, value, message):
    """One line that names the part, and no traceback."""
    data = json.loads((versions / "new.json").read_text())
    part = data["shape"]
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    (versions / "odd.json").write_text(json.dumps(data))
    said = guideway("diff", "--no-solver", "old.json", "odd.json")
    assert (said.status, said.out) == (1, "")
    assert message in said.err
    assert said.err.count("\n") == 1
    assert "traceback" not in said.err


def test_a_revision_that_is_not_there_is_one_line(guideway, repository):
    """A revision, a file or a flow that is not there: exit status 2, and git's options are no revisions."""
    for name in (
        "v2:desk.py:desk",
        "v1:nosuch.py:desk",
        "v1:nosuch.json",
        "v1:desk.py:nosuch",
        "--output=x:desk.py:desk",
    ):
        said = guideway("diff", "--", name, "desk.py:desk")
        assert said.status == 2
        assert "Traceback" not in said.err
        assert len([line for line in said.err.splitlines() if "is imported" not in line]) == 1
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_a_module_that_does_not_load_is_told_with_its_place(guideway, versions):
    """The author's mistake is one line with its place, exit status 1; what it prints does not get into the result."""
    (versions / "broken.py").write_text("print('hello')\nraise OSError('no')\n")
    said = guideway("diff", "old.json", "broken.py:desk")
    assert said.status == 1
    assert "broken.py:2: OSError: no" in said.err
    assert said.out == ""
    (versions / "loud.py").write_text("print('hello')\n" + desk(80))
    assert guideway("diff", "old.json", "loud.py:desk", "--json").data["same"] is False


def test_a_process_ends_as_it_says(versions):
    """The real command ends with 1 where there are changes, and needs neither LangGraph nor langchain for it."""
    code = "import sys; sys.argv = ['guideway', 'diff', '--no-solver', 'old.json', 'new.json']\n"
    code += (
        "import guideway.cli as c\ntry: c.main()\nfinally: print({'langgraph', 'langchain_core'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=versions, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "now goes straight to pay_back" in " ".join(done.stdout.split())
    assert done.stdout.splitlines()[-1] == "set()"
