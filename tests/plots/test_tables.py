"""Figures of any result's table: lines over periods, estimates with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.core.display import Displayed
from nqp_spatial.core.inference import CoefficientTable
from nqp_spatial.errors import OptionError

PERIODS = pd.Index([2000, 2001, 2002], name="period")


@dataclass(frozen=True, repr=False)
class Result(Displayed):
    """A result with a table and a figure of its own choice."""

    frame: pd.DataFrame
    _figure = "over_periods"


def entries_of(ax):
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def curves(ax):
    return [line for line in ax.lines if len(line.get_xdata()) == len(PERIODS)]


# -- over periods ----------------------------------------------------------------------------------


def test_each_numeric_column_is_a_line():
    frame = pd.DataFrame({"gini": [3.0, 2, 1], "mine": [0.0, 1, 2], "p_value": 0.5}, PERIODS)
    ax = nq.plots.over_periods(frame)
    assert entries_of(ax) == ["Gini coefficient", "mine"]
    for line, name in zip(curves(ax), ("gini", "mine"), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), PERIODS)
        np.testing.assert_array_equal(line.get_ydata(), frame[name])
    assert ax.get_ylabel() == ""
    one = nq.plots.over_periods(Result(frame), ["mine"])
    assert one.get_ylabel() == "mine"
    assert nq.plots.over_periods(frame, ["mine"], label="Index").get_ylabel() == "Index"


def test_the_table_may_have_periods_as_a_column_in_any_order():
    frame = pd.DataFrame({"gini": [3.0, 2, 1]}, PERIODS).iloc[[2, 0, 1]].reset_index()
    (line,) = curves(nq.plots.over_periods(frame))
    np.testing.assert_array_equal(line.get_ydata(), [3, 2, 1])


def test_an_estimate_has_its_interval_as_a_band():
    frame = pd.DataFrame(
        {"estimate": [1.0, 2, 3], "std_error": 0.1, "conf_low": [0.8, 1.8, 2.8],
         "conf_high": [1.2, 2.2, 3.2]}, PERIODS,
    )  # fmt: skip
    ax = Result(frame).plot()
    (band,) = ax.collections
    corners = band.get_paths()[0].vertices
    for period, (low, high) in zip(PERIODS, frame[["conf_low", "conf_high"]].values, strict=True):
        heights = corners[corners[:, 0] == period, 1]
        assert (heights.min(), heights.max()) == (low, high)
    assert entries_of(ax) == ["confidence interval"]
    assert ax.get_ylabel() == "Estimate"
    # Columns may have intervals of their own.
    both = frame.rename(columns={"conf_low": "estimate_low", "conf_high": "estimate_high"})
    assert len(nq.plots.over_periods(both).collections) == 1


def test_marks_are_hollow_where_the_test_does_not_reject():
    frame = pd.DataFrame({"moran_i": [0.3, 0.1, 0.2], "p_value": [0.01, 0.2, 0.04]}, PERIODS)
    ax = nq.plots.over_periods(frame)
    filled, hollow = ax.collections
    np.testing.assert_array_equal(filled.get_offsets()[:, 0], [2000, 2002])
    np.testing.assert_array_equal(hollow.get_offsets(), [[2001, 0.1]])
    assert entries_of(ax) == ["p ≥ 0.05"]


def test_groups_have_a_line_each_and_units_their_median():
    groups = pd.DataFrame(
        {"group": np.repeat(["units", "level"], 3), "period": [*PERIODS] * 2,
         "gini": np.arange(6.0), "other": 0.0}
    )  # fmt: skip
    ax = nq.plots.over_periods(groups, lang="zh")
    assert entries_of(ax) == ["units", "level"]  # the caller's names
    np.testing.assert_array_equal([line.get_ydata() for line in curves(ax)], [[0, 1, 2], [3, 4, 5]])
    index = pd.MultiIndex.from_product([range(5), PERIODS], names=["unit", "period"])
    units = pd.DataFrame({"tfpr": np.arange(15.0) ** 2}, index)
    ax = nq.plots.over_periods(units)
    by_period = units["tfpr"].groupby(level="period")
    np.testing.assert_allclose(curves(ax)[0].get_ydata(), by_period.median())
    corners = ax.collections[0].get_paths()[0].vertices
    assert corners[:, 1].max() == by_period.quantile(0.75).max()
    assert entries_of(ax) == ["middle half of units"]


def test_results_of_the_package_are_drawn():
    panel = nq.datasets.us_income().select(periods=range(2000, 2010))
    moran = nq.esda.moran(panel, "income", nq.weights.contiguity(panel), permutations=19, seed=0)
    ax = nq.plots.over_periods(moran)
    assert entries_of(ax) == ["Moran's I", "Expected value"]
    assert ax.get_legend().get_title().get_text() == "Income per head, dollars"
    np.testing.assert_allclose(ax.lines[0].get_ydata(), moran.frame["moran_i"])
    cities = nq.datasets.simulate_cities(seed=0)
    gaps = nq.inequality.gaps(cities, "gdp_pc", group="region4")
    ax = nq.plots.over_periods(gaps)
    assert len(entries_of(ax)) == 6
    assert "East, West" in entries_of(ax)


def test_what_cannot_be_lines_is_refused():
    frame = pd.DataFrame({"gini": [3.0, 2, 1]}, PERIODS)
    with pytest.raises(
        OptionError, match=r"result must be a result of nqp_spatial that has a frame, or a .*got 3"
    ):
        nq.plots.over_periods(3)
    with pytest.raises(OptionError, match="must have period; it has gini"):
        nq.plots.over_periods(frame.reset_index(drop=True))
    with pytest.raises(OptionError, match=r"columns must name numeric columns.*got theil"):
        nq.plots.over_periods(frame, ["theil"])
    with pytest.raises(OptionError, match="at least two periods"):
        nq.plots.over_periods(frame.iloc[:1])
    with pytest.raises(OptionError, match="several rows per period"):
        nq.plots.over_periods(pd.concat([frame, frame]))
    with pytest.raises(OptionError, match="no numeric column"):
        nq.plots.over_periods(frame.rename(columns={"gini": "p_value"}))
    wide = pd.DataFrame(np.ones((3, 11)), PERIODS, columns=[f"c{i}" for i in range(11)])
    with pytest.raises(OptionError, match="11 lines cannot be told apart, 10 at most"):
        nq.plots.over_periods(wide)
    several = pd.concat({"a": frame}, axis=1)
    with pytest.raises(OptionError, match="several levels of columns"):
        nq.plots.over_periods(several)


# -- estimates -------------------------------------------------------------------------------------


class Coefficients(CoefficientTable):
    """Coefficients in two blocks, with labels of variables."""

    params = pd.Series(
        [1.0, -1.0, 0.5],
        pd.MultiIndex.from_tuples([("x", "gdp"), ("wx", "gdp"), ("spatial", "rho")],
                                  names=["block", "variable"]),
    )  # fmt: skip
    cov = pd.DataFrame(np.diag([0.01, 0.04, 0.09]), params.index, params.index)
    labels: ClassVar = {"gdp": "level"}
    level = 0.95


def test_coefficients_are_dots_and_intervals_by_variable():
    result = Coefficients()
    ax = nq.plots.estimates(result, lang="zh")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["level", "rho"]
    segments = np.vstack([[s[:, 0] for s in c.get_segments()] for c in ax.collections])
    np.testing.assert_allclose(segments, result.frame[["conf_low", "conf_high"]])
    dots = [line for line in ax.lines if line.get_linestyle() == "None"]
    np.testing.assert_allclose([line.get_xdata()[0] for line in dots], result.params)
    # Both estimates of one variable stand in its row, the other in the next.
    rows = [float(line.get_ydata()[0]) for line in dots]
    assert rows == pytest.approx([-0.175, 0.175, 1])
    assert ax.get_xlabel() == "估计值及其 95% 置信区间"


def test_effects_are_told_apart_by_colour_and_rows_chosen(states):
    panel, w = states
    result = nq.fit("lgsp ~ lpc + lemp + unemp", panel, w, effects="two-way").effects(seed=0)
    ax = nq.plots.estimates(result, variables=["lemp", "lpc"])
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert [name.replace("\n", " ") for name in names] == [
        "Employment (log)", "Private capital (log)",
    ]  # fmt: skip
    assert entries_of(ax) == ["Direct effect", "Indirect effect", "Total effect"]
    dots = [line for line in ax.lines if line.get_linestyle() == "None"]
    frame = result.frame.set_index(["variable", "effect"])["estimate"]
    np.testing.assert_allclose(dots[0].get_xdata(), frame.loc[["lemp", "lpc"], "direct"])
    with pytest.raises(OptionError, match=r"variables must name rows of the table.*got gdp"):
        nq.plots.estimates(result, variables=["gdp"])


def test_intervals_without_an_end_run_to_the_edge():
    frame = pd.DataFrame(
        {"estimate": [1.0, 2], "conf_low": [0.5, 1.5], "conf_high": [np.inf, 2.5]},
        index=["kappa", "retained"],
    )
    ax = nq.plots.estimates(frame)
    edge = ax.get_xlim()[1]
    segments = ax.collections[0].get_segments()
    np.testing.assert_allclose([s[:, 0] for s in segments], [[0.5, edge], [1.5, 2.5]])
    (arrow,) = (line for line in ax.lines if line.get_marker() == ">" and len(line.get_xdata()))
    assert (arrow.get_xdata()[0], arrow.get_ydata()[0]) == (edge, 0)


def test_models_are_told_apart_by_colour():
    names = [(model, block, v) for model in "abc" for block in ("x", "wx") for v in ("p", "q")]
    frame = pd.DataFrame(names, columns=["model", "block", "variable"])
    frame = frame.assign(estimate=np.arange(12.0), conf_low=-1.0, conf_high=13.0)
    ax = nq.plots.estimates(frame)
    assert entries_of(ax) == ["a", "b", "c"]
    assert len(ax.get_yticklabels()) == 4


def test_probabilities_are_bars_that_add_up():
    panel = nq.datasets.us_public_capital()
    w = {"queen": nq.weights.contiguity(panel), "four": nq.weights.knn(panel, k=4)}
    result = nq.regression.posterior_probabilities("lgsp ~ lpc", panel, w, effects="unit")
    ax = nq.plots.probabilities(result)
    table = result if isinstance(result, pd.DataFrame) else result.frame
    widths = [bar.get_width() for bar in ax.patches]
    np.testing.assert_allclose(widths, table["probability"])
    assert sum(widths) == pytest.approx(1)
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert {"SDM, queen", "SLX, four"} <= set(names)
    with pytest.raises(OptionError, match="must have model, probability"):
        nq.plots.probabilities(table.drop(columns="probability"))


def test_inclusion_draws_two_bars_for_each_matrix():
    table = pd.DataFrame({"weights": ["q", "k"], "inclusion": [0.9, 0.3], "alone": [0.8, 0.2]})
    ax = nq.plots.inclusion(table)
    widths = [bar.get_width() for bar in ax.patches]
    np.testing.assert_allclose(widths, [0.9, 0.3, 0.8, 0.2])
    assert entries_of(ax) == ["in any subset", "alone"]
    with pytest.raises(OptionError, match="must have weights, inclusion, alone"):
        nq.plots.inclusion(table.drop(columns="alone"))


def test_columns_of_another_size_are_left_out():
    frame = pd.DataFrame({"mine": [1.0, 2, 3], "yours": [90.0, 80, 70], "expected": 0.1}, PERIODS)
    assert entries_of(nq.plots.over_periods(frame)) == ["mine", "Expected value"]
    assert entries_of(nq.plots.over_periods(frame, ["mine", "yours"])) == ["mine", "yours"]


def test_a_plain_table_of_estimates():
    frame = pd.DataFrame(
        {"estimate": [1.0, 2], "conf_low": [0.5, 1.5], "conf_high": [1.5, 2.5]},
        index=["total", "units"],
    )
    ax = nq.plots.estimates(frame, lang="zh", label="x")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["total", "units"]
    assert ax.get_legend() is None
    assert ax.get_xlabel() == "x"
    with pytest.raises(OptionError, match="must have estimate, conf_low, conf_high"):
        nq.plots.estimates(frame.drop(columns="conf_low"))
    with pytest.raises(OptionError, match="no rows"):
        nq.plots.estimates(frame.iloc[:0])
    with pytest.raises(OptionError, match="nothing that names its rows"):
        nq.plots.estimates(frame.reset_index(drop=True))
