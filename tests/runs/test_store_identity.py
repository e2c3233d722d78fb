"""A store knows which file it is: that a copy is about to be driven is said, once, and nothing is refused."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from guideway.runs.store import Draft, SqliteStore
from tests.runs.test_store_migration import older


@pytest.fixture
def path(tmp_path):
    """A store with a run that nobody drives."""
    path = tmp_path / "runs.db"
    with SqliteStore(path) as store:
        store.create(run_id="r", flow="f", shape="s", build="b", events=[Draft("started", {})])
    return path


@pytest.fixture
def said(caplog):
    """What is logged from here on when the run of a store is driven in a new App; ``look`` only looks at it."""

    def drive(path, *, look=False, run="r"):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "guideway"), SqliteStore(path) as store:
            if look:
                store.runs()
                store.events(run)
            else:
                store.release(store.acquire(run))
                store.release(store.acquire(run))
        return [record.getMessage() for record in caplog.records]

    return drive


def vacuumed(path, copy):
    """A copy as docs/running.md has it made."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))


@pytest.mark.parametrize("make", [shutil.copy, vacuumed])
def test_a_copy_whose_original_is_there_is_named_with_it(path, tmp_path, said, make):
    """Looking at a copy says nothing; the first run driven in it says whose copy it is; the original never speaks."""
    copy = tmp_path / "copy.db"
    make(path, copy)
    assert said(copy, look=True) == []
    (told,) = said(copy)
    assert told.startswith(f"{copy} is a copy of '{path}', which is still there")
    assert said(copy) == []
    assert said(path) == []


def test_a_new_file_in_the_place_of_the_old_one_goes_on(path, tmp_path, said):
    """A copy that took the place of its original (a restored backup) says where it comes from, once, and is driven."""
    shutil.copy(path, tmp_path / "backup.db")
    os.replace(tmp_path / "backup.db", path)
    (told,) = said(path)
    assert told.startswith(f"{path} is another file than this store was when it was '{path}' on ")
    assert "copied, restored or moved" in told
    assert said(path) == []


def test_a_copy_of_a_copy_speaks_for_itself(path, tmp_path, said):
    """Each new file speaks once, of the file that was driven last."""
    shutil.copy(path, tmp_path / "b.db")
    said(tmp_path / "b.db")
    shutil.copy(tmp_path / "b.db", tmp_path / "c.db")
    (told,) = said(tmp_path / "c.db")
    assert f"is a copy of '{tmp_path / 'b.db'}'" in told


def test_the_same_file_is_no_copy(path, tmp_path, said):
    """Neither a new name, nor a link, nor another folder makes another file."""
    os.link(path, tmp_path / "hard.db")
    assert said(tmp_path / "hard.db") == []
    (tmp_path / "soft.db").symlink_to(path)
    assert said(tmp_path / "soft.db") == []
    (tmp_path / "elsewhere").mkdir()
    os.rename(path, tmp_path / "elsewhere" / "renamed.db")
    assert said(tmp_path / "elsewhere" / "renamed.db") == []


def test_an_older_store_that_is_brought_forward_is_no_copy(tmp_path, said):
    """A file that never said which it is says it from now on; a copy of it is noticed then."""
    path = older(tmp_path / "old.db")
    assert said(path, run="asks") == []
    shutil.copy(path, tmp_path / "copy.db")
    assert len(said(tmp_path / "copy.db", run="asks")) == 1


def test_what_a_row_names_is_only_looked_at(path, tmp_path, said):
    """A path in a row that is no store, or no file at all, is opened by nobody who waits for it, and left as it is."""
    os.mkfifo(tmp_path / "pipe")
    shutil.copy(path, tmp_path / "copy.db")
    for name in ("pipe", "none\nsuch"):
        place = tmp_path / name
        if name == "none\nsuch":
            place.write_text("no store")
        with closing(sqlite3.connect(tmp_path / "copy.db")) as db, db:
            db.execute("delete from files where number > 1")
            db.execute("update files set path = ?, inode = ?", (str(place), str(os.stat(place).st_ino)))
        (told,) = said(tmp_path / "copy.db")
        assert "copied, restored or moved" in told
        assert "\n" not in told
    assert (tmp_path / "none\nsuch").read_text() == "no store"
