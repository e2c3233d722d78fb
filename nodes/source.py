"""The hash of a function's body, by which an approval and a flow's build know that it changed."""

from __future__ import annotations

import ast
import functools
import inspect
import json
import re
import textwrap
from collections.abc import Callable
from hashlib import sha256
from types import CodeType
from typing import Any, cast

from .shapes import is_frozenset


def digest(value: Any) -> str:
    """The hash of JSON-able data, the same for the same data.

    Args:
        value: JSON-able data; anything else in it counts by its text.
    """
    data = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return sha256(data.encode()).hexdigest()


def source_hash(fn: Callable[..., Any]) -> str:
    """The hash of a function's source without its decorators; of its bytecode where there is no source.

    Of an object that is called it is the hash of its class's ``__call__``; of a partial also what was given to it.

    Args:
        fn: the function, a bound method, or whatever else can be called.
    """
    inner = inspect.unwrap(fn)
    called = inspect.getattr_static(type(cast("object", inner)), "__call__", None)
    if isinstance(inner, functools.partial):
        return digest([source_hash(inner.func), _still(inner.args), _still(sorted(inner.keywords.items()))])
    if not isinstance(inner, type) and inspect.isfunction(called):
        return digest([source_hash(called), _still(inner)])
    try:
        lines = textwrap.dedent(inspect.getsource(inner)).splitlines()
        body = ast.parse("\n".join(lines)).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        code = getattr(inner, "__code__", None)
        return digest(_code(code) if code is not None else _still(inner))
    return digest("\n".join(lines[body.lineno - 1 :]))


def _still(value: object) -> str:
    """A value as text that is the same in every process: without the places in memory that a repr may tell."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _code(code: CodeType) -> list[Any]:
    return [code.co_code.hex(), [_constant(item) for item in code.co_consts], code.co_names, code.co_varnames]


def _constant(item: Any) -> Any:
    if isinstance(item, CodeType):
        return _code(item)
    if is_frozenset(item):
        return sorted(repr(part) for part in item)  # a set's own order changes from process to process
    return repr(item)
