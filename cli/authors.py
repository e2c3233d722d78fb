"""Where an author's files are: a finding has a file's name alone, and machines want its path in the repository."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from urllib.parse import quote

from ..errors import is_library


def file_finder(target: str) -> Callable[[str], str]:
    """A function from a file's name to its path from the repository's top, or else from the working folder.

    Args:
        target: what the command names; where two files have one name, that which stands beside it is meant.
    """
    top = _top(os.getcwd())
    beside = os.path.dirname(os.path.abspath(target.rpartition(":")[0]))
    loaded = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    files = sorted({os.path.abspath(path) for path in loaded if path and not is_library(os.path.abspath(path))})

    def find(name: str) -> str:
        alike = [path for path in files if os.path.basename(path) == name]
        alike.sort(
            key=lambda path: (os.path.dirname(path) != beside, not path.startswith(top + os.sep), len(path), path)
        )
        if not alike or not alike[0].startswith(top + os.sep):
            return quote(name)
        return quote(os.path.relpath(alike[0], top).replace(os.sep, "/"))

    return find


def _top(folder: str) -> str:
    """The nearest folder above that holds a repository; the folder itself where none does."""
    above = folder
    while not os.path.exists(os.path.join(above, ".git")):
        if os.path.dirname(above) == above:
            return folder
        above = os.path.dirname(above)
    return above
