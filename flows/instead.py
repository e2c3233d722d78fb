"""What an author may have meant by something that a property cannot be about."""

from __future__ import annotations

from ..guards.limits import Limit
from ..guards.outcomes import Failed
from ..guards.path import Edge
from ..guards.when import When

_HINTS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (str, "Name the thing itself, not its name in quotes: never(pay)"),
    (Edge, "Name its gate, or its target: never(pay).unless(lead)"),
    (When, "Write the conditions themselves, without when(): never(pay).unless(t.total < 50)"),
    (Limit, "at_most_once(pay) counts starts; a limit stands on an edge"),
    (Failed, "Name the node that failures lead to"),
    ((list, set, frozenset), "Write several as a tuple: never((a, b))"),
)


def instead(thing: object) -> str:
    """What was found, told shortly, and what to write in its place.

    Args:
        thing: what stands where a node, a gate, an end or a condition should.
    """
    kind = type(thing).__name__
    plain = isinstance(thing, str | bool | int | float | list | set | frozenset | dict | type(None))
    told = f"about {thing!r} ({kind})" if plain else f"about a{'n' if kind[0] in 'AEIO' else ''} {kind}"
    hint = next((hint for kinds, hint in _HINTS if isinstance(thing, kinds)), "")
    return f"{told}. {hint}" if hint else told
