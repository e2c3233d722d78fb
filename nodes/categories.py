"""The classifier: from an exception to its category, by type, by name and by HTTP status."""

from __future__ import annotations

import os
from typing import Any

from pydantic import ValidationError

from ..errors import is_library
from ..guards.outcomes import CATEGORIES, dotted
from .carried import carried
from .context import ToolError
from .outcome import ErrorRecord
from .sealing import cleaned

_STATUS = {
    408: "timeout",
    429: "rate_limited",
    500: "unavailable",
    502: "unavailable",
    503: "unavailable",
    504: "timeout",
    529: "unavailable",
}

_NAMES = {
    ("httpx", "TimeoutException"): "timeout",
    ("httpx", "TransportError"): "unavailable",
    ("requests", "Timeout"): "timeout",
    ("openai", "APITimeoutError"): "timeout",
    ("openai", "APIConnectionError"): "unavailable",
    ("anthropic", "APITimeoutError"): "timeout",
    ("anthropic", "APIConnectionError"): "unavailable",
    ("aiohttp", "ClientConnectionError"): "unavailable",
    ("urllib3", "TimeoutError"): "timeout",
    ("urllib3", "HTTPError"): "unavailable",
    ("socket", "gaierror"): "unavailable",
    ("langchain_core", "OutputParserException"): "invalid_output",
    ("langchain_core", "ToolException"): "declined",
    ("langchain_openai", "OpenAIRefusalError"): "model_refused",
    ("openai", "ContentFilterFinishReasonError"): "model_refused",
    ("openai", "LengthFinishReasonError"): "invalid_output",
}
"""By the package and name of a class, so that nothing needs to be imported; the nearest base counts."""

_CONTROL_FLOW = frozenset({"GraphInterrupt", "GraphBubbleUp"})


class Classifier:
    """Tells an exception's category; ``classify`` is the one in use."""

    def __init__(self) -> None:
        self._types: dict[type[BaseException], str] = {
            TimeoutError: "timeout",
            ConnectionError: "unavailable",
            ValidationError: "bug",
            ToolError: "declined",
        }

    def register(self, error: type[BaseException], category: str) -> None:
        """Gives a class of exceptions, and those under it, a category.

        Args:
            error: the class.
            category: one of ``guards.outcomes.CATEGORIES``.

        Raises:
            ValueError: there is no such category, or it is no class of exceptions.
        """
        if not (isinstance(error, type) and issubclass(error, BaseException)):
            raise ValueError(f"classify.register takes a class of exceptions, not {error!r}")
        if category not in CATEGORIES:
            raise ValueError(f"there is no category {category!r}; there are: {', '.join(CATEGORIES)}")
        self._types[error] = category

    def __call__(self, error: BaseException) -> str:
        """The category of an exception: of its nearest known class, else by its HTTP status, else ``bug``.

        Args:
            error: the exception.
        """
        status = _status(error)
        for cls in type(error).__mro__:
            found = self._types.get(cls) or _NAMES.get((cls.__module__.partition(".")[0], cls.__name__))
            if found is not None:
                return found
        return _STATUS.get(status, "bug") if status is not None else "bug"


classify = Classifier()
"""The classifier in use; ``classify.register(MyError, "unavailable")`` extends it."""


def _status(error: BaseException) -> int | None:
    """The HTTP status that an exception bears, by shape: ``status_code`` or ``response.status_code``."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "status", "code"):
            value: Any = getattr(holder, name, None)
            if isinstance(value, int) and not isinstance(value, bool) and 100 <= value < 600:
                return value
    return None


def error_record(error: BaseException, category: str | None = None, message: str | None = None) -> ErrorRecord:
    """An exception as data.

    Args:
        error: the exception.
        category: its category; by default the classifier's.
        message: what happened; by default the exception's text, or its name where it has none.
    """
    cls = type(error)
    return ErrorRecord(
        category or classify(error),
        cls.__name__,
        carried(cleaned(message if message is not None else str(error) or cls.__name__)),
        tuple(dotted(base) for base in cls.__mro__ if base is not object),
        raised_at(error),
    )


def raised_at(error: BaseException) -> str | None:
    """The author's line that an exception came through last, as ``file.py:line``; None where it met none.

    Args:
        error: the exception, raised and caught.
    """
    found: str | None = None
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith("<") and not is_library(name) and f"{os.sep}site-packages{os.sep}" not in name:
            found = f"{os.path.basename(name)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def is_control_flow(error: BaseException) -> bool:
    """Whether an exception is LangGraph's own control flow, which nobody may swallow.

    Args:
        error: the exception.
    """
    return any(cls.__name__ in _CONTROL_FLOW and cls.__module__.startswith("langgraph") for cls in type(error).__mro__)
