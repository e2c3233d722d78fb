"""The face: the names that `from guideway import ...` gives, held to a list, and what type checkers see of them."""

from __future__ import annotations

import ast
from importlib import import_module

import pytest

import guideway
from guideway import errors
from tests import house

# fmt: off
EXPECTED = {
    # the flow and its edges
    "Anyone", "Budget", "End", "Flow", "Retry", "START", "all_of", "approval", "at_most", "ended", "failed", "on",
    "policy", "when",
    # conditions
    "Condition", "any_of", "contains", "exists", "fields", "first", "last", "length", "none_of", "one_of", "proposes",
    "some",
    # nodes
    "Context", "FromState", "Messages", "Migration", "Node", "Tool", "ToolError", "act", "ask", "compute", "each",
    "subflow", "think",
    "tool",
    # tools from elsewhere
    "McpError", "McpServer", "afrom_mcp", "from_langchain", "from_mcp",
    # properties
    "Property", "always", "at_most_once", "enforced", "never",
    # what nodes and programs read
    "Call", "ErrorRecord", "Failure", "Finding", "Item", "Outcome", "Refusal", "Report",
    # runs
    "App", "GIVE_UP", "NOT_DONE", "Progress", "Request", "Run", "Spent", "Step", "Unsettled",
    # errors
    "CheckFailed", "ConditionError", "ConfigError", "DecisionRefused", "FlowError", "GateError", "GuidewayError",
    "JournalBroken", "LeaseLost", "NodeError", "RequestNotFound", "RunBusy", "RunError", "RunExists", "RunNotFound",
    "RunNotReady", "SolverMissing", "StateInvalid", "StoreError", "StoreForeign", "StoreLocked", "StoreNotFound",
    "StoreReadOnly", "StoreTooNew", "ToolMissing", "UnknownField", "WouldDeadlock",
}
# fmt: on
"""The whole face. A name that joins or leaves it is told in CHANGELOG.md."""


def face() -> ast.Module:
    """The face's own source."""
    return house.tree("__init__.py")


def assigned(name: str) -> ast.expr:
    """What the face assigns to a name at its level, unevaluated."""
    for node in face().body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
            return node.value
    raise AssertionError(f"__init__.py assigns no {name}")


def typed() -> dict[str, str]:
    """The names that the face's TYPE_CHECKING block imports, each with the module it comes from."""
    block = next(node for node in face().body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    homes: dict[str, str] = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom), ast.unparse(node)
        for alias in node.names:
            assert alias.asname == alias.name, (
                f"{ast.unparse(node)}: type checkers export only `import {alias.name} as {alias.name}`"
            )
            homes[alias.name] = "." * node.level + (node.module or "")
    return homes


def test_the_face_is_the_tested_list():
    """guideway offers these names and no others."""
    assert set(guideway.__all__) == EXPECTED


def test_the_list_is_sorted_and_literal():
    """__all__ is a literal in sorted order: type checkers read it, and a reader finds a name where it belongs."""
    assert isinstance(assigned("__all__"), ast.List)
    assert ast.literal_eval(assigned("__all__")) == guideway.__all__ == sorted(guideway.__all__)


def test_type_checkers_and_python_find_the_same_names():
    """The block for type checkers, the table of homes and __all__ name the same things in the same places."""
    homes = ast.literal_eval(assigned("_HOMES"))
    assert typed() == homes
    assert sorted(homes) == guideway.__all__


@pytest.mark.parametrize("name", guideway.__all__)
def test_every_name_loads(name):
    """A name of the face loads from its home, and is there to stay."""
    home = import_module(ast.literal_eval(assigned("_HOMES"))[name], "guideway")
    assert getattr(guideway, name) is getattr(home, name)
    assert vars(guideway)[name] is getattr(home, name)


def test_names_are_listed_before_they_are_loaded():
    """dir() shows the whole face, so that a prompt completes it."""
    assert set(guideway.__all__) <= set(dir(guideway))


def test_an_unknown_name_is_an_attribute_error():
    """A name that the face does not have is refused in Python's own way, so that hasattr and import work as ever."""
    with pytest.raises(AttributeError, match="module 'guideway' has no attribute 'nothing'"):
        _ = guideway.nothing
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        exec("from guideway import nothing")


def test_type_checkers_are_not_told_of_any_name():
    """The module's __getattr__ is hidden from type checkers, which would else accept every misspelt name."""
    seen = [node for node in face().body if isinstance(node, ast.FunctionDef)]
    assert not seen


def test_every_error_is_on_the_face():
    """Whoever must catch an error can name it without knowing rooms."""
    tree = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.GuidewayError)
    }
    assert tree <= set(guideway.__all__)
