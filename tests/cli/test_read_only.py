"""A store that cannot be written: the commands that look show it as it is, the others say why they do nothing."""

from __future__ import annotations

import shutil
from contextlib import ExitStack

import pytest

from tests.sealed import sealed

from .conftest import REFUND

LOOKS = [("runs",), ("show", "r"), ("log", "r"), ("inbox",), ("verify", "r")]
ACTS = [
    ("run", "desks:app", REFUND, "--by", "web"),
    ("resume", "desks:app", "r"),
    ("approve", "desks:app", "r.1", "--yes"),
    ("deny", "desks:app", "r.1"),
    ("cancel", "desks:app", "r"),
    ("retry", "desks:app", "r"),
    ("work", "desks:app", "--once"),
]


@pytest.fixture
def archive(here, waiting):
    """A copy of a store with a run that waits, in a folder that is sealed until the test is over."""
    folder = here / "archive"
    folder.mkdir()
    shutil.copy(here / "guideway.db", folder / "runs.db")
    with ExitStack() as stack:
        stack.enter_context(sealed(folder))
        yield str(folder / "runs.db")


def test_the_commands_that_look_read_it(guideway, archive):
    """They print what they print of one that can be written: for people and machines, with an App and without."""
    for command in LOOKS:
        for json in ((), ("--json",)):
            plain = guideway(*command, *json)
            said = guideway(*command, *json, "--store", archive)
            assert (said.status, said.err) == (plain.status, "") == (0, "")
            assert said.out == plain.out.replace("guideway.db", "archive/runs.db")
        name, *rest = command
        with_app = guideway(name, "desks:app", *rest, "--store", archive)
        assert (with_app.status, with_app.out) == (0, guideway(*command, "--store", archive).out)


@pytest.mark.parametrize("command", ACTS, ids=lambda command: " ".join(command[:2]))
def test_the_commands_that_act_refuse(guideway, archive, command):
    """Each says in one line that the store cannot be written, and how it could be, and exits with 1."""
    said = guideway(*command, "--store", archive)
    assert said.status == 1
    assert said.out == ""
    assert said.err.startswith(f"StoreReadOnly: {archive}: the store cannot be written")
    assert "Give this user write access to the file and its folder." in said.err
    assert guideway("runs", "--json", "--store", archive).data[0]["status"] == "waiting"


def test_a_log_that_cannot_be_read_is_told(guideway, here, waiting, archive_with_log):
    """What is older than the -wal beside it is not shown as if it were all."""
    said = guideway("show", "r", "--store", archive_with_log)
    assert (said.status, said.out) == (1, "")
    assert f"{archive_with_log}-wal holds the latest commits and cannot be read here" in said.err
    assert "Copy it" in said.err


@pytest.fixture
def archive_with_log(here, waiting):
    """A copy that was made while the store was in use, without the -shm."""
    from guideway.runs.store import Draft, SqliteStore

    folder = here / "archive"
    folder.mkdir()
    with SqliteStore(here / "guideway.db") as store:
        store.cancel("r", Draft("cancelled", {"by": "ann"}))
        for end in ("", "-wal"):
            shutil.copy(here / f"guideway.db{end}", folder / f"runs.db{end}")
    with sealed(folder):
        yield str(folder / "runs.db")
