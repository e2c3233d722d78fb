"""The pages of the codes, docs/checks/: what each means, a faulty flow and its repair."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from .codes import CODES

_FOLDER = Path(__file__).parents[2] / "docs" / "checks"


@cache
def page(code: str) -> str:
    """The page of a code, as Markdown; its one line where the page is not there.

    Args:
        code: one of ``CODES``.
    """
    file = _FOLDER / f"{code}.md"
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return f"# {code}: {CODES.get(code, 'an unknown code')}"


@cache
def summary(code: str) -> str:
    """What a code means, in a paragraph: what its page says before the faulty flow.

    Args:
        code: one of ``CODES``.
    """
    body = page(code).partition("\n## ")[0]
    said = " ".join(line for line in body.splitlines() if line and not line.startswith("#"))
    return said or CODES.get(code, code)
