"""Which edges of a row can pass in one state, and which cannot: by trying all cases, else by asking the solver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from ...guards.evaluation import holds
from ...guards.expressions import Formula, conjunction
from ...guards.rules import reads_of
from ...guards.solving import Bit
from ...guards.symbolic import Logic, Sat, Symbols
from .feasible import functions
from .partition import Values, table


class Oracle(Protocol):
    """Says which edges can pass together."""

    def can(self, passing: Sequence[int], failing: Sequence[int]) -> bool | None:
        """Whether there is a state in which some edges pass and others do not; None where that is open.

        Args:
            passing: the places of edges.
            failing: the places of others.
        """
        ...

    def case(self, passing: Sequence[int], failing: Sequence[int]) -> Values | None:
        """Such a state; None where none is known.

        Args:
            passing: the places of edges.
            failing: the places of others.
        """
        ...


class Tried:
    """All cases were tried.

    Args:
        rows: which edges pass together, as bits, each with values of fields.
    """

    def __init__(self, rows: Mapping[int, Values]) -> None:
        self._rows = rows

    def can(self, passing: Sequence[int], failing: Sequence[int]) -> bool | None:
        """See ``Oracle``."""
        return self.case(passing, failing) is not None

    def case(self, passing: Sequence[int], failing: Sequence[int]) -> Values | None:
        """See ``Oracle``."""
        wanted, unwanted = (sum(1 << place for place in places) for places in (passing, failing))
        found = (values for bits, values in self._rows.items() if bits & wanted == wanted and not bits & unwanted)
        return next(found, None)


class Asked:
    """The solver is asked, and what it says is possible is confirmed by evaluation.

    Args:
        symbols: of the state.
        edges: the conditions of each edge.
        types: of fields that were just written, the type of what was written.
    """

    def __init__(self, symbols: Symbols, edges: Sequence[Sequence[Formula]], types: Mapping[str, Any]) -> None:
        self._symbols = symbols
        self._edges = [conjunction(edge) if edge else None for edge in edges]
        self._reads = sorted(
            frozenset[str]().union(*(reads_of(tree, symbols.model) for tree in self._edges if tree is not None))
        )
        self._types = {name: annotation for name, annotation in types.items() if name in self._reads}
        self._open = any(any(functions(tree)) for tree in self._edges if tree is not None)
        self._answers: dict[tuple[frozenset[int], frozenset[int]], bool | None] = {}

    def can(self, passing: Sequence[int], failing: Sequence[int]) -> bool | None:
        """See ``Oracle``."""
        return self._answer(frozenset(passing), frozenset(failing))

    def case(self, passing: Sequence[int], failing: Sequence[int]) -> Values | None:
        """See ``Oracle``."""
        asked = frozenset(passing), frozenset(failing)
        if self._answer(*asked):
            found = Sat(self._symbols, tuple(self._wanted(*asked)), small=True)
            for values in found.every({"": dict.fromkeys(self._reads, 0)}):
                if self._open or self._confirmed(values[""], passing, failing):
                    return values[""]
        return None

    def _answer(self, passing: frozenset[int], failing: frozenset[int]) -> bool | None:
        """What the solver says; what it said of more, or of less, is used again."""
        if any(self._edges[place] is None for place in failing):
            return False
        for (passed, failed), answer in self._answers.items():
            if answer is False and passed <= passing and failed <= failing:
                return False
            if answer and passing <= passed and failing <= failed:
                return True
        if (passing, failing) not in self._answers:
            found = self._symbols.can(self._wanted(passing, failing), self._about)
            self._answers[passing, failing] = found
        return self._answers[passing, failing]

    @cached_property
    def _typed(self) -> list[Logic]:
        return [self._symbols.typed(name, 0, annotation) for name, annotation in self._types.items()]

    @cached_property
    def _passes(self) -> list[tuple[Logic, Logic] | None]:
        """Of each edge with conditions, that they pass, and that they do not."""
        true = [None if tree is None else self._symbols.truth(tree, {}).true for tree in self._edges]
        return [None if item is None else (item, ~item) for item in true]

    @cached_property
    def _about(self) -> list[Bit]:
        """What is known of all that the row is about, for every question the same."""
        wanted = (*self._typed, *(item[0] for item in self._passes if item is not None))
        return self._symbols.facts(wanted).all()

    def _wanted(self, passing: frozenset[int], failing: frozenset[int]) -> list[Logic]:
        edges = ((self._passes[place], place in failing) for place in sorted(passing | failing))
        return [*self._typed, *(item[fails] for item, fails in edges if item is not None)]

    def _confirmed(self, values: Values, passing: Sequence[int], failing: Sequence[int]) -> bool:
        state = self._symbols.model.model_construct(**values)
        tools = self._symbols.tools
        held = {place: tree is None or holds(tree, state, tools) is True for place, tree in enumerate(self._edges)}
        return all(held[place] for place in passing) and not any(held[place] for place in failing)


class Oracles:
    """The oracles of a flow's rows, one for all rows of the same conditions.

    Args:
        symbols: of the flow's state.
    """

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols
        self._made: dict[Any, Oracle] = {}

    def of(self, edges: Sequence[Sequence[Formula]], types: Mapping[str, Any]) -> Oracle:
        """The oracle of a row.

        Args:
            edges: the conditions of each edge.
            types: of fields that were just written, the type of what was written.
        """
        key = (tuple(map(tuple, edges)), tuple((name, repr(types[name])) for name in sorted(types)))
        if key not in self._made:
            rows = table(self._symbols.model, edges, types)
            self._made[key] = Asked(self._symbols, edges, types) if rows is None else Tried(rows)
        return self._made[key]
