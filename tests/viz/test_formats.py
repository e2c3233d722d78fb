"""``Flow.draw``: formats by suffix and by name, files written whole or not at all, the same bytes everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from guideway.errors import FlowError, ToolMissing
from guideway.viz import formats, graphviz
from tests.first_page import refund_desk
from tests.viz.drawings import DESK

HASHES = """
import hashlib
from tests.first_page import refund_desk
from tests.viz.drawings import DESK, ESCALATION
from tests.viz.nested import FORK_IN_BRANCH, RESEARCH, SUPPORT
for flow in (refund_desk, DESK, ESCALATION, FORK_IN_BRANCH, RESEARCH, SUPPORT):
    for name in ("svg", "png", "pdf", "dot", "mmd", "txt"):
        drawn = flow.draw(format=name)
        print(hashlib.sha256(drawn.encode() if isinstance(drawn, str) else drawn).hexdigest())
"""


@pytest.fixture
def no_cache():
    """Forgets which Graphviz was found, before and after."""
    graphviz.program.cache_clear()
    yield
    graphviz.program.cache_clear()


@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        (".svg", b"<svg "),
        (".png", b"\x89PNG"),
        (".pdf", b"%PDF"),
        (".dot", b"digraph"),
        (".gv", b"digraph"),
        (".mmd", b"flowchart"),
        (".txt", b"refund-desk"),
        (".SVG", b"<svg "),
    ],
)
def test_the_suffix_says_the_format(tmp_path, suffix, start):
    """Drawing to a path writes the format of its suffix, and returns what it wrote."""
    path = tmp_path / f"desk{suffix}"
    drawn = refund_desk.draw(path)
    assert path.read_bytes() == (drawn.encode() if isinstance(drawn, str) else drawn)
    assert path.read_bytes().startswith(start)
    assert isinstance(drawn, bytes) == (suffix in (".png", ".pdf"))


def test_without_a_path_the_picture_is_returned(tmp_path, monkeypatch):
    """Without a path nothing is written; svg is what is returned where nothing says another format."""
    monkeypatch.chdir(tmp_path)
    assert refund_desk.draw() == refund_desk.draw(format="svg")
    assert str(refund_desk.draw(format="mmd")).startswith("flowchart")
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_is_named_wins_over_the_suffix(tmp_path):
    """format= says what is written, whatever the path is called."""
    refund_desk.draw(tmp_path / "desk.picture", format="txt")
    assert (tmp_path / "desk.picture").read_text().startswith("refund-desk")


@pytest.mark.parametrize(
    ("path", "format", "match"),
    [
        ("desk.html", None, r"no format 'html' to draw; there are: svg, png, pdf, dot, mmd, txt"),
        ("desk.svgg", None, r"no format 'svgg'.*Did you mean 'svg'"),
        ("desk", None, r"'.*desk' has no suffix to tell the format; there are: svg"),
        (None, "html", r"test_formats\.py:\d+: FlowError: there is no format 'html'"),
    ],
)
def test_an_unknown_format_is_one_clear_error(tmp_path, path, format, match):
    """A format that is not there is an error at the author's line that names those that are, and nothing is written."""
    with pytest.raises(FlowError, match=match):
        refund_desk.draw(path and tmp_path / path, format=format)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_one_clear_error(tmp_path):
    """The message names the folder that is not there, and no folder is made."""
    with pytest.raises(FlowError, match=r"cannot write '.*desk\.svg': there is no folder '.*nowhere'"):
        refund_desk.draw(tmp_path / "nowhere" / "desk.svg")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_file(tmp_path):
    """A path that is a folder is refused by name."""
    (tmp_path / "desk.svg").mkdir()
    with pytest.raises(FlowError, match=r"desk\.svg': it is a folder"):
        refund_desk.draw(tmp_path / "desk.svg")


def test_a_file_where_a_folder_should_be_is_one_clear_error(tmp_path):
    """A path through a file is refused with the system's reason."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(FlowError, match=r"cannot write .*: .+"):
        refund_desk.draw(tmp_path / "file" / "desk.svg")


def test_a_read_only_file_stays_as_it_is(tmp_path, monkeypatch):
    """A file that may not be written is not replaced either, though its folder would allow it."""
    path = tmp_path / "desk.svg"
    path.write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # whoever runs the suite may write everything
    with pytest.raises(FlowError, match="the file is read-only"):
        refund_desk.draw(path)
    assert path.read_text() == "old"


@pytest.mark.parametrize("step", ["open", "replace"])
def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch, step):
    """A disk that is full or a folder that is read-only leaves the old file, and no part of a new one."""

    def fails(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "desk.svg"
    path.write_text("old")
    if step == "replace":
        monkeypatch.setattr(os, "replace", fails)
    else:
        monkeypatch.setattr("guideway.viz.files.open", fails, raising=False)
    with pytest.raises(FlowError, match="cannot write .*: Permission denied"):
        refund_desk.draw(path)
    assert [item.name for item in tmp_path.iterdir()] == ["desk.svg"]
    assert path.read_text() == "old"


def test_a_link_stays_a_link(tmp_path):
    """Drawing to a link writes the file that it names."""
    (tmp_path / "real.svg").write_text("old")
    (tmp_path / "link.svg").symlink_to(tmp_path / "real.svg")
    refund_desk.draw(tmp_path / "link.svg")
    assert (tmp_path / "link.svg").is_symlink()
    assert (tmp_path / "real.svg").read_text().startswith("<svg ")


def test_the_same_flow_gives_the_same_bytes_in_every_process(root):
    """Pictures do not depend on the process, nor on how it orders sets."""
    drawn = {
        subprocess.run(
            [sys.executable, "-c", HASHES],
            cwd=root,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(drawn) == 1
    assert len(drawn.pop().split()) == 36


def test_the_wheels_program_is_found_without_a_path(monkeypatch, no_cache):
    """Drawing needs no system package and no PATH: the wheel's own program is found where pip put it."""
    monkeypatch.setenv("PATH", "")
    assert Path(graphviz.program()).stem == "graphviz-pure"
    assert str(refund_desk.draw()).startswith("<svg ")


def test_the_systems_dot_is_used_where_the_wheel_has_no_program(monkeypatch, tmp_path, no_cache):
    """On a machine that the wheel does not serve, the dot on the PATH draws."""
    dot = tmp_path / "dot"
    dot.write_text('#!/bin/sh\ncat > /dev/null\necho "<svg>drawn by dot</svg>"\n')
    dot.chmod(0o755)
    monkeypatch.setattr(graphviz, "_in_wheel", lambda: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(graphviz, "_WHEEL", "no-such-program")
    assert "drawn by dot" in str(refund_desk.draw())


def test_without_graphviz_the_error_says_what_to_install(monkeypatch, no_cache):
    """Where there is no Graphviz at all, pictures say what to install, and text formats still work."""
    monkeypatch.setattr(graphviz, "_in_wheel", lambda: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolMissing, match="pip install graphviz-pure, or draw dot, mmd or txt"):
        DESK.draw()
    for name in ("dot", "mmd", "txt"):
        assert DESK.draw(format=name)


def test_a_graphviz_that_fails_says_why():
    """What Graphviz says about source that it cannot read is in the error."""
    with pytest.raises(FlowError, match="Graphviz could not draw svg: .*syntax error"):
        graphviz.layout("digraph { -> }", "svg")


def test_a_graphviz_that_hangs_is_stopped(monkeypatch, tmp_path):
    """A layout without an end is given up, with the formats that need none."""
    slow = tmp_path / "dot"
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)
    monkeypatch.setattr(graphviz, "program", lambda: str(slow))
    monkeypatch.setattr(graphviz, "_SECONDS", 0.2)
    with pytest.raises(FlowError, match="without an end; draw mmd, dot or txt"):
        graphviz.layout("digraph {}", "svg")


def test_a_graphviz_that_does_not_start_says_so(monkeypatch, tmp_path):
    """A program that is there and cannot run is named."""
    broken = tmp_path / "dot"
    broken.write_bytes(b"\x00")
    broken.chmod(0o755)
    monkeypatch.setattr(graphviz, "program", lambda: str(broken))
    with pytest.raises(ToolMissing, match="does not start: .*pip install graphviz-pure"):
        graphviz.layout("digraph {}", "svg")


def test_every_format_is_named_by_the_face():
    """The formats are those that the design names, but for html, which is to come."""
    assert set(formats.FORMATS) == {"svg", "png", "pdf", "dot", "mmd", "txt"}


def test_drawing_changes_nothing_of_the_flow():
    """A flow has the same hashes after it was drawn."""
    before = (DESK.shape, DESK.build)
    DESK.draw(format="dot")
    assert (DESK.shape, DESK.build) == before
