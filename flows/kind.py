"""How a flow is known as one by the nodes that hold a flow: they are loaded before it, since it is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import TypeIs

if TYPE_CHECKING:
    from .flow import Flow


class FlowKind:
    """What every ``Flow`` derives from."""


def is_flow(value: object) -> TypeIs[Flow[Any]]:
    """Whether a value is a flow.

    Args:
        value: whatever an author gave.
    """
    return isinstance(value, FlowKind)
