"""The codes of the checks; docs/checks/ has a page for each, with a faulty flow and its repair."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from .report import Finding

if TYPE_CHECKING:
    from ..flow import Flow

CODES = {
    "F001": "a code that there is not is accepted",
    "F101": "a node that no run can reach",
    "F102": "a node without a row",
    "F103": "a row with edges for failures alone",
    "F104": "nodes from which no end can be reached",
    "F105": "branches without one place where they join",
    "F106": "an edge that no end of a subflow comes to",
    "F107": "an end of a subflow without a way on",
    "F201": "a case without an edge",
    "F202": "a case without an edge once a limit is used up",
    "F203": "an edge that nothing can take",
    "F204": "an edge that those before it hide",
    "F205": "edges whose order decides",
    "F206": "a case that may be without an edge",
    "F301": "a value that a parameter does not take",
    "F302": "a value that a parameter may not take",
    "F303": "a node that must be told why it was reached, and is reached without a reason",
    "F304": "parallel branches that write one field",
    "F305": "a value that does not fit where it is handed over",
    "F401": "a cycle that nothing bounds",
    "F402": "a cycle that only people bound",
    "F403": "a way out that the budget keeps too little for",
    "F404": "a way for failures that leads back to itself",
    "F405": "an end that the budget can never pay for",
    "F406": "a cycle whose ways out ask about what never changes on it",
    "F407": "how long a run can work and wait",
    "F501": "a way into a high-stakes node without an approval",
    "F502": "a high-stakes tool that a model can call without an approval",
    "F503": "an approval that is not asked in some case",
    "F504": "a high-stakes node that runs for every item without an approval",
    "F505": "text from outside in a high-stakes call at which nobody looks",
    "F506": "an action that can run after a no without a new decision",
    "F507": "what has been done when a run comes to an end",
    "F601": "an effect whose result may stay unknown",
    "F602": "an edge for a failure that cannot happen",
    "F603": "a way back to a once call with the arguments that it had",
    "F701": "a property that does not hold",
    "F702": "a property that does not hold where something fails",
    "F703": "a property that is not proved, and is enforced",
}
"""What each code means, in a line."""


def unknown_codes(flow: Flow[Any]) -> Iterator[Finding]:
    """F001: ``accepts=`` names a code that there is not, so it accepts nothing.

    Args:
        flow: the flow.
    """
    for code in flow.accepts:
        if code not in CODES:
            near = get_close_matches(code, CODES, 1)
            hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(CODES)}"
            yield Finding(
                "F001", "warning", f"accepts= of flow {flow.name!r} names {code!r}, which is no code. {hint}", flow.line
            )
