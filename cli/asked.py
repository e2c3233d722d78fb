"""A request of a place, by its events alone: how many people must say yes, and who did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Asked:
    """A request of a place: how many people must say yes, who did, and whether the run has taken the decision."""

    quorum: int
    status: str = "open"
    said: set[str] = field(default_factory=set[str])
    taken: bool = False

    def decided(self, body: dict[str, Any]) -> None:
        """Takes a decision.

        Args:
            body: as journalled.
        """
        if body["status"] == "revoked":  # of a quorum that is not there yet one yes; else the run had used it
            self.said.discard(str(body["by"]))
            return
        self.status = body["status"]
        if self.status == "approved":
            self.said.add(str(body["by"]))
            if len(self.said) < self.quorum:
                self.status = "open"
