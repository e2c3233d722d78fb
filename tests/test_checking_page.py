"""docs/checking.md: what it shows of check, draw and diff is what the commands print for its flow."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import sys

import pytest

from guideway.cli.program import run
from tests.first_page import refund_desk
from tests.house import ROOT

PAGE = (ROOT / "docs" / "checking.md").read_text(encoding="utf-8")
PARTS = re.findall(r"```(python|console)\n(.*?)```", PAGE, re.DOTALL)


def printed(command: str, capsys) -> str:
    """What a command of the page prints."""
    words = shlex.split(command)
    assert words[0] == "guideway"
    run(words[1:])
    return capsys.readouterr().out


def shows(page: str, real: str) -> bool:
    """Whether what stands between the lines of dots is in what was printed, in that order."""
    place = 0
    for part in re.split(r"^\.\.\.\n|\.\.\.\n(?=$)", page, flags=re.MULTILINE):
        found = real.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return True


def test_each_command_prints_what_the_page_shows(tmp_path, monkeypatch, capsys):
    """Block after block: the code before a command is the flow's file, and its output has what stands there."""
    pytest.importorskip("z3", reason="the page shows what the solver proves")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    code, commands = "", 0
    for kind, block in PARTS:
        if kind == "python":
            code += block + "\n"
            (tmp_path / "desk.py").write_text(code)
            sys.modules.pop("desk", None)
            if "write_text" in block:
                importlib.import_module("desk")
            continue
        command, _, shown = block.removeprefix("$ ").partition("\n")
        commands += 1
        real = printed(command, capsys)
        assert shows(shown, real), f"{command} prints:\n{real}"
    sys.modules.pop("desk", None)
    assert commands == 5
    assert (tmp_path / "gap.svg").exists()


def test_the_dots_of_the_page_stand_for_what_is_left_out():
    """A line that is not printed, or that comes in another order, is not shown."""
    real = "a\nb\nc\nd (7 bytes)\n"
    assert shows("a\n...\nc\nd (...\n", real)
    assert not shows("a\n...\nb\nd", real)
    assert not shows("a\n...\nx\n...\n", real)
    assert not shows("c\n...\na\n", real)


def test_the_tables_of_the_json_name_what_is_there(tmp_path, monkeypatch, capsys):
    """Every name that check --json and diff --json have is in the tables, and no other stands in front of one."""
    monkeypatch.chdir(tmp_path)
    told = {
        name
        for row in re.findall(r"^\| (`[^|]*`) \|", PAGE.partition("## The JSON")[2], re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    report = refund_desk.check().to_json()
    (tmp_path / "desk.json").write_text(json.dumps(refund_desk.manifest()))
    run(["diff", "desk.json", "desk.json", "--json"])
    assert told == {*report, *json.loads(capsys.readouterr().out)}
