"""What led to a place: the edge under way, what is passed on to its target, and the log of guards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..nodes.outcome import Failure, Refusal
from .edits import Edits
from .rows import Route


@dataclass(slots=True)
class Trail:
    """The edge that is followed, gate by gate.

    Args:
        route: the edge.
        guards: what each guard said, as logged.
        refusal: the no that led here.
        failure: the failure that led here.
        grant: the request that let the run pass last, or ``exempt:<gate>``.
        digest: of the call that it names.
        edits: what people changed of that call.
        also: the requests of the approvals before it.
    """

    route: Route
    guards: list[dict[str, Any]]
    refusal: Refusal | None = None
    failure: Failure | None = None
    grant: str | None = None
    digest: str | None = None
    edits: Edits | None = None
    also: tuple[str, ...] = ()

    @property
    def approvals(self) -> tuple[str, ...]:
        """The requests of the approvals so far: what a person said yes to has a digest, and an exemption none."""
        return self.also if self.grant is None or self.digest is None else (*self.also, self.grant)
