"""A few figures, pixel by pixel: what tests of artists cannot see, such as overlap and order.

The pictures in tests/plots/baseline are made by ``python tests/plots/test_images.py`` from data
that install with the package, in the font that matplotlib brings, under the pinned versions. Look
at them before you commit new ones.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.testing.compare import compare_images

import nqp_spatial as nq
from nqp_spatial.plots import _fonts as fonts

BASELINE = Path(__file__).parent / "baseline"
VERSION = "3.11"  # of matplotlib: others place text by other fractions of a pixel


def lisa_periods():
    panel = nq.datasets.us_income()
    w = nq.weights.contiguity(panel)
    found = [nq.esda.lisa(panel, "income", w, period=t, seed=0) for t in (1929, 2009)]
    return nq.plots.lisa_maps(found, panel, significance=True, tiers=True, scale_bar=True)


def missing_data():
    panel = nq.datasets.us_income()
    values = panel.frame["income"].xs(2009, level="period").copy()
    values.iloc[:4] = float("nan")
    return nq.plots.choropleth(panel, values, title="Income", north_arrow=True)


def transitions():
    panel = nq.datasets.us_income()
    w = nq.weights.contiguity(panel)
    chain = nq.dynamics.spatial_markov(panel, "relative_income", w, states=4, lag_states=4)
    return nq.plots.transitions(chain)


def ridges():
    panel = nq.datasets.us_income()
    return nq.plots.density_ridges(nq.dynamics.density(panel, "relative_income"))


def group_matrix():
    panel = nq.datasets.us_public_capital()
    south = panel.units.to_series().isin(["TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"])
    south = south.map({True: "South", False: "Rest"})
    w = nq.weights.contiguity(panel)
    split = nq.spillovers.partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit")
    return nq.plots.effects_matrix(split.effects_matrix("lpc"))


FIGURES = {one.__name__: one for one in (lisa_periods, missing_data, transitions, ridges,
                                         group_matrix)}  # fmt: skip


def save(name, path):
    """Draw a figure in the font that comes with matplotlib."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fonts, "_LATIN_FONTS", ("DejaVu Sans",))
        nq.plots.save(FIGURES[name](), path, formats=("png",), dpi=80, close=True)


@pytest.mark.skipif(not mpl.__version__.startswith(VERSION), reason=f"not matplotlib {VERSION}")
@pytest.mark.parametrize("name", list(FIGURES))
def test_a_figure_looks_as_it_did(name, tmp_path):
    save(name, tmp_path / name)
    plt.close("all")
    said = compare_images(str(BASELINE / f"{name}.png"), str(tmp_path / f"{name}.png"), tol=4)
    assert said is None, said


def test_a_changed_figure_is_seen(tmp_path):
    """The tolerance is not so wide that anything passes."""
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    panel = nq.datasets.us_income()
    for path, cmap in ((first, "YlGnBu"), (second, "YlOrRd")):
        drawn = nq.plots.choropleth(panel, "income", period=2009, cmap=cmap)
        nq.plots.save(drawn, path.with_suffix(""), formats=("png",), dpi=80, close=True)
    assert compare_images(str(first), str(second), tol=4) is not None


if __name__ == "__main__":
    BASELINE.mkdir(exist_ok=True)
    for figure in sys.argv[1:] or FIGURES:
        save(figure, BASELINE / figure)
