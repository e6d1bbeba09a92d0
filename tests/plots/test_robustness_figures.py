"""The specification curve and the estimates by group draw the numbers of their results."""

from __future__ import annotations

import matplotlib.colors as mcolors
import numpy as np
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError, UnknownColumnError
from nqp_spatial.plots._theme import BLUE, INK, MUTED, ORANGE


@pytest.fixture(scope="module")
def states():
    panel = nq.datasets.us_public_capital()
    return panel, nq.weights.contiguity(panel)


@pytest.fixture(scope="module")
def robust(states):
    panel, w = states
    changes = {
        "winsorised": 0.01, "4 near": {"weights": nq.weights.knn(panel, k=4)},
        "my SAR": {"model": "sar"}, "8 near": {"weights": nq.weights.knn(panel, k=8)},
    }  # fmt: skip
    return nq.robustness("lgsp ~ lpc + lemp", panel, w, changes=changes, combine=True, draws=50)


def points_of(ax, colour):
    """Markers of a colour, by their places."""
    drawn = {}
    for line in ax.get_lines():
        same = mcolors.same_color(line.get_color(), colour)
        if same and line.get_linestyle() == "None" and line.get_marker() != "None":
            drawn |= dict(zip(np.round(line.get_xdata(), 6), line.get_ydata(), strict=True))
    return drawn


def test_the_curve_is_in_order_with_its_choices_below(robust):
    curve = robust.curve("lemp", "indirect")
    upper, lower = nq.plots.specification_curve(robust, "lemp", "indirect").axes
    drawn = {}
    for colour in (BLUE, MUTED, ORANGE):
        drawn |= points_of(upper, colour)
    assert [drawn[k] for k in range(1, len(curve) + 1)] == curve["estimate"].tolist()
    places = dict(zip(curve.index, range(1, len(curve) + 1), strict=True))
    assert list(points_of(upper, ORANGE)) == [places["baseline"]]
    blue = {name for name, place in places.items() if place in points_of(upper, BLUE)}
    assert blue == set(curve.index[curve["p_value"] < 0.05]) - {"baseline"}
    names = [text.get_text() for text in lower.get_yticklabels()]
    assert names == ["Winsorised", "4 near", "8 near", "my SAR"]
    dots = {
        (row, int(place))
        for line in lower.get_lines()
        if mcolors.same_color(line.get_color(), INK) and line.get_linestyle() == "None"
        for place, row in zip(line.get_xdata(), line.get_ydata(), strict=True)
    }
    rows = ["winsorised", "4 near", "8 near", "my SAR"]
    expected = {
        (row, places[change])
        for row, name in enumerate(rows)
        for change in curve.index
        if name in change.split(" + ")
    }
    assert dots == expected
    assert upper.get_ylabel().replace("\n", " ") == "Indirect effect of Employment (log)"
    bars = upper.collections[0].get_segments()
    assert [bar[0][1] for bar in bars] == curve["conf_low"].tolist()


def test_the_curve_of_a_coefficient_in_chinese(robust):
    upper, lower = nq.plots.specification_curve(robust, "lpc", "wx", lang="zh").axes
    assert upper.get_ylabel().replace("\n", "").startswith("W Private")
    assert lower.get_xlabel() == "按估计值排序的模型设定"
    assert lower.get_yticklabels()[0].get_text() == "缩尾处理"
    # SAR has no W x.
    assert "my SAR" not in [text.get_text() for text in lower.get_yticklabels()]


def test_what_the_curve_refuses(robust):
    with pytest.raises(UnknownColumnError, match="no variable 'gdp'"):
        nq.plots.specification_curve(robust, "gdp")
    with pytest.raises(OptionError, match="'lpc' has no term 'spatial'"):
        nq.plots.specification_curve(robust, "lpc", "spatial")


def test_estimates_by_group(states):
    panel, w = states
    south = panel.units.to_series().isin(["TX", "OK", "LA", "AR", "MS", "AL", "GA", "FL"])
    result = nq.compare_groups(
        "lgsp ~ lpc + lemp", panel, w, group=south.map({True: "南方", False: "其他"}), draws=20
    )
    figure = nq.plots.group_estimates(result)
    assert len(figure.axes) == 4
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles[0].startswith("Private capital") and titles[3].startswith("W Employment")
    frame = result.frame.set_index(["form", "term", "variable", "group"])["estimate"]
    for ax, (term, name) in zip(
        figure.axes, [("x", "lpc"), ("x", "lemp"), ("wx", "lpc"), ("wx", "lemp")], strict=True
    ):
        for form, colour in (("separate", BLUE), ("pooled", ORANGE)):
            drawn = points_of(ax, colour)
            expected = [frame[form, term, name, group] for group in ("其他", "南方")]
            np.testing.assert_allclose(sorted(drawn), sorted(expected), atol=1e-6)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == list(result.groups.index)
    single = nq.plots.group_estimates(result, terms=["total"], variables=["lpc"], lang="zh")
    assert single.axes[0].get_title(loc="left").endswith("的总效应")
    with pytest.raises(OptionError, match="terms must be among"):
        nq.plots.group_estimates(result, terms=["spatial effect"])
    with pytest.raises(UnknownColumnError, match="no variable 'gdp'"):
        nq.plots.group_estimates(result, variables=["gdp"])
