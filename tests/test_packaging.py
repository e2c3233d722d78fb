"""What is shipped: the wheel's files, its life in a clean environment, and the suite under any checkout's name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import house

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("packaging")]  # one worker builds one wheel for them all

QUICK = ["tests/test_errors.py", "tests/test_public_surface.py"]
"""What is run from each checkout; the rest is collected there, which imports it."""

WRONG = """
from guideway import FlowErorr
import guideway
guideway.RunBussy
guideway.RunBusy(41)
"""

RIGHT = """
import guideway
from guideway import GuidewayError, RunBusy

def holder(error: RunBusy) -> str:
    return str(error.data.get("holder", error.message))

def caught(error: GuidewayError) -> str | None:
    return error.where

root: type[guideway.GuidewayError] = RunBusy
"""


def ran(command: Sequence[str | Path], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command without this process's own Python settings; what it printed is one text, errors included."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "MYPY"))}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def copied(to: Path) -> Path:
    """A copy of the repository's files alone: no caches, no environment, no git."""
    for name in house.files():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(house.ROOT / name, to / name)
    return to


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a clean copy by the build tools that are installed, so that nothing is fetched."""
    work = tmp_path_factory.mktemp("wheel")
    source = copied(work / "guideway-main")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", work, source]
    done = ran(build, work)
    assert done.returncode == 0, done.stdout
    (built,) = work.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def user(wheel, tmp_path_factory):
    """A clean environment with the wheel, as a user has it.

    What guideway depends on is lent by this environment through a .pth file, which is fast; this environment's own
    guideway is not, since an editable install works by a .pth file and those count only in an environment's own folder.
    """
    home = tmp_path_factory.mktemp("user")
    assert (done := ran([sys.executable, "-m", "venv", "--without-pip", home / "venv"], home)).returncode == 0, (
        done.stdout
    )
    python = home / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    assert (done := ran(pip, home)).returncode == 0, done.stdout
    own = ran([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], home).stdout.strip()
    (Path(own) / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home


def shipped(wheel: Path) -> list[str]:
    """The files of the package in a wheel, as they are called in the repository."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"guideway"}
    return sorted(name.removeprefix("guideway/") for name in names if name.startswith("guideway/"))


def test_the_wheel_holds_the_rooms_and_nothing_else(wheel):
    """Every file of a room ships, with the face, the errors, py.typed and the codes' pages; no test, no stray file."""
    pages = [name for name in house.files() if name.startswith("docs/checks/")]
    expected = [*pages, *(name for name in house.files() if name.split("/")[0] in house.ROOMS)]
    assert shipped(wheel) == sorted([*expected, *house.FACE, "py.typed"])


def test_no_module_lies_loose_in_the_root():
    """A module in the root would ship as part of the package: only the face and the errors are there."""
    assert [name for name in house.files() if "/" not in name and name.endswith(".py")] == sorted(house.FACE)


def test_every_package_is_listed_and_has_code():
    """The list in pyproject.toml is the folders that hold code, each with its __init__.py."""
    folders = {str(Path(name).parent) for name in house.library()} - {"."}
    listed = house.project()["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(["guideway", *("guideway." + name.replace("/", ".") for name in folders)])
    assert all((house.ROOT / folder / "__init__.py").is_file() for folder in folders)


def test_the_wheel_says_what_it_is(wheel):
    """Its metadata names the version, the licence with its text, the Pythons, the command, and the README."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name.split("/", 1)[1]: name for name in archive.namelist() if ".dist-info/" in name}
        metadata = archive.read(names["METADATA"]).decode()
        assert "guideway = guideway.cli:main" in archive.read(names["entry_points.txt"]).decode()
        assert b"MIT License" in archive.read(names["licenses/LICENSE"])
    assert "\nVersion: 0.1.0\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata


def test_the_wheel_carries_the_readme(wheel):
    """What an index shows of guideway is its README."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        assert (house.ROOT / "README.md").read_text().splitlines()[0] in archive.read(name).decode()


def test_every_module_imports_from_the_wheel(user):
    """Installed, every module of the package imports, with warnings as errors, from where it was installed."""
    code = (
        "import importlib, guideway\n"
        f"for name in {sorted(house.modules())!r}: importlib.import_module(name)\n"
        "for name in guideway.__all__: getattr(guideway, name)\n"
        "print(guideway.__file__)"
    )
    done = ran([user / "venv" / "bin" / "python", "-W", "error", "-c", code], user)
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith(str(user))


def test_the_command_is_installed(user):
    """The wheel brings the command `guideway`, which tells of itself."""
    done = ran([user / "venv" / "bin" / "guideway", "--help"], user)
    assert done.returncode == 0, done.stdout
    assert "guideway" in done.stdout


@pytest.fixture(scope="module")
def said(user):
    """What mypy and pyright, both strict, say of a user's modules beside an installed guideway; each is asked once."""
    python = user / "venv" / "bin" / "python"
    modules = {"errors": RIGHT, "first_page": (house.ROOT / "tests" / "first_page.py").read_text(), "wrong": WRONG}
    for name, code in modules.items():
        (user / f"{name}.py").write_text(code)
    (user / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict", "include": ["*.py"]}')
    names = [f"{name}.py" for name in modules]
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", python, *names]
    pyright = [sys.executable, "-m", "pyright", "--pythonpath", python]
    return {"mypy": ran(mypy, user).stdout, "pyright": ran(pyright, user).stdout}


def found_in(said: str, module: str) -> list[str]:
    """The errors that a type checker found in a module."""
    return [line for line in said.splitlines() if f"{module}.py:" in line and re.search(r"\berror:|- error\b", line)]


@pytest.mark.parametrize("module", ["errors", "first_page"])
def test_a_users_code_is_typed(said, module):
    """Against the installed wheel, mypy and pyright accept a user's right code in strict mode: types arrive whole."""
    for name, text in said.items():
        assert "wrong.py:" in text, f"{name} did not look: {text}"
        assert found_in(text, module) == []
        found = [line for line in text.splitlines() if re.search(r"\berror:|- error\b", line)]
        assert found == found_in(text, "wrong"), f"{name} finds fault elsewhere too: {text}"


def test_a_users_mistake_is_seen(said):
    """Against the installed wheel, both type checkers reject a misspelt name of the face and a wrong argument."""
    assert len(found_in(said["mypy"], "wrong")) == 3, said["mypy"]
    assert len(found_in(said["pyright"], "wrong")) >= 3, said["pyright"]
    for text in said.values():
        assert all(word in text for word in ("FlowErorr", "RunBussy", "wrong.py:5"))


def test_a_room_alone_does_not_import(root):
    """From the repository's root, `import flows` fails whole, and says so, instead of making a second flows."""
    code = (
        f"for room in {house.ROOMS!r}:\n"
        "    try: __import__(room)\n"
        "    except ImportError as error: print(room, error)\n"
    )
    said = ran([sys.executable, "-c", code], root).stdout.splitlines()
    assert said == [f"{room} attempted relative import beyond top-level package" for room in house.ROOMS]


@pytest.fixture(params=["guideway", "main", "guideway-main"])
def checkout(request, tmp_path):
    """A checkout of a given name, and the settings by which Python finds guideway there."""
    place = copied(tmp_path / "work" / request.param)
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "guideway").symlink_to(place)
    return place, {"PYTHONPATH": str(tmp_path / "path")}


def test_the_suite_runs_from_any_checkout(checkout):
    """Named guideway, main or guideway-main, a checkout collects every test and passes those of the house."""
    place, settings = checkout
    where = ran([sys.executable, "-c", "import guideway; print(guideway.__file__)"], place, **settings).stdout.strip()
    assert Path(where).resolve() == place.resolve() / "__init__.py"
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    collected = ran([*pytest_, "--collect-only"], place, **settings)
    assert collected.returncode == 0, collected.stdout
    done = ran([*pytest_, *QUICK], place, **settings)
    assert done.returncode == 0, done.stdout
    bare = ran([Path(sys.executable).parent / "pytest", "-q", "-p", "no:cacheprovider", QUICK[0]], place, **settings)
    assert bare.returncode == 0, bare.stdout


def test_the_example_runs_from_any_checkout(checkout):
    """`python -m examples.airline_desk` works from the root of a checkout of any name."""
    place, settings = checkout
    done = ran([sys.executable, "-m", "examples.airline_desk", "--help"], place, **settings)
    assert done.returncode == 0, done.stdout
