"""``End``: where a run ends, and with what verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from ..errors import FlowError, caller
from ..guards.conditions import Condition, condition
from ..guards.target import Target

Verdict = Literal["success", "partial", "escalated", "failed"]


class End(Target):
    """A terminal with a verdict.

    Args:
        name: its name, unique in the flow.
        verdict: success, partial, escalated or failed.
        succeeds_if: what must be known to be true for the verdict to be a success; where it is not, the
            run ends here with the verdict ``failed``, and says so.

    Raises:
        FlowError: no name, or an unknown verdict.
    """

    def __init__(
        self,
        name: str,
        *,
        verdict: Verdict = "success",
        succeeds_if: bool | Condition | Callable[..., bool] | None = None,
    ) -> None:
        self.line = caller()
        if not isinstance(name, str) or not name.strip():  # pyright: ignore[reportUnnecessaryIsInstance]  # authors without a type checker
            raise FlowError(f"End({name!r}) needs a name", where=self.line)
        if verdict not in get_args(Verdict):
            raise FlowError(
                f"End({name!r}, verdict={verdict!r}): a verdict is one of {', '.join(get_args(Verdict))}",
                where=self.line,
            )
        if succeeds_if is not None and verdict != "success":
            raise FlowError(
                f"End({name!r}): succeeds_if= belongs to the verdict 'success', not to {verdict!r}", where=self.line
            )
        self.name = name
        self.verdict: Verdict = verdict
        self.succeeds_if = None if succeeds_if is None else condition(succeeds_if)
