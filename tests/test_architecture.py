"""The rooms and their rules (DESIGN, section 3), kept by reading the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator

import networkx as nx
import pytest

from tests import house

MAY_IMPORT = {
    "__init__": {"errors", *house.ROOMS},
    "errors": set(),
    "guards": {"errors"},
    "nodes": {"errors", "guards"},
    "flows": {"errors", "guards", "nodes"},
    "runs": {"errors", "guards", "nodes", "flows"},
    "testing": {"errors", "guards", "nodes", "flows", "runs"},
    "viz": {"errors", "guards", "nodes", "flows", "runs"},
    "cli": {"errors", "guards", "nodes", "flows", "runs", "testing", "viz"},
}
"""Which rooms a room may import beside itself."""

DOORS = {
    ("flows/flow.py", "draw"): "viz",
    ("flows/flow.py", "compile"): "runs",
}
"""The functions that load a room above their own, when they are called; their file may name its types."""

LAZY = {"cryptography", "jsonschema", "langchain", "langchain_core", "langgraph", "langsmith", "mcp"}
"""What only a function may load, and only where it is needed, so that authoring a flow stays light."""

PROVIDES = {"pydantic": {"pydantic", "pydantic_core"}}
"""What a dependency is imported as, where that is more than its own name with underscores."""

OPTIONAL = {"langchain", "mcp", "z3"}
"""What is used when it is there and asked for with a clear error when it is not."""

MODULE_LINES, FUNCTION_LINES = 400, 60


def is_door(found: house.Import) -> bool:
    """Whether an import is a door's own, or names a type for a door's signature."""
    room = house.room_of(found.target)
    if found.typing:
        return room in {opened for (file, _), opened in DOORS.items() if file == found.file}
    return DOORS.get((found.file, found.function or "")) == room


def own(found: house.Import) -> bool:
    """Whether an import is of the library itself."""
    return found.target.split(".")[0] == "guideway"


def dependencies() -> dict[str, set[str]]:
    """The declared dependencies, each with what it is imported as."""
    names = [re.split(r"[<>=!~;\[ ]", line)[0] for line in house.project()["project"]["dependencies"]]
    return {name: PROVIDES.get(name, {name.replace("-", "_")}) for name in names}


def used() -> set[str]:
    """The packages of others that the library imports."""
    return {found.target.split(".")[0] for found in house.imports()} - set(sys.stdlib_module_names) - {"guideway"}


def offenders(found: Iterator[str]) -> str:
    """All that breaks a rule, one a line, for a message."""
    return "\n".join(found)


def test_the_rooms_are_those_of_the_design(root):
    """Every folder of the package is a room of the table, and errors.py, which finds an author's line, knows them."""
    from guideway import errors

    listed = {name.split(".")[1] for name in house.project()["tool"]["setuptools"]["packages"] if "." in name}
    assert listed == set(house.ROOMS) == set(MAY_IMPORT) - {"__init__", "errors"}
    assert {*house.FACE, *house.ROOMS} == errors._ROOMS
    assert all((root / room / "__init__.py").is_file() for room in house.ROOMS)


def test_no_import_runs_against_the_table():
    """A room imports the rooms below it and no other, in functions and for type checkers too; two doors apart."""
    wrong = (
        f"{found.place}: {house.room_of(house.module_of(found.file))} imports {found.target}"
        for found in house.imports()
        if own(found)
        and (here := house.room_of(house.module_of(found.file))) != (there := house.room_of(found.target))
        and there not in MAY_IMPORT[here]
        and not is_door(found)
    )
    assert not (report := offenders(wrong)), report


READER = """
from ..errors import FlowError
from . import check
import langgraph.graph
if TYPE_CHECKING:
    from ..runs import langgraph
else:
    import networkx
if not TYPE_CHECKING:
    import json
class A:
    async def compile(self):
        from ..viz import Picture
        import_module("..runs", __package__), importlib.import_module("langchain")
"""


def test_no_import_escapes_the_reader():
    """Relative, nested, type checkers' and dynamic imports are all seen: the rules are kept by what is seen."""
    seen = [
        (found.target, found.function, found.typing) for found in house.imports_in("flows/flow.py", ast.parse(READER))
    ]
    assert seen == [
        ("guideway.errors", None, False),
        ("guideway.flows.check", None, False),
        ("langgraph.graph", None, False),
        ("guideway.runs.langgraph", None, True),
        ("networkx", None, False),
        ("json", None, False),
        ("guideway.viz", "compile", False),
        ("guideway.runs", "compile", False),
        ("langchain", "compile", False),
    ]


def test_every_door_is_used():
    """A door that no import goes through is taken off the list, so that the list stays the truth."""
    used = {(found.file, found.function) for found in house.imports() if own(found) and not found.typing}
    assert set(DOORS) <= used


def test_imports_inside_the_library_are_relative():
    """No module of the library names guideway or a room absolutely, so that the package works under any checkout."""
    wrong = (
        f"{name}:{node.lineno}: {ast.unparse(node)}"
        for name in house.library()
        for node in ast.walk(house.tree(name))
        if isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0)
        for target in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        if target.split(".")[0] in {"guideway", "errors", *house.ROOMS}
    )
    assert not (report := offenders(wrong)), report


def test_tests_and_examples_import_the_package():
    """Outside the library, rooms are reached as guideway.flows and so on, never as folders of the checkout."""
    wrong = (
        f"{name}:{node.lineno}: {ast.unparse(node)}"
        for name in house.files()
        if name.endswith(".py") and name.split("/")[0] in {"tests", "examples", "bench", "docs"}
        for node in ast.walk(house.tree(name))
        if isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0)
        for target in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        if target.split(".")[0] in {"errors", *house.ROOMS}
    )
    assert not (report := offenders(wrong)), report


def test_only_one_room_imports_langgraph():
    """LangGraph stays behind one border: runs/langgraph/."""
    wrong = (
        f"{found.place}: {found.target}"
        for found in house.imports()
        if re.match(r"langgraph\b|langgraph_", found.target) and not found.file.startswith("runs/langgraph/")
    )
    assert not (report := offenders(wrong)), report


def test_langchain_is_loaded_in_functions_alone():
    """Outside runs/langgraph/, langchain is named for type checkers or loaded by a function that needs it."""
    wrong = (
        f"{found.place}: {found.target}"
        for found in house.imports()
        if found.target.split(".")[0] in LAZY
        and found.function is None
        and not found.typing
        and not found.file.startswith("runs/langgraph/")
    )
    assert not (report := offenders(wrong)), report


def test_no_import_circles():
    """No module comes back to itself by what it imports, in functions too; doors and imports for types apart."""
    graph = nx.DiGraph(
        (house.module_of(found.file), found.target)
        for found in house.imports()
        if own(found) and not found.typing and not is_door(found) and house.module_of(found.file) != "guideway"
    )
    circles = [sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1]
    assert not circles
    assert not list(nx.selfloop_edges(graph))


def test_modules_and_functions_stay_short():
    """No module is over 400 lines and no function over 60: what a reviewer holds in the head."""
    long = [
        f"{name}: {lines} lines, at most {MODULE_LINES}"
        for name in house.library()
        if (lines := len((house.ROOT / name).read_text().splitlines())) > MODULE_LINES
    ]
    long += [
        f"{name}:{node.lineno}: {called} has {lines} lines, at most {FUNCTION_LINES}"
        for name in house.library()
        for called, node in house.functions(name)
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert not long, offenders(iter(long))


def test_public_things_are_documented():
    """Every public module, class, function and method of the library has a docstring."""
    assert not (report := offenders(found for name in house.library() for found in house.undocumented(name))), report


def test_every_import_is_a_declared_dependency():
    """What the library imports is listed in pyproject.toml: nothing leans on what another package brings along."""
    listed = set(OPTIONAL).union(*dependencies().values())
    assert used() <= listed, sorted(used() - listed)


PROGRAMS = {"graphviz-pure"}
"""Dependencies that are run, not imported: tests/viz draws with them."""


def test_every_dependency_is_used():
    """What pyproject.toml lists is imported somewhere in the library: no dependency outlives its use."""
    unused = {name for name, provided in dependencies().items() if not provided & used()}
    assert unused == PROGRAMS


def test_every_dependency_has_its_reason(root):
    """Each dependency's line says what it is there for."""
    block = re.findall(r"^(?:dependencies|dev) = \[\n(.*?)^\]", (root / "pyproject.toml").read_text(), re.M | re.S)
    lines = [line for part in block for line in part.splitlines()]
    assert len(block) == 2
    assert not [line for line in lines if not re.search(r'",\s+# \w', line)]


def test_every_test_says_what_it_shows():
    """Each test has a sentence of docstring that states the behaviour."""
    silent = (
        f"{name}:{node.lineno}: {called}"
        for name in house.files()
        if re.search(r"(^|/)test_\w+\.py$", name) and name.startswith("tests/")
        for called, node in house.functions(name)
        if node.name.startswith("test") and "<locals>" not in called and not ast.get_docstring(node)
    )
    assert not (report := offenders(silent)), report


def test_every_expected_error_says_its_message():
    """Each pytest.raises and pytest.warns says by match= what it expects, so that no other error passes for it."""
    vague = (
        f"{name}:{node.lineno}: {ast.unparse(node)}"
        for name in house.files()
        if name.startswith("tests/") and name.endswith(".py")
        for node in ast.walk(house.tree(name))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"pytest.raises", "pytest.warns"}
        and not {keyword.arg for keyword in node.keywords} & {"match", "check"}
    )
    assert not (report := offenders(vague)), report


def test_no_file_tells_how_it_was_made():
    """Files speak of the program, not of who wrote it when, and name no machine's folders."""
    words = re.compile(
        "|".join([r"/work" r"/", r"/tmp" r"/venv", r"co-authored" r"-by", r"generated" r" (by|with) an? "]), re.I
    )
    telling = (
        f"{name}:{number}: {line.strip()}"
        for name in house.files()
        if (house.ROOT / name).suffix in {".py", ".md", ".toml", ".txt", ".json", ""}
        for number, line in enumerate((house.ROOT / name).read_text(errors="replace").splitlines(), 1)
        if words.search(line)
    )
    assert not (report := offenders(telling)), report


@pytest.mark.parametrize(
    "authoring",
    [
        "import guideway",
        "from tests import first_page",
    ],
)
def test_authoring_loads_neither_langgraph_nor_langchain(root, authoring):
    """A process that imports the face, or authors a flow, has loaded neither: they cost a second, and serve runs.

    Nor has it loaded networkx, which costs more than the rest together, and serves forks and checks.
    """
    heavy = LAZY | {"networkx"}
    code = f"{authoring}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}} & {heavy!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
