"""Apps of the tortured flows in this process, for tests of the promises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from guideway import Anyone, Flow
from guideway.testing.models import ScriptedModel
from tests.torture.flows import SCENARIOS
from tests.torture.world import World


@contextmanager
def desk(folder: Path, scenario: str = "first_page", roles: Any = None, **options: Any) -> Iterator[Any]:
    """An app of a scenario on a store in a folder, with a world beside it."""
    script = SCENARIOS[scenario]
    with opened(folder, script.flow(), script.model, roles, **options) as app:
        yield app


@contextmanager
def opened(folder: Path, flow: Flow[Any], model: Any = None, roles: Any = None, **options: Any) -> Iterator[Any]:
    """An app of a flow on a store in a folder, with a world beside it."""
    models = {"default": ScriptedModel(model if model is not None else (lambda prompt: "an answer"))}
    app = flow.compile(store=folder / "runs.db", models=models, deps=World(folder), roles=roles or Anyone(), **options)
    with app:
        yield app


def begun(app: Any, scenario: str = "first_page", run_id: str = "r") -> Any:
    """A run of a scenario, started by "web"."""
    return app.start(SCENARIOS[scenario].given, run_id=run_id, by="web")


def done(folder: Path) -> list[str]:
    """What was done in the world: the effects' names and what they were about."""
    return ["\t".join(line.split("\t")[::2]) for line in World(folder).done()]
