"""Groups of units, however they are given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.core.groups import Groups
from nqp_spatial.errors import (
    DuplicateKeysError,
    OptionError,
    PanelError,
    UnknownColumnError,
    UnmatchedIdsError,
)

SIDES = {"a": "west", "b": "east", "c": "west", "d": "north"}


@pytest.fixture
def panel():
    frame = pd.DataFrame(
        [(unit, year, side) for unit, side in SIDES.items() for year in (2001, 2002)],
        columns=["id", "year", "side"],
    )
    return nq.SpatialPanel(frame, unit="id", period="year")


@pytest.mark.parametrize(
    "group",
    [
        "side",
        pd.Series(SIDES),
        pd.Series(SIDES).iloc[::-1],
        SIDES,
        pd.Series({(unit, year): side for unit, side in SIDES.items() for year in (1, 2)}),
    ],
    ids=["column", "series", "other order", "mapping", "by period"],
)
def test_all_ways_give_the_same_groups(panel, group):
    groups = Groups.by_unit(panel, group)
    assert groups.names == ["east", "north", "west"]
    assert groups.codes.tolist() == [2, 0, 2, 1]
    assert groups.sizes.tolist() == [1, 1, 2]
    assert groups.by_name.to_dict() == SIDES
    np.testing.assert_array_equal(groups.indicators().sum(axis=0), groups.sizes)
    np.testing.assert_array_equal(groups.indicators().argmax(axis=1), groups.codes)
    assert len(groups) == 3


def test_labels_are_as_the_caller_wrote_them(panel):
    numbers = pd.Series({"a": 2, "b": 10, "c": 2, "d": 10})
    groups = Groups.by_unit(panel, numbers)
    assert groups.labels == (2, 10)
    assert groups.names == ["2", "10"]
    assert groups.codes.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("group", "error", "words"),
    [
        ("else", UnknownColumnError, "else"),
        (pd.Series("g", index=list("abcd")), OptionError, "two or more; all units are in 'g'"),
        (pd.Series(SIDES).iloc[1:], UnmatchedIdsError, "only in panel"),
        (pd.Series([*SIDES.values(), "x"], [*SIDES, "a"]), DuplicateKeysError, "'a'"),
        (pd.Series(SIDES | {"b": None}), PanelError, "no group: 'b'"),
        (pd.Series({("a", 1): "x", ("a", 2): "y"}), PanelError, "change their group"),
        (["west"] * 4, OptionError, "column's name or a Series by unit"),
    ],
)
def test_what_does_not_serve(panel, group, error, words):
    with pytest.raises(error, match=words):
        Groups.by_unit(panel, group)


def test_a_column_that_changes():
    frame = pd.DataFrame({"id": [1, 1, 2, 2], "t": [1, 2, 1, 2], "g": ["x", "y", "x", "x"]})
    with pytest.raises(PanelError, match="units change their 'g' over periods: 1; pass groups"):
        Groups.by_unit(nq.SpatialPanel(frame, unit="id", period="t"), "g")


def test_singletons(panel):
    with pytest.raises(PanelError, match="one member have no inequality inside: 'east', 'north'"):
        Groups.by_unit(panel, "side", singletons="error")
    assert len(Groups.by_unit(panel, "side", singletons="keep")) == 3


def test_a_column_needs_a_panel():
    with pytest.raises(OptionError, match=r"panel.at\(2020\)\['side'\]"):
        Groups.by_unit(pd.Index(list("ab")), "side")
