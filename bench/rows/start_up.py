"""What it costs a new process to import guideway, and to author the first page's flow, beside importing pydantic."""

from __future__ import annotations

from bench.figures import Figure, Row
from bench.lanes import Start

PYDANTIC = "import pydantic and one model"
MODEL = "from pydantic import BaseModel\nclass Order(BaseModel):\n    id: str\n    total: float"
LIMIT = 1.5


def rows() -> list[Row]:
    """Importing, and authoring."""
    started = {
        "import": ("import guideway", "import guideway"),
        "author": ("the first page's flow, authored", "import tests.first_page"),
    }
    return [
        Row(
            f"start-up-{key}",
            [Start(name, code), Start(PYDANTIC, MODEL)],
            [
                Figure("wall", f"{name}, in a new process: milliseconds more than a bare Python", {PYDANTIC: LIMIT}),
                Figure("cpu", "the same: CPU milliseconds", {PYDANTIC: LIMIT}),
            ],
            rounds=11,
        )
        for key, (name, code) in started.items()
    ]
