"""Figures of the log-t test, of modes and of joins, by what they draw."""

from __future__ import annotations

import numpy as np
import pytest

import nqp_spatial as nq


@pytest.fixture(scope="module")
def income():
    return nq.datasets.us_income()


def test_the_line_of_log_t_is_that_of_least_squares(income):
    result = nq.convergence.log_t(income, "income", logs=True, detrend=None)
    ax = result.plot()
    used, hollow = (points.get_offsets() for points in ax.collections)
    assert len(used) + len(hollow) == income.n_periods - 1
    (line,) = ax.lines
    slope, level = np.polyfit(used[:, 0], used[:, 1], 1)
    assert slope == pytest.approx(result.b)
    np.testing.assert_allclose(line.get_ydata(), level + slope * used[:, 0])
    first = income.periods.get_loc(result.first_period) + 1
    assert used[0, 0] == pytest.approx(np.log(first))


def test_modes(income):
    few = income.select(periods=[1929, 2009])
    result = nq.dynamics.modality(few, "relative_income", max_modes=2, replications=49)
    ax = result.plot(lang="zh")
    for line, period in zip(ax.lines, (1929, 2009), strict=False):
        assert line.get_label() == str(period)
        np.testing.assert_allclose(line.get_ydata(), result.frame.loc[period, "p_value"])
    assert ax.get_xlabel() == "众数个数的上限"


def test_joins_outside_their_range_have_a_colour(income):
    last = income.select(periods=[2009])
    last = last.assign(rich=lambda d: d["relative_income"] > 1)
    result = nq.esda.join_counts(last, "rich", nq.weights.contiguity(last))
    ax = result.plot()
    drawn = np.concatenate([points.get_offsets() for points in ax.collections[1:]])
    np.testing.assert_allclose(np.sort(drawn[:, 0]), np.sort(result.frame["joins"]))
    outside = (result.frame["z"].abs() > 1.959964).sum()
    assert 0 < outside < len(result.frame)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["Random range (95%)", "within", "outside"]
    assert len(ax.collections[2].get_offsets()) == outside
