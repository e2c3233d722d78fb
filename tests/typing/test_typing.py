"""What an author's editor says: right uses pass mypy and pyright in strict mode, and each wrong use is an error.

A file of ``snippets/`` is an author's module. A line that is wrong names the error that each checker must give there,
as in ``# wrong: mypy[attr-defined] pyright[reportAttributeAccessIssue]``; what follows from it on the same line may be
said too. Anywhere else an error fails the test.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house import ROOT

SNIPPETS = Path(__file__).parent / "snippets"
MARK = re.compile(r"# wrong: mypy\[(?P<mypy>[\w-]+)\] pyright\[(?P<pyright>\w+)\]")

Errors = set[tuple[str, int, str]]
"""Errors by file, line and the checker's name for what is wrong."""


def expected(checker: str) -> Errors:
    """The errors that the snippets' marks ask of a checker."""
    return {
        (path.name, number, mark[checker])
        for path in SNIPPETS.glob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (mark := MARK.search(line))
    }


def mypy(folder: Path) -> Errors:
    """What mypy says of the snippets; what it says of the library is for ``make types``."""
    options = ["--strict", "--config-file=", "--output=json", f"--cache-dir={ROOT / '.mypy_cache' / 'typing'}"]
    lines = ran([sys.executable, "-m", "mypy", *options, "snippets"], folder).splitlines()
    said = [json.loads(line) for line in lines if line.startswith("{")]
    errors = [item for item in said if item["severity"] == "error" and Path(item["file"]).parent.name == "snippets"]
    return {(Path(item["file"]).name, item["line"], item["code"]) for item in errors}


def pyright(folder: Path) -> Errors:
    """What pyright says of the folder."""
    settings = {"typeCheckingMode": "strict", "include": ["snippets"], "extraPaths": ["."]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    said = json.loads(ran([sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable], folder))
    return {
        (Path(item["file"]).name, item["range"]["start"]["line"] + 1, item.get("rule", ""))
        for item in said["generalDiagnostics"]
        if item["severity"] == "error"
    }


def ran(command: list[str], folder: Path) -> str:
    """A checker's output; status 1 says that it found errors."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_wrong_uses_are_errors_and_right_ones_are_not(checker: Callable[[Path], Errors], tmp_path):
    """Each checker gives the errors that the snippets mark, and none on any other line."""
    (tmp_path / "guideway").symlink_to(ROOT)  # neither checker sees an editable install
    shutil.copytree(SNIPPETS, tmp_path / "snippets")
    said, asked = checker(tmp_path), expected(checker.__name__)
    assert asked, "no snippet marks a wrong use"
    elsewhere = {error for error in said if error[:2] not in {place[:2] for place in asked}}
    assert asked <= said, f"missed: {sorted(asked - said)}, said: {sorted(said)}"
    assert not elsewhere, f"not asked for: {sorted(elsewhere)}"
