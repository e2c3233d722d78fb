"""``@compute``: pure Python on the state, safe to run again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, overload

from ..errors import NodeError, caller
from .execution import Job, invoke
from .node import Kind, Node, P, R
from .options import check_options
from .outcome import Outcome
from .signature import MISSING, Signature, read_signature

_OPTIONS = ("name", "writes")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Compute(Node[P, R]):
    """Pure Python on the state; see ``compute``."""

    kind: ClassVar[Kind] = "compute"

    async def perform(self, job: Job) -> Outcome:
        """Calls the function here and now, and writes what it returns."""
        assert self.fn is not None
        return job.write(await invoke(self.fn, job.arguments()))


@overload
def compute(fn: Callable[P, R], /, *, writes: str | None = None, name: str | None = None) -> Compute[P, R]: ...
@overload
def compute(*, writes: str | None = None, name: str | None = None) -> Callable[[Callable[P, R]], Compute[P, R]]: ...
def compute(fn: Any = None, /, **options: Any) -> Any:
    """Makes a function of state fields a node: pure Python, sync or async, safe to run again.

    Its parameters are the state fields that it reads. It gets copies. A sync function runs on the loop and holds
    up all else there: while a long one works, nothing goes on side by side, whatever ``at_once`` says. Make such a
    one async, or a ``tool``, whose sync functions run in threads.

    Args:
        fn: the function.
        writes: the state field that the returned value is stored in; without it the function returns a
            BaseModel or TypedDict, which is spread over the fields of its names.
        name: the node's name; by default the function's.

    Raises:
        NodeError: the function's signature or the options do not fit a node.
    """
    where = caller()
    check_options(options, _OPTIONS, "@compute", where)

    def decorate(fn: Callable[..., Any]) -> Compute[..., Any]:
        signature = read_signature(fn, "@compute", where)
        writes = options.get("writes")
        require_returns(signature, f"@compute {fn.__name__}", where)
        name = options.get("name") or fn.__name__
        return Compute(name=name, fn=fn, params=signature.params, writes=writes, returns=signature.returns, line=where)

    return decorate if fn is None else decorate(fn)


def require_returns(signature: Signature, title: str, where: str | None) -> None:
    """Refuses a function that does not say what it returns.

    Args:
        signature: the function's.
        title: what it is, for the message.
        where: the author's place.

    Raises:
        NodeError: the return annotation is missing.
    """
    if signature.returns is MISSING:
        raise NodeError(f"{title} does not say what it returns: add '-> <type>'", where=where)
