"""The command line as the tests call it: in this process, in a folder of its own."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

DESKS = str(Path(__file__).with_name("desks.py"))
FLOWS = {"desks:": DESKS, "wides:": str(Path(__file__).with_name("wides.py"))}
REFUND = '{"message": "Order 17 arrived broken, please refund."}'


@dataclass
class Said:
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Its result, which is one line of JSON."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


def named(word: str) -> str:
    """A word of a command line, with the path of the tests' own flows in it."""
    path = FLOWS.get(word[:6])
    return word if path is None else f"{path}:{word[6:]}"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder; what a command puts into the import system is taken out again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GUIDEWAY_STORE", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]


@pytest.fixture
def guideway(here, capsys, monkeypatch):
    """Carries out one command line; `desks:name` and `wides:name` stand for the tests' own flows."""
    from guideway.cli.program import run

    def call(*arguments: str, given: str = "") -> Said:
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        words = [named(word) for word in arguments]
        capsys.readouterr()
        status = run(words)
        out, err = capsys.readouterr()
        return Said(status, out, err)

    return call


@pytest.fixture
def waiting(guideway):
    """A refund that waits for a lead: the run's id is r, the request's r.1."""
    said = guideway("run", "desks:app", REFUND, "--run-id", "r", "--by", "web")
    assert said.status == 3, said.err
    return "r.1"
