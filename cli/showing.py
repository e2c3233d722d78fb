"""demo: a flow that ships with guideway, run before your eyes."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import Json
from .screen import Screen

Folder = Annotated[str, typer.Option("--folder", help="Where the pictures, the store and the ledger go.")]


def demo(folder: Folder = "guideway-demo", json: Json = False) -> int:
    """Draw, run, approve, kill -9 and resume a flow that ships."""
    from .demo.director import direct

    return direct(folder, Screen(json=json))
