"""Figures of forecasts: fans of shares, maps of states and of probabilities to move."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PolyCollection

import nqp_spatial as nq
from nqp_spatial.errors import OptionError, UnmatchedIdsError


@pytest.fixture(scope="module")
def made():
    panel = nq.datasets.us_income()
    chain = nq.dynamics.markov(panel, "relative_income", states=5)
    return panel, nq.dynamics.forecast(chain, panel, horizon=4, replications=99, holdout=0)


def test_fans_show_the_table(made):
    _, result = made
    figure = result.plot(title="Shares")
    assert [ax.get_title() or ax.get_title(loc="left") for ax in figure.axes[:5]] == list(
        result.states
    )
    assert not figure.axes[5].axison
    for state, ax in zip(result.states, figure.axes, strict=False):
        rows = result.frame[result.frame["state"] == state]
        observed, expected, last = ax.lines
        assert observed.get_xdata().tolist() == list(range(2002, 2010))
        np.testing.assert_array_equal(observed.get_ydata(), result.history[state].tail(8))
        np.testing.assert_array_equal(expected.get_ydata()[1:], rows["share"])
        assert expected.get_ydata()[0] == observed.get_ydata()[-1]
        assert last.get_xdata() == [2009, 2009]
        (band,) = (each for each in ax.collections if isinstance(each, PolyCollection))
        corners = {tuple(np.round(corner, 9)) for corner in band.get_paths()[0].vertices}
        for period, low, high in zip(rows["period"], rows["low"], rows["high"], strict=True):
            assert {(period, round(low, 9)), (period, round(high, 9))} <= corners
    few = nq.plots.forecast(result, past=3, columns=1)
    assert len(few.axes[0].lines[0].get_xdata()) == 3


def test_periods_without_a_place_in_time():
    panel = nq.datasets.us_income().select(periods=list(range(2000, 2010)))
    frame = panel.frame.reset_index()
    frame["period"] = frame["period"].map(lambda year: "abcdefghij"[year - 2000])
    frame["period"] = frame["period"].astype("category").cat.as_ordered()
    named = nq.SpatialPanel(frame, unit="unit", period="period")
    chain = nq.dynamics.markov(named, "relative_income", states=2)
    result = nq.dynamics.forecast(chain, named, horizon=2, replications=9, holdout=0)
    figure = nq.plots.forecast(result)
    names = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert names[-1] == "+2"


def test_maps_count_states_and_probabilities(made):
    panel, result = made
    last = result.units[result.units["period"] == 2013]
    ax = nq.plots.forecast_map(result, panel)
    counts = last["most_likely_state"].value_counts()
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    assert entries == [f"{state} ({counts.get(state, 0)})" for state in result.states]
    ax = nq.plots.forecast_map(result, panel, "down", period=2010, lang="zh")
    down = result.units.loc[result.units["period"] == 2010, "down"]
    expected = np.histogram(down, [-1, 0.05, 0.1, 0.25, 0.5, 1])[0]
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [int(entry.split("（")[1][:-1]) for entry in entries] == expected.tolist()
    assert ax.get_legend().get_title().get_text().startswith("2010 向下转移的概率")
    some = panel.select(units=panel.units[5:])
    with pytest.raises(UnmatchedIdsError, match="from which the chain was estimated"):
        nq.plots.forecast_map(result, some)
    with pytest.raises(OptionError, match="forecast is of the periods"):
        nq.plots.forecast_map(result, panel, period=2009)
    plt.close("all")
