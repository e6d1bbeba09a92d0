"""Figures of coefficients that differ, by what they draw."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_rgba

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._theme import LIGHT


@pytest.fixture(scope="module")
def panel():
    return nq.datasets.us_public_capital()


@pytest.fixture(scope="module")
def changing(panel):
    return nq.panel_threshold(
        "lgsp ~ lpcap + lemp", panel, threshold="unemp", regime="lpcap", thresholds=2,
        replications=0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def local(panel):
    pytest.importorskip("mgwr", reason="the extra gwr is not installed")
    return nq.gwr("lgsp ~ unemp + lpc", panel, period=1986, bandwidth=30)


def test_a_panel_for_each_threshold(changing):
    figure = nq.plots.panel_threshold(changing, label="Out of work")
    assert len(figure.axes) == 2
    for number, ax in enumerate(figure.axes, start=1):
        profile, critical, *_ = ax.lines
        lr = changing.profile.loc[number, "lr"]
        heights = np.asarray(profile.get_ydata(), dtype=float)
        known = np.isfinite(heights)
        np.testing.assert_array_equal(np.asarray(profile.get_xdata())[known], lr.index)
        np.testing.assert_allclose(heights[known], lr)
        assert critical.get_ydata()[0] == pytest.approx(7.3523, abs=1e-4)
        row = changing.thresholds.loc[number]
        words = [text.get_text() for text in ax.get_legend().get_texts()]
        assert f"estimate: {row['gamma']:.4g}" in words
        assert f"{row['conf_low']:.4g} to {row['conf_high']:.4g}" in words[0]
        assert ax.get_xlabel() == "Out of work"
        assert ax.get_title(loc="left") == f"Threshold {number}"
    # Between thresholds that are too near there is no value.
    assert not known.all()
    chinese = nq.plots.panel_threshold(changing, lang="zh")
    assert chinese.axes[0].get_title(loc="left") == "第 1 个门槛"


def test_coefficients_that_are_not_significant_are_grey(panel, local):
    ax = nq.plots.coefficient_map(local, panel, "unemp")
    rows = local.frame.xs("unemp", level="variable")
    grey = int((rows["p_corrected"] >= 0.05).sum())
    assert 0 < grey < 48
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words[-1] == f"not significant (corrected p ≥ 0.05) ({grey})"
    handle = ax.get_legend().legend_handles[-1]
    assert handle.get_facecolor() == pytest.approx(to_rgba(LIGHT))
    everything = nq.plots.coefficient_map(local, panel, "unemp", alpha=None)
    assert not any("significant" in text.get_text() for text in everything.get_legend().get_texts())
    nothing = dataclasses.replace(local, frame=local.frame.assign(p_corrected=1.0))
    [only] = nq.plots.coefficient_map(nothing, panel, "unemp").get_legend().get_texts()
    assert only.get_text().endswith("(48)")
    with pytest.raises(OptionError, match="variable must be one of 'Intercept', 'unemp', 'lpc'"):
        nq.plots.coefficient_map(local, panel, "lemp")


def test_the_first_regressor_is_the_default(panel, local):
    ax = nq.plots.coefficient_map(local, panel)
    assert ax.get_legend().get_title().get_text() == "Coefficient of Unemployment rate, %, 1986"
    own = nq.plots.coefficient_map(local, panel, "lpc", label="Elasticity")
    assert own.get_legend().get_title().get_text() == "Elasticity"
