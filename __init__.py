"""guideway: agents as explicit, checked, guarded state graphs.

The names below are the whole face; each is loaded when first used, so that ``import guideway`` and
authoring a flow load neither LangGraph nor langchain.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass

_HOMES: dict[str, str] = {}

__all__ = sorted(_HOMES)  # type: ignore[misc]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'guideway' has no attribute {name!r}")
    value = getattr(import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOMES))
