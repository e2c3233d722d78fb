"""Names of flows and apps on the command line: ``module:flow`` or ``path/file.py:flow``.

What runs is an App, or a function that makes one; the function may take ``store``, and gets the command's.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import os
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from ..errors import GuidewayError, StoreReadOnly
from ..flows.flow import Flow
from ..nodes.node import Node
from .failing import Broken, Usage, one_line, place_of

if TYPE_CHECKING:
    from ..runs.app import App
    from ..runs.store import Driving, SqliteStore

DEFAULT_STORE = "guideway.db"
ENVIRONMENT = "GUIDEWAY_STORE"


def load(target: str) -> Any:
    """What a target names.

    Args:
        target: ``module:name`` or ``path/file.py:name``; the name may be dotted.

    Raises:
        Usage: there is no such file, module or name.
        Broken: the module raises while it is imported.
        GuidewayError: the module's flow is written wrong.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise Usage(f"{target!r} names no flow: write module:name or path/file.py:name, such as desk.py:refund_desk")
    module = _from_file(place) if _is_file(place) else _from_name(place)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise Usage(f"{place} has no {name!r}: it has {_offer(module, name)}")
        found = getattr(found, part)
    if isinstance(found, Node):  # it can be called, and must not be
        raise Usage(
            f"{target} is the node {found.name!r} ({found.kind}), and was not called: name a Flow, an App, or a "
            "function that makes one"
        )
    return found


def flow_of(target: str) -> Flow[Any]:
    """The flow that a target names; an App's own, or that of the App which a function makes, in memory.

    Args:
        target: as ``load`` takes it.

    Raises:
        Usage: it names no flow.
    """
    found = load(target)
    if _is_flow(found):
        return found
    if _is_app(found):
        return found.flow  # type: ignore[no-any-return]  # told by its class just above
    if callable(found) and not isinstance(found, type):
        made = _made(target, found, None)
        made.close()
        return made.flow
    raise Usage(f"{target} is {_what(found)}, not a flow: name a Flow, such as `desk = Flow(...)`")


@contextmanager
def app_of(target: str, store: str | None, *, create: bool = False) -> Generator[App[Any]]:
    """The App that a target names, closed afterwards.

    Args:
        target: as ``load`` takes it.
        store: the command's ``--store``, None where it was not given.
        create: a store that is not there may be made.

    Raises:
        Usage: it names no App and no function that makes one, or ``--store`` cannot reach it.
        StoreError: the store cannot be used, or is not there and may not be made.
    """
    found = load(target)
    if isinstance(found, Flow):
        place, _, name = target.rpartition(":")
        raise Usage(
            f"{target} is a Flow, and what runs is an App: write in {place}\n"
            f"def app(store):\n    return {name}.compile(store=store, models={{...}}, roles={{...}})\n"
            f"and name {place}:app"
        )
    if _is_app(found):
        if store is not None and os.path.abspath(store) != found.store.path:
            raise Usage(
                f"--store {store} does not reach {target}: this App opened {found.store.path} itself. "
                "Name a function that makes the App from its parameter `store`"
            )
        app: App[Any] = found
    elif callable(found) and not isinstance(found, type):
        takes = "store" in _parameters(target, found)
        if store is not None and not takes:
            raise Usage(f"--store {store} does not reach {target}: give the function a parameter `store`")
        if takes and not create:
            open_store(store).close()  # what is asked of a store that is not there makes none
        app = _made(target, found, store_path(store))
    else:
        raise Usage(f"{target} is {_what(found)}, not an App: name an App, or a function that makes one")
    try:
        yield app
    except KeyboardInterrupt:
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # of tasks that now find the store closed
        app.store.close()  # the leases are let go; a node that goes on is not waited for
        raise
    except BaseException:
        app.close()
        raise
    app.close()


@contextmanager
def store_of(target: str | None, store: str | None) -> Generator[Driving]:
    """A store to read, closed afterwards: that of a target's App where one is named, else the command's.

    One that cannot be written is read as it is.

    Args:
        target: as ``load`` takes it, or None.
        store: the command's ``--store``, None where it was not given.

    Raises:
        StoreError: the store cannot be used, or is not there.
    """
    from ..runs.store import ArchivedStore

    with ExitStack() as stack:
        try:
            if target is not None:
                opened: Driving = stack.enter_context(app_of(target, store)).store
            else:
                opened = stack.enter_context(open_store(store))
        except StoreReadOnly as error:
            opened = stack.enter_context(closing(ArchivedStore(error.data["path"])))
        yield opened


def open_store(given: str | None) -> SqliteStore:
    """The command's store, which must be there.

    Args:
        given: the command's ``--store``.
    """
    from ..runs.store import SqliteStore

    return SqliteStore(store_path(given), create=False)


def store_path(given: str | None) -> str:
    """The store's path: the option, else GUIDEWAY_STORE, else ``guideway.db``.

    Args:
        given: the command's ``--store``.
    """
    return given or os.environ.get(ENVIRONMENT) or DEFAULT_STORE


def _made(target: str, make: Callable[..., Any], store: str | None) -> App[Any]:
    parameters = _parameters(target, make)
    needed = [
        name
        for name, item in parameters.items()
        if name != "store"
        and item.default is inspect.Parameter.empty
        and item.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    ]
    if needed:
        raise Usage(f"{target} needs {', '.join(needed)}: a function that makes an App takes `store` or nothing")
    made = _guarded(target, lambda: make(store=store) if "store" in parameters else make())
    if not _is_app(made):
        raise Usage(f"{target} gave {_what(made)}, not an App: return flow.compile(...)")
    return made  # type: ignore[no-any-return]  # told by its class just above


def _parameters(target: str, make: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(make).parameters)
    except (TypeError, ValueError):
        raise Usage(f"{target} is {_what(make)}, not an App: name an App, or a function that makes one") from None


def _is_file(place: str) -> bool:
    return place.endswith(".py") or os.sep in place or os.path.isdir(place)


def _from_file(place: str) -> Any:
    path = os.path.abspath(place)
    if os.path.isdir(path) or not path.endswith(".py"):
        raise Usage(f"{place} is not a Python file: write path/file.py:name, or module:name")
    if not os.path.isfile(path):
        raise Usage(f"there is no file {place}")
    root, name = _package_root(path)
    for folder in (os.getcwd(), root):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    if "." in name:
        return _guarded(place, lambda: importlib.import_module(name))
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == path:
        return known
    spec = importlib.util.spec_from_file_location(f"{name}_" if known is not None else name, path)
    loader = None if spec is None else spec.loader
    assert spec is not None
    assert loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        _guarded(place, lambda: loader.exec_module(module))
    except BaseException:
        del sys.modules[spec.name]  # half a module is not found by the next who asks
        raise
    return module


def _package_root(path: str) -> tuple[str, str]:
    """The folder to import from and the dotted name: packages around the file are kept, up to the working folder."""
    folder, parts = os.path.dirname(path), [os.path.basename(path).removesuffix(".py")]
    while os.path.isfile(os.path.join(folder, "__init__.py")) and folder != os.getcwd():
        parts.insert(0, os.path.basename(folder))
        folder = os.path.dirname(folder)
    return folder, ".".join(parts) if all(part.isidentifier() for part in parts) else parts[-1]


def _from_name(place: str) -> Any:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    if not _guarded(place, lambda: _is_there(place)):
        raise Usage(f"there is no module {place!r} here; for a file write path/file.py:name")
    return _guarded(place, lambda: importlib.import_module(place))


def _is_there(place: str) -> bool:
    try:
        return importlib.util.find_spec(place) is not None
    except ModuleNotFoundError as error:
        if error.name is not None and f"{place}.".startswith(f"{error.name}."):
            return False  # a package above it is not there
        raise
    except ValueError:  # the name is none
        return False


def _guarded(what: str, work: Callable[[], Any]) -> Any:
    """The author's code, run so that its mistakes are told with their place."""
    try:
        return work()
    except (GuidewayError, KeyboardInterrupt):
        raise
    except (Exception, SystemExit) as error:
        raise _broken(what, error) from error


def _broken(what: str, error: BaseException) -> Broken:
    if isinstance(error, SyntaxError) and error.filename:
        place, said = f"{os.path.basename(error.filename)}:{error.lineno}", f"{type(error).__name__}: {error.msg}"
    else:
        place, said = place_of(error.__traceback__), one_line(error)
    return Broken(f"{place}: {said} ({what} was being loaded). Add --traceback to see all of it")


def _is_flow(found: Any) -> TypeGuard[Flow[Any]]:
    return isinstance(found, Flow)


def _is_app(found: Any) -> bool:
    """Whether it is an App; the room of runs is not loaded for asking."""
    runs = sys.modules.get(Flow.__module__.replace(".flows.flow", ".runs.app"))
    return runs is not None and isinstance(found, runs.App)


def _offer(module: Any, name: str) -> str:
    named = cast("dict[str, Any]", module.__dict__)
    found = sorted(key for key, value in named.items() if isinstance(value, Flow) or _is_app(value) or _makes(value))
    near = get_close_matches(name, found, n=1)
    return (", ".join(found) or "no flow and no App") + (f". Did you mean {near[0]!r}?" if near else "")


def _makes(value: Any) -> bool:
    """Whether it looks like a function that makes an App."""
    return inspect.isfunction(value) and "store" in inspect.signature(value).parameters


def _what(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    kind = type(value).__name__
    return f"an {kind}" if kind[:1] in "aeiouAEIOU" else f"a {kind}"
