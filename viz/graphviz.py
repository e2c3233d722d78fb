"""Runs Graphviz: the program of the graphviz-pure wheel, or the system's ``dot`` where the wheel has none.

The wheel comes first because it writes the same bytes on every machine; two reviewers see one picture.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from ..errors import FlowError, ToolMissing

_WHEEL = "graphviz-pure"
_SECONDS = 60.0


@cache
def program() -> str:
    """The path of a program that understands ``dot``'s flags.

    Raises:
        ToolMissing: there is none.
    """
    found = _in_wheel() or shutil.which(_WHEEL) or shutil.which("dot")
    if found is None:
        raise ToolMissing(
            "drawing svg, png and pdf needs Graphviz, and neither the wheel's program nor the system's dot is here: "
            "pip install graphviz-pure, or draw dot, mmd or txt"
        )
    return found


def _in_wheel() -> str | None:
    try:
        listed = files(_WHEEL) or []
    except PackageNotFoundError:
        return None
    for item in listed:
        path = Path(str(item.locate()))
        if path.stem == _WHEEL and path.parent.name in ("bin", "Scripts") and path.is_file():
            return str(path)
    return None


def layout(source: str, format: str, *, dpi: int | None = None) -> bytes:
    """What Graphviz makes of DOT source.

    Args:
        source: the source.
        format: one of Graphviz's formats, such as ``svg`` or ``png``.
        dpi: dots per inch, for pixels.

    Raises:
        FlowError: Graphviz failed.
        ToolMissing: there is no Graphviz.
    """
    command = [program(), "-Kdot", f"-T{format}", *([] if dpi is None else [f"-Gdpi={dpi}"])]
    try:
        done = subprocess.run(command, input=source.encode(), capture_output=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise FlowError(f"Graphviz drew for {_SECONDS:g} s without an end; draw mmd, dot or txt instead") from None
    except OSError as error:
        raise ToolMissing(f"Graphviz at {command[0]} does not start: {error}; pip install graphviz-pure") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise FlowError(f"Graphviz could not draw {format}: {said[0] if said else f'status {done.returncode}'}")
    return done.stdout
