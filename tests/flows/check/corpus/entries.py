"""The entries of the corpus: flows with a known mistake, and sound ones that look as if they had one.

An entry is a module. A faulty one, ``faulty/<code>_<what>.py``, says the mistake in its docstring and holds ``flow``
and ``EXPECTED``:

    EXPECTED = {
        "code": "F301", "severity": "error",    # what the check must find, once (or "count" times)
        "path": ("START", "read", "find"),      # the path of the finding
        "example": {"input": {...}},            # a part of the example, or None: nothing is claimed of it
        "also": ("F503",),                      # what it must find besides; of errors and warnings nothing else
    }

A code that is a line of the report and no finding says what is in it: ``"says": ("working time (F407): ...",)``.
An error's example is carried out once more, by the App. Where that needs more than the example tells, the entry says:

    INPUT = {"text": "a"}                       # the run's input, where the example has none
    GIVES = {"find": ["7", LookupError("no")]}  # what a node gives, time after time: a value, a model's reply, an error
    NOES = {"lead": ["denied", None]}           # what a gate says, time after time; None is a yes
    def shown(ran): ...                         # asserts what is to be seen of the mistake, where the code does not say

A sound one, ``sound/<what>.py``, holds ``flow`` and, where there are any, ``WARNINGS``: the codes it states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from guideway.flows.check import CODES

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Entry:
    """One flow of the corpus.

    Args:
        name: its module's.
        says: its docstring.
        flow: the flow.
        expected: what must be found.
        input: the run's input, where the example has none.
        gives: what nodes give, where the example does not tell.
        noes: what gates say, where the example does not tell.
        shown: asserts what is to be seen in a run; None: what the code says.
        warnings: the warnings that a sound one states.
    """

    name: str
    says: str
    flow: Any
    expected: Mapping[str, Any] = field(default_factory=dict[str, Any])
    input: Mapping[str, Any] = field(default_factory=dict[str, Any])
    gives: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Any])
    noes: Mapping[str, Sequence[str | None]] = field(default_factory=dict[str, Any])
    shown: Any = None
    warnings: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """The code that it stands for."""
        return str(self.expected["code"])


def names(kind: str) -> list[str]:
    """The names of all entries of a kind.

    Args:
        kind: ``faulty`` or ``sound``.
    """
    return sorted(path.stem for path in (HERE / kind).glob("*.py"))


def known(name: str) -> bool:
    """Whether the code that a faulty entry's name begins with is one that the checks have.

    Args:
        name: the entry's.
    """
    return name.partition("_")[0] in CODES


def entry(kind: str, name: str) -> Entry:
    """An entry, loaded.

    Args:
        kind: ``faulty`` or ``sound``.
        name: its module's.
    """
    module = import_module(f"tests.flows.check.corpus.{kind}.{name}")
    return Entry(
        name,
        (module.__doc__ or "").strip(),
        module.flow,
        getattr(module, "EXPECTED", {}),
        getattr(module, "INPUT", {}),
        getattr(module, "GIVES", {}),
        getattr(module, "NOES", {}),
        getattr(module, "shown", None),
        getattr(module, "WARNINGS", ()),
    )
