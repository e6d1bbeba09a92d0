"""Gaps between groups by hand and by loops; published gaps that do not add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from tests.inequality.panels import panel_of_groups
from tests.structure.panels import panel_of


def test_gaps_by_hand():
    values = [[10.0, 20], [20, 40], [5, 12]]
    result = nq.inequality.gaps(panel_of_groups(values, ["e", "e", "w"]), "x", group="g")
    last = result.frame.loc["e", "w"].loc[1]
    assert result.levels.loc[1].tolist() == [30.0, 12.0]
    assert last["difference"] == 18
    assert last["ratio"] == pytest.approx(2.5)
    assert last["change"] == 8
    assert last["change_percent"] == pytest.approx(80)
    assert last["catch_up"] == pytest.approx(np.log(12 / 5) - np.log(2))
    assert not last["sign_switch"]
    weighted = panel_of_groups(values, ["e", "e", "w"], [3, 1, 1])
    levels = nq.inequality.gaps(weighted, "x", group="g", population="w").levels
    assert levels.loc[0, "e"] == pytest.approx(12.5)


def test_a_switch_of_sign_has_no_percentage():
    """A gap that was zero or negative has no percent change; a level below zero no ratio."""
    result = nq.inequality.gaps(panel_of_groups([[4.0, 2], [3, 5]], ["e", "w"]), "x", group="g")
    assert result.frame.loc["e", "w"].loc[1, "sign_switch"]
    even = nq.inequality.gaps(panel_of_groups([[4.0, 6], [4, 5]], ["e", "w"]), "x", group="g")
    assert np.isnan(even.frame.loc["e", "w"].loc[1, "change_percent"])
    negative = nq.inequality.gaps(panel_of_groups([[-4.0, 6], [-5, 5]], ["e", "w"]), "x", group="g")
    assert np.isnan(negative.frame.loc["e", "w"].loc[0, "ratio"])


def test_gaps_of_sums_and_weighted_means_by_loops():
    rng = np.random.default_rng(5)
    y, w = rng.normal(2, 2, size=(9, 4)), rng.uniform(0.5, 2, (9, 4))
    g = np.resize(list("abc"), 9)
    panel = panel_of(y, g=g, w=w)
    levels = {
        "sum": {a: y[g == a].sum(axis=0) for a in "abc"},
        "mean": {a: (y * w)[g == a].sum(axis=0) / w[g == a].sum(axis=0) for a in "abc"},
    }
    for how, population in (("sum", None), ("mean", "w")):
        result = nq.inequality.gaps(panel, "x", group="g", how=how, population=population)
        level = levels[how]
        for a in "abc":
            np.testing.assert_allclose(result.levels[a], level[a])
        for a, b in result.frame.index.droplevel(-1).unique():
            assert level[a][0] >= level[b][0]
            frame = result.frame.loc[(a, b)]
            for t in range(4):
                row, d, first = frame.iloc[t], level[a][t] - level[b][t], level[a][0] - level[b][0]
                assert row["difference"] == pytest.approx(d)
                assert row["change"] == pytest.approx(d - first, abs=1e-12)
                assert row["change_percent"] == pytest.approx(100 * (d - first) / first, abs=1e-9)
                assert row["sign_switch"] == (d * first < 0)
                if level[a][t] > 0 and level[b][t] > 0:
                    assert row["ratio"] == pytest.approx(level[a][t] / level[b][t])
                else:
                    assert np.isnan(row["ratio"])
                known = t > 0 and all(level[z][s] > 0 for z in (a, b) for s in (t - 1, t))
                if known:
                    grown = np.log(level[b][t] / level[b][t - 1])
                    grown -= np.log(level[a][t] / level[a][t - 1])
                    assert row["catch_up"] == pytest.approx(grown)
                else:
                    assert np.isnan(row["catch_up"])


def test_zero_is_no_level_for_ratios():
    result = nq.inequality.gaps(panel_of([[2.0, 4], [0, 1]], g=["e", "w"]), "x", group="g").frame
    assert np.isnan(result.loc[("e", "w", 0), "ratio"])
    assert result.loc[("e", "w", 1), "ratio"] == 4
    assert not result.loc[("e", "w", 0), "sign_switch"]
    with pytest.raises(OptionError):
        nq.inequality.gaps(panel_of([1.0, 2], g=["e", "w"]), "x", group="g", how="median")


def test_published_gaps_that_do_not_add_up():
    pairs = pd.MultiIndex.from_tuples([("E", "C"), ("W", "E"), ("C", "W")])
    right = pd.Series([3.0, -5, 2], pairs)
    assert nq.inequality.intransitive(right).empty
    wrong = nq.inequality.intransitive(pd.Series([3.0, -5.5, 2], pairs))
    assert wrong[["a", "b", "c"]].iloc[0].tolist() == ["E", "C", "W"]
    assert wrong["off"].tolist() == [0.5]
    assert nq.inequality.intransitive(pd.Series([3.0, -5.5, 2], pairs), tolerance=0.6).empty


def test_stated_gaps_are_put_to_the_widest():
    """The widest of three against the sum of the two inside; the tolerance itself passes."""
    pairs = pd.MultiIndex.from_tuples([("a", "b"), ("b", "c"), ("a", "c")])
    result = nq.inequality.intransitive(pd.Series([2.0, 3.0, 4.0], pairs))
    row = result.iloc[0]
    assert row[["a", "b", "c"]].tolist() == ["a", "b", "c"]
    assert row[["stated", "implied", "off"]].tolist() == [4.0, 5.0, -1.0]
    assert nq.inequality.intransitive(pd.Series([2.0, 3.0, 4.0], pairs), tolerance=1.0).empty
    assert len(nq.inequality.intransitive(pd.Series([2.0, 3.0, 4.0], pairs), tolerance=0.99)) == 1
    turned = nq.inequality.intransitive(pd.Series([-2.0, -3.0, -6.0], pairs)).iloc[0]
    assert turned[["a", "b", "c"]].tolist() == ["c", "b", "a"]
    assert turned["off"] == 1.0
    two = pd.Series([2.0, 3.0], pairs[:2])
    assert nq.inequality.intransitive(two).empty
    assert nq.inequality.intransitive(pd.Series([2.0, 3.0, 5.0], pairs)).empty
