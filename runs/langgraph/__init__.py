"""The border to LangGraph: a flow compiled to a graph, and the saver. Nothing else imports langgraph."""

from __future__ import annotations

from .saver import Saver

__all__ = ["Saver"]
