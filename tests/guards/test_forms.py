"""The JSON form: what it looks like, and that unknown data fails closed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from guideway import ConditionError, GuidewayError
from guideway.guards.conditions import condition
from guideway.guards.expressions import Proposes
from guideway.guards.fields import some
from guideway.guards.forms import from_json, to_json
from guideway.guards.functions import exists
from tests.guards.desk import t as typed

t: Any = typed


def is_urgent(message: str) -> bool:
    """A named condition."""
    return "now" in message


def test_the_form_is_plain():
    """A condition's JSON is objects of one key, with constants as themselves."""
    assert to_json(((t.confidence < 0.7) & exists(t.order_id)).tree) == {
        "and": [{"<": [{"read": "confidence"}, 0.7]}, {"exists": {"read": "order_id"}}]
    }
    assert to_json((some(t.order).total > 3).tree) == {">": [{"attr": [{"some": {"read": "order"}}, "total"]}, 3]}
    assert to_json(condition(is_urgent)) == {"function": {"name": "is_urgent", "reads": ["message"]}}


@pytest.mark.parametrize("tree", [Proposes(), Proposes(tool="refund"), Proposes(stakes="high")])
def test_proposals_come_back(tree):
    """Each form of proposes() comes back from JSON."""
    assert from_json(json.loads(json.dumps(to_json(tree)))) == tree


READ = {"read": "count"}


@pytest.mark.parametrize(
    "data",
    [
        None,
        True,
        "count < 3",
        [],
        {},
        READ,
        {"<": [READ, 3], ">": [READ, 3]},
        {"<": [READ]},
        {"<": [READ, None]},
        {"<": [READ, [1]]},
        {"<": [READ, float("nan")]},
        {"**": [READ, 3]},
        {"<": [{"read": 3}, 3]},
        {"<": [{"read": "count", "more": 1}, 3]},
        {"<": [{"exists": READ}, 3]},
        {"and": [{"exists": READ}]},
        {"and": [READ, READ]},
        {"or": []},
        {"none_of": []},
        {"exists": {"exists": READ}},
        {"contains": [READ]},
        {"one_of": [READ, []]},
        {"one_of": [READ, [READ]]},
        {"<": [READ, {"decimal": "much"}]},
        {"<": [READ, {"decimal": "NaN"}]},
        {"<": [READ, {"date": "soon"}]},
        {"<": [READ, {"date": 3}]},
        {"proposes": None},
        {"proposes": []},
        {"proposes": {"tool": 3}},
        {"proposes": {"tool": "a", "stakes": "high"}},
        {"proposes": {"tool": "a", "more": 1}},
        {"function": "is_urgent"},
        {"function": {"name": "is_urgent"}},
        {"function": {"name": "is_urgent", "reads": ["message"], "module": "os"}},
        {"function": {"name": "is_urgent", "reads": ["order"]}},
        {"function": {"name": "os.system", "reads": ["message"]}},
        {"eval": "1"},
        {3: 3},
    ],
    ids=str,
)
def test_unknown_data_fails_closed(data):
    """Data that is not exactly a condition's form is refused, and nothing is guessed."""
    with pytest.raises(GuidewayError, match="condition|number"):
        from_json(data, {"is_urgent": is_urgent})


def test_data_nested_without_end_fails_closed():
    """Data nested deeper than Python goes is refused as any other."""
    data: Any = {"exists": READ}
    for _ in range(100_000):
        data = {"none_of": [data]}
    with pytest.raises(ConditionError, match="nested too deeply"):
        from_json(data)


def test_a_function_that_is_not_given_is_named():
    """A function that the data names must be given, with the parameters that it had."""
    data = to_json(condition(is_urgent))
    with pytest.raises(
        ConditionError, match=re.escape("names the function 'is_urgent', which is not given (given: none)")
    ):
        from_json(data)

    def is_urgent_now(order: str) -> bool:
        return bool(order)

    with pytest.raises(
        ConditionError, match=re.escape("parameters of is_urgent were ['message']; the function given has ['order']")
    ):
        from_json(data, {"is_urgent": is_urgent_now})
