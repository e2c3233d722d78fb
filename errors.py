"""Every exception that guideway raises, as one tree.

    GuidewayError
    ├── FlowError               the flow, or a part of it, is written wrong
    │   ├── UnknownField        a condition or node names a field that the state does not have
    │   ├── ConditionError      a condition that cannot mean what it says
    │   ├── NodeError           a node whose signature or options do not fit
    │   ├── GateError           a gate without its ways, or a way that is none
    │   ├── ConfigError         a model, a role mapping or an option that is missing or unknown
    │   └── CheckFailed         compile refused a flow; holds the findings
    ├── StateInvalid            an input or a write that does not validate; the state stays as it was
    ├── RunError                a run cannot do what was asked; holds the run's id
    │   ├── RunNotFound
    │   ├── RunExists
    │   ├── RunBusy             another process drives the run; names the holder
    │   ├── LeaseLost           this process no longer drives the run and committed nothing
    │   ├── RunNotReady         the run's status does not allow this (an ended run is not resumed, ...)
    │   ├── RequestNotFound
    │   └── DecisionRefused     a decision that does not count: late, wrong role, wrong digest, ...
    ├── StoreError              the store cannot be used; holds its path
    │   ├── StoreNotFound
    │   ├── StoreLocked
    │   ├── StoreReadOnly
    │   ├── StoreTooNew         written by a newer guideway
    │   ├── StoreForeign        a file that is not a guideway store
    │   └── JournalBroken       a row that does not decode or does not fit the chain; names the row
    ├── WouldDeadlock           the sync face was called from guideway's own loop
    └── ToolMissing             an optional program or package is needed; says what to install
        └── SolverMissing       the solver of the checks is not installed

A message says what is wrong, where, what was found, and the way out. An error with a place in an
author's file prints as ``desk.py:41: UnknownField: t.confidance: ...``.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import Any

_ROOM = os.path.dirname(os.path.abspath(__file__))


class GuidewayError(Exception):
    """Root of the tree.

    Args:
        message: what is wrong, what was found, and the way out.
        where: the author's place, as ``file.py:line``; printed in front with the error's name.
        data: what a program may want to read from the error, by name.
    """

    def __init__(self, message: str, *, where: str | None = None, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.data = data

    def __str__(self) -> str:
        if self.where is None:
            return self.message
        return f"{self.where}: {type(self).__name__}: {self.message}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.where, self.data)


def _rebuild(cls: type[GuidewayError], message: str, where: str | None, data: dict[str, Any]) -> GuidewayError:
    return cls(message, where=where, **data)


def caller() -> str | None:
    """The nearest place outside guideway on the stack, as ``file.py:line``; None where there is none."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        path = os.path.abspath(name)
        if not name.startswith("<") and not is_library(path) and not _installed(path):
            return f"{os.path.basename(path)}:{frame.f_lineno}"
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None


def _installed(path: str) -> bool:
    return path.startswith(_NOT_AUTHORS) and not path.startswith(_ROOM + os.sep)


def is_library(path: str) -> bool:
    """Whether a source file belongs to guideway's own rooms (tests, examples and benchmarks do not)."""
    if not path.startswith(_ROOM + os.sep):
        return False
    inside = path[len(_ROOM) + 1 :]
    return inside.split(os.sep, 1)[0] in _ROOMS and not inside.startswith(_SHIPPED_FLOWS)


_NOT_AUTHORS = tuple(
    {os.path.dirname(os.path.abspath(os.__file__)) + os.sep, sysconfig.get_paths()["purelib"] + os.sep}
)
"""Python's own library and what is installed: no author's file is there."""
_SHIPPED_FLOWS = os.path.join("cli", "demo", "refund_desk")
"""A flow that ships with guideway is an author's file like any other."""
_ROOMS = frozenset({"__init__.py", "errors.py", "guards", "nodes", "flows", "runs", "testing", "viz", "cli"})


class FlowError(GuidewayError):
    """A flow, or a part of it, is written wrong."""


class UnknownField(FlowError):
    """A field that the state does not have is named."""


class ConditionError(FlowError):
    """A condition cannot mean what it says."""


class NodeError(FlowError):
    """A node's signature or options do not fit."""


class GateError(FlowError):
    """A gate lacks a way, or has one that it cannot take."""


class ConfigError(FlowError):
    """Something that a flow needs to run is missing or unknown: a model, roles, an option."""


class CheckFailed(FlowError):
    """compile refused a flow; ``data["findings"]`` holds the findings."""


class StateInvalid(GuidewayError):
    """An input or a write does not validate; the state stays as it was."""


class RunError(GuidewayError):
    """A run cannot do what was asked; ``data["run"]`` is its id."""


class RunNotFound(RunError):
    """No run of that id is in the store."""


class RunExists(RunError):
    """A run of that id is in the store already."""


class RunBusy(RunError):
    """Another holder drives the run; ``data["holder"]`` names it."""


class LeaseLost(RunError):
    """This process no longer drives the run; nothing was committed."""


class RunNotReady(RunError):
    """The run's status does not allow what was asked; ``data["status"]`` is the status."""


class RequestNotFound(RunError):
    """No request of that id is in the store."""


class DecisionRefused(RunError):
    """A decision that does not count; ``data["reason"]`` is one word for why."""


class StoreError(GuidewayError):
    """The store cannot be used; ``data["path"]`` is its path."""


class StoreNotFound(StoreError):
    """The store's file or folder does not exist."""


class StoreLocked(StoreError):
    """Another program holds the store's file."""


class StoreReadOnly(StoreError):
    """The store's file or folder cannot be written."""


class StoreTooNew(StoreError):
    """The store was written by a newer guideway."""


class StoreForeign(StoreError):
    """The file is not a guideway store."""


class JournalBroken(StoreError):
    """A journal row does not decode or does not fit the chain; ``data["row"]`` names it."""


class WouldDeadlock(GuidewayError):
    """The sync face was called from guideway's own loop."""


class ToolMissing(GuidewayError):
    """An optional program or package is needed; the message says what to install."""


class SolverMissing(ToolMissing):
    """The solver of the checks is not installed."""
