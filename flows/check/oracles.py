"""Which edges of a row can pass in one state, and which cannot: by trying all cases, else by asking the solver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ...guards.evaluation import holds
from ...guards.expressions import Formula, conjunction
from ...guards.rules import reads_of
from ...guards.symbolic import Logic, Sat, Symbols, Unsat
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
        self._answers: dict[tuple[frozenset[int], frozenset[int]], Sat | bool | None] = {}

    def can(self, passing: Sequence[int], failing: Sequence[int]) -> bool | None:
        """See ``Oracle``."""
        found = self._answer(passing, failing)
        return isinstance(found, Sat) or found

    def case(self, passing: Sequence[int], failing: Sequence[int]) -> Values | None:
        """See ``Oracle``."""
        found = self._answer(passing, failing)
        if isinstance(found, Sat):
            for values in found.every({"": dict.fromkeys(self._reads, 0)}):
                if self._open or self._confirmed(values[""], passing, failing):
                    return values[""]
        return None

    def _answer(self, passing: Sequence[int], failing: Sequence[int]) -> Sat | bool | None:
        """What the solver says; what it said of more, or of less, is used again."""
        asked = frozenset(passing), frozenset(failing)
        if any(self._edges[place] is None for place in failing):
            return False
        for (passed, failed), answer in self._answers.items():
            if answer is False and passed <= asked[0] and failed <= asked[1]:
                return False
            if isinstance(answer, Sat) and asked[0] <= passed and asked[1] <= failed:
                return answer
        if asked not in self._answers:
            self._answers[asked] = self._ask(*asked)
        return self._answers[asked]

    def _ask(self, passing: frozenset[int], failing: frozenset[int]) -> Sat | bool | None:
        wanted: dict[Any, Logic] = {
            name: self._symbols.typed(name, 0, annotation) for name, annotation in self._types.items()
        }
        for place in sorted(passing | failing):
            tree = self._edges[place]
            if tree is not None:
                true = self._symbols.truth(tree, {}).true
                wanted[place] = true if place in passing else ~true
        found = self._symbols.solve(wanted)
        return found if isinstance(found, Sat) else False if isinstance(found, Unsat) else None

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
