"""Checks of a flow before it runs, one file per kind of proof. None of them needs a solver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import CheckFailed
from .report import Facts, Finding, Proof, Report, arranged

if TYPE_CHECKING:
    from ..flow import Flow

__all__ = ["Facts", "Finding", "Proof", "Report", "check", "refuse_errors"]


def check(flow: Flow[Any], *, strict: bool = False) -> Report:
    """Checks a flow without running it.

    Args:
        flow: the flow.
        strict: warnings count as errors.
    """
    return Report(flow.name, arranged([], flow.accepts), strict=strict)


def refuse_errors(flow: Flow[Any]) -> None:
    """Refuses a flow that has errors which its author did not accept.

    Args:
        flow: the flow.

    Raises:
        CheckFailed: there are errors; ``data["findings"]`` holds them all.
    """
    errors = check(flow).failures
    if errors:
        told = "\n".join(f"  {item}" for item in errors)
        raise CheckFailed(
            f"flow {flow.name!r} cannot be compiled, {len(errors)} of its checks failed:\n{told}",
            where=flow.line,
            findings=errors,
        )
