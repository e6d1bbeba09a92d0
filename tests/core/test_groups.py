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


def test_groups_of_zero_and_one_have_no_decimals():
    """Rows that balancing adds turn a column of whole numbers into floats."""
    frame = pd.DataFrame(
        [
            (unit, year, int(unit in "ab"), year + ord(unit))
            for unit in "abcd"
            for year in (1, 2, 3)
        ],
        columns=["id", "year", "coast", "x"],
    ).drop(index=4)
    panel = nq.SpatialPanel(frame, unit="id", period="year", balanced=False)
    panel = panel.balance(how="drop-units")
    assert Groups.by_unit(panel, "coast").names == ["0", "1"]
    floats = panel.assign(coast=panel.frame["coast"].astype(float))
    assert Groups.by_unit(floats, "coast").names == ["0", "1"]
    assert Groups.by_unit(floats, floats.at(1)["coast"] == 1).names == ["False", "True"]
    halves = floats.assign(coast=floats.frame["coast"] / 2)
    assert Groups.by_unit(halves, "coast").names == ["0", "0.5"]
    assert nq.dynamics.markov_by_group(floats, "x", group="coast", states=2).chains.keys() == {
        "0", "1"
    }  # fmt: skip


def test_groups_have_the_labels_of_the_panel(panel):
    labels = {"side": "Part of the country", "side=west": "The West"}
    labelled = panel.assign(labels=labels)
    groups = Groups.by_unit(labelled, "side")
    assert groups.names == ["east", "north", "The West"]
    assert groups.labels == ("east", "north", "west")  # values are as they were
    assert groups.title == "Part of the country"
    assert groups.by_name["a"] == "The West"
    by_series = pd.Series(SIDES, name="side")
    assert Groups.by_unit(labelled, by_series).names == groups.names
    assert groups.code_of("west") == groups.code_of("The West") == 2
    with pytest.raises(OptionError, match="no unit has 'south' in the group"):
        groups.code_of("south")
    same = panel.assign(labels={"side=west": "X", "side=east": "X"})
    with pytest.raises(OptionError, match="must have labels of their own, got X, north, X"):
        Groups.by_unit(same, "side")
    raw = panel.assign(side_of_map=panel.frame["side"])
    assert Groups.by_unit(raw, "side_of_map").title == "side of map"
