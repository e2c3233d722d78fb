"""What is proved about routing without a solver, and what is left open, said as it is."""

from __future__ import annotations

from collections.abc import Iterator

from ..rows import START
from .endings import untaken
from .graph import Graph, names_of
from .report import Proof


def not_proved(graph: Graph) -> Iterator[Proof]:
    """Whether conditions cover every case, where no solver is needed to see it.

    Args:
        graph: the flow's graph.
    """
    open_rows = [name for name in (START.name, *graph.nodes) if not _covers(graph, name)]
    text = "the edges of every row cover every case of an ok outcome"
    if open_rows:
        shown = ", ".join(repr(name) for name in open_rows[:3]) + ("" if len(open_rows) <= 3 else ", ...")
        text += f" (open: {shown}); end each of these rows with a bare target"
        if graph.solver:
            text += ", or install the solver, which proves more: pip install 'guideway[check]'"
        yield Proof(text, None, names_of(graph.path(open_rows[0])))
    else:
        yield Proof(text, True)


def _covers(graph: Graph, name: str) -> bool:
    """Whether a row surely has an edge for every ok outcome: a bare target, or one for each end of a subflow."""
    row, came = graph.flow.rows.get(name, ()), graph.ends.get(name, ())
    if any(route.match is None and not route.conditions for route in row):
        return True
    return bool(row and came) and not untaken(row, came)
