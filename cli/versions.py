"""The versions that ``guideway diff`` compares, each read as a manifest: from a file, git, a store, or a flow's code.

    desk.json              a manifest
    v1.2:desk.json         a manifest at a git revision
    runs.db:3f2a9c0e       a version that a store keeps: by its shape, a run's id, or the flow's name for the newest
    desk.py:desk           a flow; its module is imported, in a process of its own
    v1.2:desk.py:desk      a flow at a git revision, imported likewise from a folder made for it

Only the last two run code.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import FlowError, RunNotFound, StoreReadOnly
from ..flows.diff import Version, version_of
from ..flows.migrations import Migration
from ..nodes.shapes import is_dict
from . import revisions
from .failing import Broken, Usage
from .options import parsed

if TYPE_CHECKING:
    from ..runs.store import Driving

_SQLITE = b"SQLite format 3\0"
_HOW = (
    "name a manifest (desk.json), a flow (desk.py:desk, module:desk), a git revision of either (v1.2:desk.json, "
    "v1.2:desk.py:desk), or what a store keeps (runs.db:SHAPE)"
)
_LEAST = 4
"""How many digits of a shape are enough to name it."""


@dataclass(frozen=True)
class Read:
    """A version as it was read.

    Args:
        version: the version.
        migrations: those that its flow declares; a function of the state is a name alone.
        imported: whether code was imported for it.
    """

    version: Version
    migrations: tuple[Migration, ...] = field(default=())
    imported: bool = False


def read(name: str, told: Callable[[str], None]) -> Read:
    """The version that a name stands for.

    Args:
        name: as above.
        told: is told before code is imported.

    Raises:
        Usage: it names nothing that is there.
        Broken: the flow's code does not load.
        FlowError: it is no manifest, or the flow is written wrong.
        StoreError: the store cannot be read.
    """
    if name == "-":
        return Read(_version(sys.stdin.read(), "what came in"))
    if os.path.isfile(name):
        return Read(_version(_text(name), name))
    place, colon, last = name.rpartition(":")
    if not colon:
        if name.endswith(".json") or os.sep in name:
            raise Usage(f"there is no file {name}: {_HOW}")
        raise Usage(f"{name!r} names no version: {_HOW}")
    if os.path.isfile(place) and _is_store(place):
        return Read(_stored(place, last))
    revision, second, path = place.partition(":")
    if second:
        return _at_revision(name, revision, path, last, told)
    if last.endswith(".json"):
        return Read(_version(revisions.shown(place, last), name))
    if place.endswith((".db", ".sqlite", ".sqlite3")):  # a store's name, and no module's
        raise Usage(f"there is no store {place}: {_HOW}")
    told(f"{name} is imported, in a process of its own: its code runs")
    return _imported(f"{place}:{last}", name, None)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError:
        more = f": name a version in it, such as {path}:SHAPE" if _is_store(path) else ""
        raise Usage(f"{path} is no manifest{more}") from None
    except OSError as error:
        raise Usage(f"{path} cannot be read: {error.strerror}") from error


def _version(text: str, called: str) -> Version:
    if called.endswith(".py"):
        raise Usage(f"{called} is code: name the flow in it, such as {called}:desk")
    data = parsed(text, called)
    if not is_dict(data):
        raise FlowError(f"{called}: this is no manifest of a flow: it is no object. flow.manifest() makes one")
    return version_of(data, called)


# git


def _at_revision(name: str, revision: str, path: str, flow: str, told: Callable[[str], None]) -> Read:
    with revisions.worktree(revision) as laid:
        folder = top = laid
        while not os.path.exists(os.path.join(top, ".git")):
            top = os.path.dirname(top)
        if path.endswith(".py") and not os.path.isfile(os.path.join(folder, path)):
            if not os.path.isfile(os.path.join(top, path)):
                raise Usage(f"there is no file {path} at {revision}")
            folder = top
        told(f"{path} of {revision} is imported, in a process of its own: the code of that revision runs")
        return _imported(f"{path}:{flow}", name, folder, (revisions.top(), top))


def _imported(target: str, called: str, folder: str | None, moved: tuple[str, str] | None = None) -> Read:
    """A flow's manifest, made in a process of its own; with a revision, from the folder that holds it."""
    with tempfile.TemporaryDirectory(prefix="guideway-") as place:
        file = os.path.join(place, "manifest.json")
        command = [sys.executable, "-m", f"{__package__}.manifesting", target, file]
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": _path(moved)}
        ran = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             text=True, errors="replace", check=False)  # fmt: skip
        said = (ran.stderr.strip().splitlines() or [f"the process ended with {ran.returncode}"])[-1]
        if moved is not None:
            said = said.replace(moved[1] + os.sep, "")
        if ran.returncode == 2:
            raise Usage(said if folder is None else f"{called}: {said}")
        if ran.returncode or not os.path.exists(file):
            raise Broken(said if folder is None else f"{called}: {said}")
        data = json.loads(_text(file))
    migrations = tuple(_migration(item) for item in data["migrations"])
    return Read(version_of(data["manifest"], called), migrations, imported=True)


def _path(moved: tuple[str, str] | None) -> str:
    """Where the process looks for modules: here, and, in a revision, there instead of in today's files."""
    library = sys.modules[__name__.partition(".")[0]].__path__[0]
    entries = [item for item in os.environ.get("PYTHONPATH", "").split(os.pathsep) if item]
    if moved is not None:
        entries = [os.path.abspath(item).replace(*moved, 1) for item in entries]
    if os.path.basename(library) == __name__.partition(".")[0]:
        entries.append(os.path.dirname(library))
    return os.pathsep.join(entries)


def _migration(data: dict[str, Any]) -> Migration:
    told: dict[str, Any] = data | {"state": None if data["state"] is None else _unknown}
    return Migration(**told)


def _unknown(data: dict[str, Any]) -> dict[str, Any]:
    """Stands for a function of the state, which only the process that imported it could call."""
    return data


# stores


def _is_store(path: str) -> bool:
    with suppress(OSError), open(path, "rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE
    return False


def _stored(path: str, wanted: str) -> Version:
    from ..runs.store import ArchivedStore, SqliteStore

    with ExitStack() as stack:
        try:
            store: Driving = stack.enter_context(SqliteStore(path, create=False))
        except StoreReadOnly:
            store = stack.enter_context(closing(ArchivedStore(path)))
        kept = store.versions()
        found = [row for row in kept if wanted in (row.flow, f"{row.shape}/{row.build}")]
        if not found and len(wanted) >= _LEAST:
            found = [row for row in kept if row.shape.startswith(wanted)]
        shapes = {row.shape for row in found if row.flow != wanted}
        if len(shapes) > 1:
            raise Usage(f"{path} keeps several versions whose shape begins with {wanted}: {', '.join(sorted(shapes))}")
        with suppress(RunNotFound):
            run = store.run(wanted)
            found = found or [row for row in kept if (row.shape, row.build) == (run.shape, run.build)]
        if not found:
            there = "; ".join(f"{row.flow or 'no run'} {row.shape}" for row in kept[:6]) or "none"
            raise Usage(f"{path} keeps no version {wanted!r}: it has {there}. Name a shape, a run, or a flow")
        manifest = store.manifest(found[0].shape, found[0].build)
        assert manifest is not None
        return version_of(manifest, f"{path}:{wanted}")
