"""The tree of errors: one root, drawn as it is, and whole after pickling."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from guideway import GuidewayError, errors


def everything() -> list[type[GuidewayError]]:
    """Every exception class that errors.py defines, in the order of its lines."""
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, BaseException)]
    return [value for value in found if value.__module__ == errors.__name__]


def drawn() -> dict[str, str]:
    """The tree at the top of errors.py: each name with the name that it hangs from."""
    parents: dict[str, str] = {}
    above = {0: "GuidewayError"}
    for line in (errors.__doc__ or "").splitlines():
        if branch := re.match(r"^    ((?:│   |    )*)[├└]── (\w+)", line):
            depth = len(branch[1]) // 4 + 1
            parents[branch[2]] = above[depth - 1]
            above[depth] = branch[2]
    return parents


def test_the_tree_is_drawn_as_it_is():
    """The tree at the top of errors.py is the real one, in the order of the file."""
    real = {cls.__name__: cls.__bases__[0].__name__ for cls in everything() if cls is not GuidewayError}
    assert drawn() == real
    assert list(drawn()) == list(real)


def test_there_is_one_root():
    """Whoever catches GuidewayError catches all that guideway raises, and nothing hangs from two parents."""
    assert GuidewayError.__bases__ == (Exception,)
    assert all(len(cls.__bases__) == 1 and issubclass(cls, GuidewayError) for cls in everything())


@pytest.mark.parametrize("cls", everything(), ids=lambda cls: cls.__name__)
@pytest.mark.parametrize(
    "again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"]
)
def test_an_error_survives_pickling_with_its_data(cls, again):
    """An error that crosses processes keeps its class, message, place and data."""
    before = cls("it went wrong", where="desk.py:41", run="r1", findings=[{"code": "F101"}])
    after = again(before)
    assert type(after) is cls
    assert (after.message, after.where, after.data) == (before.message, before.where, before.data)
    assert str(after) == str(before)


@pytest.mark.parametrize("cls", everything(), ids=lambda cls: cls.__name__)
def test_an_error_with_a_place_prints_in_one_form(cls):
    """The form is ``file.py:line: Name: message``, which editors make a link; without a place it is the message."""
    assert str(cls("no field 'x'", where="desk.py:41")) == f"desk.py:41: {cls.__name__}: no field 'x'"
    assert str(cls("no field 'x'")) == "no field 'x'"


def test_data_may_be_named_like_a_part_of_the_error():
    """What a program reads from an error's data is what was put there."""
    assert GuidewayError("m", holder="worker-2").data == {"holder": "worker-2"}
    assert GuidewayError("m").data == {}


def test_the_caller_is_the_author_and_not_the_library():
    """caller() names the nearest line that is not guideway's own."""
    where = errors.caller()
    assert re.fullmatch(r"test_errors\.py:\d+", where or "")


def test_tests_and_examples_are_not_the_library(root):
    """Files of the rooms are the library's; those that stand beside them in the checkout are an author's."""
    library = root.__class__(errors.__file__).parent
    assert errors.is_library(str(library / "flows" / "flow.py"))
    assert errors.is_library(errors.__file__)
    assert not errors.is_library(str(library / "examples" / "desk.py"))
    assert not errors.is_library(str(library.parent / "desk.py"))
