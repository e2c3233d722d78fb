"""The command line."""

from __future__ import annotations

from .. import errors as errors  # `import cli` from the repository's root fails here, instead of half working


def main() -> None:
    """The entry point of ``guideway``."""
    from .program import main as program

    program()
