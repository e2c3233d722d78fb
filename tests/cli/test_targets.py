"""Names of flows and apps: modules, files, packages, and functions that make an App."""

from __future__ import annotations

import sys

import pytest

from guideway.cli.failing import Broken, Usage
from guideway.cli.targets import app_of, flow_of, load, store_path

FLOW = """
from pydantic import BaseModel
from guideway import START, End, Flow, compute, on
class S(BaseModel):
    n: int = 0
@compute(writes="n")
def add(n: int) -> int:
    return n + 1
done = End("done")
flow = Flow("NAME", state=S, edges=[on(START, add), on(add, done)])
class Desk:
    inner = flow
made = []
def app(store):
    made.append(store)
    return flow.compile(store=store)
"""


def write(path, name: str = "counting", more: str = "") -> str:
    """A file with a flow in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FLOW.replace("NAME", name) + more)
    return str(path)


def test_a_file_and_a_module_name_the_same_flow(here):
    """`path/file.py:flow` and `module:flow` both work from the working folder, whatever else is on the path."""
    write(here / "counter.py")
    assert flow_of("counter.py:flow") is flow_of("counter:flow")
    assert flow_of(f"{here}/counter.py:flow").name == "counting"


def test_a_name_may_be_dotted(here):
    """A flow may be an attribute of something in its module."""
    write(here / "counter.py")
    assert flow_of("counter.py:Desk.inner").name == "counting"


def test_a_file_may_import_its_neighbours(here):
    """A file's own folder is searched, as when Python runs it."""
    write(here / "desks" / "flows_here.py")
    (here / "desks" / "main_desk.py").write_text("from flows_here import flow\n")
    assert flow_of("desks/main_desk.py:flow").name == "counting"


def test_a_file_of_a_package_is_imported_as_its_module(here):
    """Relative imports work: the packages around a file are found, up to the working folder."""
    write(here / "shop" / "counter.py")
    (here / "shop" / "__init__.py").write_text("")
    (here / "shop" / "desk.py").write_text("from .counter import flow\n")
    assert flow_of("shop/desk.py:flow").name == "counting"
    assert "shop.counter" in sys.modules


def test_two_files_of_one_name_are_two_modules(here):
    """A file is not mistaken for another one of its name, nor for a module that is loaded."""
    write(here / "a" / "json.py", "first")
    write(here / "b" / "json.py", "second")
    assert (flow_of("a/json.py:flow").name, flow_of("b/json.py:flow").name) == ("first", "second")


def test_the_app_of_a_function_is_made_for_the_store(here):
    """A function that takes `store` gets the command's, and its App is closed afterwards."""
    write(here / "counter.py")
    with app_of("counter.py:app", "x.db", create=True) as app:
        assert app.store.path == str(here / "x.db")
        app.start({}, run_id="r")
    assert load("counter.py:made") == ["x.db"]
    with app_of("counter.py:app", "x.db") as app:
        assert app.get("r").state.n == 1


def test_a_flow_of_a_function_is_made_in_memory(here):
    """`check` and `draw` of what runs make no store."""
    write(here / "counter.py")
    assert flow_of("counter.py:app").name == "counting"
    assert load("counter.py:made") == [None]
    assert not list(here.glob("*.db"))


def test_an_app_stands_for_itself(here):
    """An App may be named; --store must then be its own."""
    write(here / "counter.py", more='\nown = flow.compile(store="own.db")\nother = flow.compile(store="own.db")')
    with pytest.raises(Usage, match=r"this App opened .*own\.db itself"), app_of("counter.py:own", "x.db"):
        pass
    with app_of("counter.py:own", "own.db") as app:
        assert app is load("counter.py:own")
    assert flow_of("counter.py:other").name == "counting"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("counter", "names no flow: write module:name"),
        (":flow", "names no flow"),
        ("counter.py:", "names no flow"),
        ("nowhere.py:flow", "there is no file nowhere.py"),
        (".:flow", "is not a Python file"),
        ("no_such_module:flow", "there is no module 'no_such_module'"),
        ("no_such.module:flow", "there is no module 'no_such.module'"),
        ("..:flow", "is not a Python file"),
        ("counter.py:flw", "has no 'flw': it has app, flow. Did you mean 'flow'?"),
        ("counter.py:made", "is a list, not a flow"),
        ("counter.py:S", "is the class S, not a flow"),
    ],
)
def test_a_name_that_is_none_is_wrong_usage(here, target, message):
    """What a target lacks is told, with what there is."""
    write(here / "counter.py")
    with pytest.raises(Usage, match=message.replace(".", r"\.").replace("?", r"\?")):
        flow_of(target)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\nx / 0\n", r"^bug\.py:2: ZeroDivisionError: division by zero"),
        ("def x(:\n", r"^bug\.py:1: SyntaxError: invalid syntax"),
        ("import no_such_thing\n", r"^bug\.py:1: ModuleNotFoundError: No module named 'no_such_thing'"),
        ("import sys\nsys.exit(3)\n", r"^bug\.py:2: SystemExit: 3"),
        ("import json\njson.loads('{')\n", r"^bug\.py:2: JSONDecodeError: "),
    ],
)
@pytest.mark.parametrize("target", ["bug.py:flow", "bug:flow"])
def test_a_module_that_does_not_load_is_told_at_its_line(here, source, message, target):
    """An author's own mistake is told with the line of the author's file, in one line."""
    (here / "bug.py").write_text(source)
    with pytest.raises(Broken, match=message) as found:
        flow_of(target)
    assert "--traceback" in str(found.value)


def test_the_store_is_the_option_then_the_environment_then_the_default(monkeypatch):
    """--store wins over GUIDEWAY_STORE, which wins over guideway.db."""
    monkeypatch.delenv("GUIDEWAY_STORE", raising=False)
    assert store_path(None) == "guideway.db"
    monkeypatch.setenv("GUIDEWAY_STORE", "env.db")
    assert (store_path(None), store_path("x.db")) == ("env.db", "x.db")
