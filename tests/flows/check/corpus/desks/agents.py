"""Agents that call tools: a model proposes, the flow lets it or does not."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel

from guideway import NOT_DONE, End, FromState, Messages, fields, think, tool


class Chat(BaseModel):
    """A conversation, and for whom it is."""

    messages: Messages = []
    customer: str | None = None
    done: bool = False


t = fields(Chat)


@tool(effect="none")
def look_up(order: str) -> str:
    return f"order {order}"


@tool(effect="none")
def my_orders(customer: Annotated[str, FromState]) -> list[str]:
    return [customer]


def refunded(order: str) -> Any:
    """Asks the bank."""
    return f"refund of {order}" if order else NOT_DONE


@tool(effect="once", stakes="high", timeout=10.0, reconcile=refunded)
def refund(order: str) -> str:
    return f"refund of {order}"


@think(tools=[look_up])
def reader(messages: Messages) -> Messages:
    return messages


@think(tools=[look_up, refund])
def agent(messages: Messages) -> Messages:
    return messages


@think(tools=[my_orders])
def clerk(messages: Messages) -> Messages:
    return messages


answered = End("answered")
stopped = End("stopped", verdict="partial")
denied = End("denied", verdict="escalated")
