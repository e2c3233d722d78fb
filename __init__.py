"""guideway: agents as explicit, checked, guarded state graphs.

The names below are the whole face; each is loaded when first used, so that ``import guideway`` and
authoring a flow load neither LangGraph nor langchain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for type checkers and editors; a test holds this, __all__ and _HOMES together
    from .errors import CheckFailed as CheckFailed
    from .errors import ConditionError as ConditionError
    from .errors import ConfigError as ConfigError
    from .errors import DecisionRefused as DecisionRefused
    from .errors import FlowError as FlowError
    from .errors import GateError as GateError
    from .errors import GuidewayError as GuidewayError
    from .errors import JournalBroken as JournalBroken
    from .errors import LeaseLost as LeaseLost
    from .errors import NodeError as NodeError
    from .errors import RequestNotFound as RequestNotFound
    from .errors import RunBusy as RunBusy
    from .errors import RunError as RunError
    from .errors import RunExists as RunExists
    from .errors import RunNotFound as RunNotFound
    from .errors import RunNotReady as RunNotReady
    from .errors import StateInvalid as StateInvalid
    from .errors import StoreError as StoreError
    from .errors import StoreForeign as StoreForeign
    from .errors import StoreLocked as StoreLocked
    from .errors import StoreNotFound as StoreNotFound
    from .errors import StoreReadOnly as StoreReadOnly
    from .errors import StoreTooNew as StoreTooNew
    from .errors import ToolMissing as ToolMissing
    from .errors import UnknownField as UnknownField
    from .errors import WouldDeadlock as WouldDeadlock

__all__ = [
    "CheckFailed",
    "ConditionError",
    "ConfigError",
    "DecisionRefused",
    "FlowError",
    "GateError",
    "GuidewayError",
    "JournalBroken",
    "LeaseLost",
    "NodeError",
    "RequestNotFound",
    "RunBusy",
    "RunError",
    "RunExists",
    "RunNotFound",
    "RunNotReady",
    "StateInvalid",
    "StoreError",
    "StoreForeign",
    "StoreLocked",
    "StoreNotFound",
    "StoreReadOnly",
    "StoreTooNew",
    "ToolMissing",
    "UnknownField",
    "WouldDeadlock",
]

_HOMES = {
    "CheckFailed": ".errors",
    "ConditionError": ".errors",
    "ConfigError": ".errors",
    "DecisionRefused": ".errors",
    "FlowError": ".errors",
    "GateError": ".errors",
    "GuidewayError": ".errors",
    "JournalBroken": ".errors",
    "LeaseLost": ".errors",
    "NodeError": ".errors",
    "RequestNotFound": ".errors",
    "RunBusy": ".errors",
    "RunError": ".errors",
    "RunExists": ".errors",
    "RunNotFound": ".errors",
    "RunNotReady": ".errors",
    "StateInvalid": ".errors",
    "StoreError": ".errors",
    "StoreForeign": ".errors",
    "StoreLocked": ".errors",
    "StoreNotFound": ".errors",
    "StoreReadOnly": ".errors",
    "StoreTooNew": ".errors",
    "ToolMissing": ".errors",
    "UnknownField": ".errors",
    "WouldDeadlock": ".errors",
}

if not TYPE_CHECKING:  # type checkers would believe that a module with __getattr__ has every name

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name not in _HOMES:
            raise AttributeError(f"module 'guideway' has no attribute {name!r}")
        value = getattr(import_module(_HOMES[name], __name__), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
