"""Git revisions: what a file was at one, and a folder that holds one as long as it is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager

from .failing import Usage

_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")
"""No hook of the repository runs because somebody compares."""


def commit_of(revision: str) -> str:
    """The commit that a revision names.

    Args:
        revision: as git takes it.

    Raises:
        Usage: this is no repository, or it has no such revision.
    """
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found.returncode:
        inside = _git("rev-parse", "--is-inside-work-tree")
        if inside.returncode:
            raise Usage(f"{revision!r} names a revision, and {os.getcwd()} is in no git repository")
        raise Usage(f"there is no revision {revision!r} here: `git branch -a` and `git tag` list what there is")
    return found.stdout.strip()


def shown(revision: str, path: str) -> str:
    """What a file held at a revision; nothing is imported.

    Args:
        revision: as git takes it.
        path: from the working folder, or from the repository's top.

    Raises:
        Usage: there was no such file.
    """
    commit = commit_of(revision)
    for place in (f"./{path}", path):
        found = _git("show", f"{commit}:{place}")
        if not found.returncode:
            return found.stdout
    raise Usage(f"there is no file {path} at {revision}: `git ls-tree -r --name-only {revision}` lists what there is")


@contextmanager
def worktree(revision: str) -> Generator[str]:
    """A folder with all files of a revision, for as long as it is needed: where the working folder is in it.

    Args:
        revision: as git takes it.

    Raises:
        Usage: there is no such revision, or it cannot be laid out.
    """
    commit = commit_of(revision)
    within = _git("rev-parse", "--show-prefix").stdout.strip()
    root = tempfile.mkdtemp(prefix="guideway-")
    place = os.path.join(root, "revision")
    made = _git(*_QUIET, "worktree", "add", "--quiet", "--detach", place, commit)
    try:
        if made.returncode:
            said = (made.stderr.strip().splitlines() or ["git says nothing"])[-1]
            raise Usage(f"{revision} cannot be laid out beside the working tree: {said}")
        yield os.path.join(place, within) if os.path.isdir(os.path.join(place, within)) else place
    finally:
        _git("worktree", "remove", "--force", place)
        shutil.rmtree(root, ignore_errors=True)
        _git("worktree", "prune")


def top() -> str:
    """The repository's top folder."""
    return _git("rev-parse", "--show-toplevel").stdout.strip()


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, errors="replace", check=False)
    except FileNotFoundError:
        raise Usage("a revision is asked of git, which is not installed here") from None
