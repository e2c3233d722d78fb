"""What the house's tests read: the repository's files, and the library's modules with what they import."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FACE = ("__init__.py", "errors.py")
ROOMS = ("guards", "nodes", "flows", "runs", "testing", "viz", "cli")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """One import: where it stands, what it loads, and when."""

    file: str
    line: int
    target: str  # a dotted name; the library's own modules start with "guideway"
    function: str | None  # the innermost function around it; None at the module's level
    typing: bool  # under `if TYPE_CHECKING:`, so that it never runs

    @property
    def place(self) -> str:
        """Where it stands, for a message."""
        return f"{self.file}:{self.line}"


@cache
def project() -> dict[str, Any]:
    """The project's own pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@cache
def files() -> tuple[str, ...]:
    """Every file that belongs to the repository, tracked or about to be; all but the caches where there is no git."""
    if (ROOT / ".git").exists():
        listing = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        names = sorted({name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()})
    else:
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        hidden = re.compile(r"(^|/)(__pycache__/|[^/]+\.egg-info/|build/|dist/|\.(?!ci/|gitignore$))")
        names = sorted(str(path) for path in found if not hidden.search(str(path)))
    return tuple(names)


@cache
def library() -> tuple[str, ...]:
    """The library's own modules: the face, the errors and every .py file of a room."""
    return tuple(name for name in files() if name in FACE or (name.endswith(".py") and name.split("/")[0] in ROOMS))


@cache
def tree(name: str) -> ast.Module:
    """A repository file, parsed."""
    return ast.parse((ROOT / name).read_text(), name)


def module_of(name: str) -> str:
    """The dotted name of a library file: ``flows/flow.py`` is ``guideway.flows.flow``."""
    parts = ["guideway", *name.removesuffix(".py").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, str]:
    """Every module of the library by dotted name, with its file."""
    return {module_of(name): name for name in library()}


def room_of(module: str) -> str:
    """The room that a module of the library is in: ``guideway.flows.flow`` is in ``flows``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


@cache
def imports() -> tuple[Import, ...]:
    """Every import of the library, relative ones resolved, those in functions and for type checkers included."""
    return tuple(found for name in library() for found in imports_in(name))


def imports_in(name: str, source: ast.Module | None = None) -> Iterator[Import]:
    """The imports of one file of the library, or of another source as if it stood there."""
    package = module_of(name) if name.endswith("__init__.py") else module_of(name).rpartition(".")[0]
    yield from _walk(source or tree(name), name, package, None, typing=False)


def _walk(node: ast.AST, file: str, package: str, function: str | None, *, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        for target in _targets(child, package):
            yield Import(file, getattr(child, "lineno", 0), target, function, typing)
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yes = ast.unparse(child.test).endswith("TYPE_CHECKING") and not isinstance(child.test, ast.UnaryOp)
            for part, hidden in ((child.body, yes), (child.orelse, not yes)):
                yield from _walk(ast.Module(part, []), file, package, function, typing=typing or hidden)
            continue
        inner = child.name if isinstance(child, Function) else function
        yield from _walk(child, file, package, inner, typing=typing)


def _targets(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, base] if base else above)
        for alias in node.names:
            deeper = f"{base}.{alias.name}"
            yield deeper if deeper in modules() else base
    elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}:
        for name in [str(part.value) for part in node.args[:1] if isinstance(part, ast.Constant)]:
            yield resolve_name(name, package)


def functions(name: str) -> Iterator[tuple[str, Function]]:
    """Every function of a file, nested ones too, with the names around it."""
    yield from _functions(tree(name), "")


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield prefix + child.name, child
            yield from _functions(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)


def undocumented(name: str) -> Iterator[str]:
    """The public things of a file that have no docstring: the module, its classes, functions and methods."""
    if not ast.get_docstring(tree(name)):
        yield f"{name}:1: the module"
    yield from _undocumented(tree(name), name, "")


def _undocumented(node: ast.Module | ast.ClassDef | ast.If, file: str, prefix: str) -> Iterator[str]:
    for child in node.body:
        if isinstance(child, ast.If):
            yield from _undocumented(child, file, prefix)
        if not isinstance(child, Function | ast.ClassDef) or child.name.startswith("_"):
            continue
        marks = {ast.unparse(mark).split(".")[-1] for mark in child.decorator_list}
        if not ast.get_docstring(child) and not marks & {"overload", "setter", "deleter"}:
            yield f"{file}:{child.lineno}: {prefix}{child.name}"
        if isinstance(child, ast.ClassDef):
            yield from _undocumented(child, file, f"{prefix}{child.name}.")


def examples(count: int) -> int:
    """How many examples of a law are looked at: so many in the default run, many more in `make torture`.

    Args:
        count: by default.
    """
    return count * int(os.environ.get("GUIDEWAY_EXAMPLES", "1"))
