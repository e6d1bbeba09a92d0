"""Figures of indices and inequality: what they draw."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

import nqp_spatial as nq
from nqp_spatial.errors import OptionError


@pytest.fixture(scope="module")
def cities():
    return nq.datasets.simulate_cities(seed=0)


def test_parts_are_stacked_to_the_whole(cities):
    result = nq.inequality.dagum(cities, "nqp", group="region4", replications=40)
    ax = nq.plots.dagum(result)
    tops = np.array([bar.get_y() + bar.get_height() for bar in ax.patches]).reshape(3, -1)
    np.testing.assert_allclose(tops[-1], result.frame["gini"])
    np.testing.assert_allclose(tops[0], result.frame["within"])
    lines = ax.collections[0].get_segments()
    ends = np.sort([segment[:, 1] for segment in lines])
    np.testing.assert_allclose(ends, result.intervals["gini"])
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    share = result.frame["within_share"]
    assert texts[0] == f"within groups: {share.iloc[0]:.0%} to {share.iloc[-1]:.0%}"
    with pytest.raises(OptionError, match="at least two periods"):
        one = nq.inequality.dagum(cities.select(periods=[2012]), "nqp", group="region4")
        nq.plots.dagum(one)


def test_theil_shows_every_level(cities):
    result = nq.inequality.theil(cities, "nqp", levels=["region4", "province"])
    ax = nq.plots.theil(result, label="the index")
    assert len(ax.patches) == 3 * 10
    tops = [bar.get_y() + bar.get_height() for bar in ax.patches[20:]]
    np.testing.assert_allclose(tops, result.frame["theil"])
    assert ax.get_ylabel() == "Theil T of the index"


def test_weights_are_sorted_inside_dimensions(cities):
    indicators = {"new": {"patents": "+", "robots": "+"}, "quality": {"energy": "-", "so2": "-"}}
    result = nq.composite.index(cities, indicators)
    ax = nq.plots.index_weights(result, labels={"energy": "Energy"})
    widths = [bar.get_width() for bar in ax.patches]
    assert widths[0] >= widths[1]
    assert widths[2] >= widths[3]
    assert sum(widths) == pytest.approx(1)
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert set(names) == {"patents", "robots", "Energy (–)", "so2 (–)"}


def test_rank_intervals_draw_the_table(cities):
    result = nq.composite.index(cities, {"patents": "+", "robots": "+", "energy": "-"})
    table = nq.composite.rank_intervals(result, period=2021, draws=100)
    ax = nq.plots.rank_intervals(table, top=7)
    np.testing.assert_allclose(ax.lines[0].get_xdata(), table["rank"].head(7))
    ends = np.array([s[:, 0] for s in ax.collections[1].get_segments()])
    np.testing.assert_allclose(ends, table[["rank_low", "rank_high"]].head(7))
    with pytest.raises(OptionError, match="top must be a whole number from 1"):
        nq.plots.rank_intervals(table, top=0)


def test_periods_share_their_classes(cities):
    figure = nq.plots.choropleth_periods(cities, "nqp", periods=[2012, 2016, 2021], columns=2)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["2012", "2016", "2021"]
    assert [ax.get_legend() for ax in figure.axes] == [None] * 3
    (legend,) = figure.legends
    entries = [text.get_text() for text in legend.get_texts()]
    assert len(entries) == 5
    # The classes are quantiles of the three years together, and every city has the colour of its
    # class in each year.
    values = cities.frame["nqp"].unstack()[[2012, 2016, 2021]]
    cuts = np.quantile(values, [0.2, 0.4, 0.6, 0.8])
    digits = len(entries[0].rpartition(".")[2])
    assert [float(entry.split("–")[1]) for entry in entries[:-1]] == [
        round(cut, digits) for cut in cuts
    ]
    colours = [to_hex(patch.get_facecolor()) for patch in legend.get_patches()]
    for ax, year in zip(figure.axes, (2012, 2016, 2021), strict=True):
        drawn = [to_hex(c.get_facecolor()[0]) for c in ax.collections]
        numbers = [len(c.get_paths()) for c in ax.collections]
        expected = np.bincount((values[year].to_numpy()[:, None] > cuts).sum(axis=1), minlength=5)
        assert drawn == [colour for colour, n in zip(colours, expected, strict=True) if n]
        assert sum(numbers) >= cities.n_units
    with pytest.raises(OptionError, match="at least one period"):
        nq.plots.choropleth_periods(cities, "nqp", periods=[])
