"""Figures of the geodetector, by what they draw."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.core.inference import critical_value
from nqp_spatial.errors import OptionError


@pytest.fixture(scope="module")
def drivers():
    rng = np.random.default_rng(1)
    a, b = rng.integers(2, size=(2, 300)).astype(bool)
    noise = rng.choice(["p", "q", "r"], 300)
    frame = pd.DataFrame({"id": range(300), "a": a, "b": b, "noise": noise})
    frame["y"] = 2.0 * (a ^ b) + 0.8 * a + rng.normal(size=300)
    panel = nq.SpatialPanel(frame, unit="id", labels={"noise": "No driver"})
    return nq.structure.geodetector(
        panel, "y", ["noise", "b", "a"], permutations=199, replications=49, seed=0
    )


def test_bars_are_ordered_and_filled_by_significance(drivers):
    ax = nq.plots.geodetector(drivers)
    q = drivers.frame.droplevel("period").sort_values("q", ascending=False)
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], q["q"])
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == [drivers.labels[name] for name in q.index]
    assert "No driver" in names
    filled = [tuple(bar.get_facecolor()) != (1.0, 1.0, 1.0, 1.0) for bar in ax.patches]
    assert filled == (q["p_value"] < 0.05).tolist()
    assert set(filled) == {True, False}
    strict = nq.plots.geodetector(drivers, alpha=0.001)
    assert all(tuple(bar.get_facecolor()) == (1.0, 1.0, 1.0, 1.0) for bar in strict.patches)


def test_cells_are_single_factors_and_pairs(drivers):
    ax = nq.plots.interactions(drivers)
    cells = {tuple(map(int, text.get_position())): float(text.get_text()) for text in ax.texts}
    names = list(drivers.labels)
    for place, name in enumerate(names):
        q = drivers.frame["q"].xs(name, level="factor").iloc[0]
        assert cells[place, place] == pytest.approx(q, abs=0.005)
    for (_, first, second), row in drivers.interactions.iterrows():
        place = names.index(first), names.index(second)
        assert cells[place] == pytest.approx(row["q"], abs=0.005)
    enhanced = (drivers.interactions["kind"] == "nonlinear enhancement").sum()
    assert len(ax.patches) == enhanced > 0
    assert ax.get_legend().get_texts()[0].get_text() == "nonlinear enhancement"
    assert nq.plots.interactions(drivers, lang="zh").get_legend().get_texts()[0].get_text() == (
        "非线性增强"
    )


def test_means_and_intervals_of_strata(drivers):
    ax = nq.plots.strata_means(drivers, "noise")
    rows = drivers.strata.xs("noise", level="factor").droplevel("period")
    np.testing.assert_allclose(ax.lines[0].get_xdata(), rows["mean"])
    ends = np.array([segment[:, 0] for segment in ax.collections[0].get_segments()])
    reach = [
        critical_value(0.95, n - 1) * s / np.sqrt(n)
        for n, s in zip(rows["count"], rows["std_dev"], strict=True)
    ]
    np.testing.assert_allclose(ends[:, 1] - rows["mean"], reach)
    assert ax.get_ylabel() == "No driver"


def test_what_is_refused(drivers):
    with pytest.raises(OptionError, match="no factor 'c'"):
        nq.plots.strata_means(drivers, "c")
    with pytest.raises(OptionError, match="no period 1999"):
        nq.plots.geodetector(drivers, period=1999)
    frame = pd.DataFrame({"id": range(6), "y": np.arange(6.0), "a": list("ababab")})
    panel = nq.SpatialPanel(frame, unit="id")
    single = nq.structure.geodetector(panel, "y", ["a"], permutations=0)
    with pytest.raises(OptionError, match="two factors or more"):
        nq.plots.interactions(single)
