"""Maps of association, and what stands around maps."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from pyproj import Transformer

import nqp_spatial as nq
from nqp_spatial.errors import GeometryError, OptionError
from nqp_spatial.esda.paths import DIRECTIONS


@pytest.fixture(scope="module")
def incomes():
    panel = nq.datasets.us_income()
    w = nq.weights.contiguity(panel)
    results = [
        nq.esda.lisa(panel, "income", w, period=t, permutations=999, seed=0)
        for t in (1929, 1969, 2009)
    ]
    return panel, w, results


def entries_of(legend):
    return [text.get_text() for text in legend.get_texts()]


def test_tiers_part_clusters_by_p_value(incomes):
    panel, _, (lisa, *_) = incomes
    ax = nq.plots.lisa_map(lisa, panel, tiers=True)
    frame = lisa.frame
    tier = np.select(
        [frame["p_value"] <= 0.001, frame["p_value"] <= 0.01], ["≤ 0.001", "≤ 0.01"], "< 0.05"
    )
    names = frame["cluster"].astype(str) + ", p " + tier
    names = names.where(frame["cluster"] != "Not significant", "Not significant")
    wanted = {f"{name} ({count})" for name, count in names.value_counts().items()}
    entries = entries_of(ax.get_legend())
    assert set(entries) == wanted
    colours = [to_hex(patch.get_facecolor()) for patch in ax.get_legend().get_patches()]
    assert len(set(colours)) == len(colours)


def test_significance_map_counts_tiers(incomes):
    panel, w, (lisa, *_) = incomes
    p = lisa.frame["p_value"][lisa.frame["cluster"] != "Not significant"]
    counts = {
        "p < 0.05": int((p > 0.01).sum()),
        "p ≤ 0.01": int(((p <= 0.01) & (p > 0.001)).sum()),
        "p ≤ 0.001": int((p <= 0.001).sum()),
        "Not significant": 48 - len(p),
    }
    ax = nq.plots.significance_map(lisa, panel)
    entries = entries_of(ax.get_legend())
    assert entries == [f"{name} ({count})" for name, count in counts.items()]
    assert ax.get_legend().get_title().get_text() == "Pseudo p-value, 999 permutations"
    # A stricter alpha has fewer tiers, a rate of false discoveries fewer units.
    strict = nq.esda.lisa(panel, "income", w, period=1929, alpha=0.01, seed=0)
    entries = entries_of(nq.plots.significance_map(strict, panel).get_legend())
    assert [text.split(" (")[0] for text in entries] == ["p < 0.01", "p ≤ 0.001", "Not significant"]


def test_small_multiples_have_one_legend(incomes):
    panel, _, several = incomes
    figure = nq.plots.lisa_maps(several, panel, significance=True, title="Incomes")
    assert len(figure.axes) == 6
    assert [ax.get_legend() for ax in figure.axes] == [None] * 6
    (legend,) = figure.legends
    entries = entries_of(legend)
    assert len(entries) == len(set(entries))
    assert entries[0] == "High-High"
    assert {"p < 0.05", "p ≤ 0.01", "p ≤ 0.001"} <= set(entries)
    first = several[0].counts
    title = figure.axes[0].get_title(loc="left")
    assert title.startswith("1929: ")
    assert f"HH {first['High-High']}, LL {first['Low-Low']}" in title
    assert figure.get_suptitle() == "Incomes"
    # Colours of the legend are those of the maps.
    drawn = {to_hex(areas.get_facecolor()[0]) for ax in figure.axes for areas in ax.collections}
    assert {to_hex(patch.get_facecolor()) for patch in legend.get_patches()} >= drawn
    single = nq.plots.lisa_maps({"收入": several[0]}, panel, significance=True, tiers=True)
    assert len(single.axes) == 2
    assert single.axes[0].get_title(loc="left").startswith("收入: ")
    with pytest.raises(OptionError, match="results must hold at least one"):
        nq.plots.lisa_maps([], panel)
    with pytest.raises(OptionError, match="no option 'ax'"):
        nq.plots.lisa_maps(several, panel, ax=plt.gca())


def test_scale_bar_has_its_length_and_the_arrow_points_north(incomes):
    panel, *_ = incomes
    ax = nq.plots.choropleth(
        panel, "income", period=2009, scale_bar=True, north_arrow=True, crs="EPSG:5070"
    )
    (bar,) = [line for line in ax.lines if line.get_label() == "_scale bar"]
    length = np.ptp(bar.get_xdata())
    words = next(text.get_text() for text in ax.texts if text.get_text().endswith(" km"))
    assert length == pytest.approx(float(words.removesuffix(" km").replace(",", "")) * 1000)
    assert "N" in [text.get_text() for text in ax.texts]
    # The arrow runs along the meridian at its place, and stands where that is nearly upright.
    arrow = next(text for text in ax.texts if getattr(text, "arrow_patch", None) is not None)
    start, tip = np.array(arrow.xyann), np.array(arrow.xy)
    back = Transformer.from_crs("EPSG:5070", "EPSG:4326", always_xy=True)
    # A short step: over the length of the arrow the meridian is not quite straight.
    near = start + (tip - start) / 100
    assert back.transform(*near)[0] == pytest.approx(back.transform(*start)[0], abs=2e-3)
    assert back.transform(*tip)[1] > back.transform(*start)[1]
    lean = np.degrees(np.arctan2(*(tip - start)))
    assert 0.01 < abs(lean) <= 8
    feet = nq.plots.choropleth(panel, "income", period=2009, scale_bar=True, crs="EPSG:2263")
    (bar,) = [line for line in feet.lines if line.get_label() == "_scale bar"]
    words = next(text.get_text() for text in feet.texts if text.get_text().endswith(" km"))
    metres = np.ptp(bar.get_xdata()) * 0.3048
    assert metres == pytest.approx(
        float(words.removesuffix(" km").replace(",", "")) * 1000, rel=1e-4
    )
    with pytest.raises(GeometryError, match="need a projection with a unit of length"):
        nq.plots.choropleth(panel, "income", period=2009, scale_bar=True, crs=None)


def test_labels_of_the_panel_reach_the_figures(incomes):
    panel, *_ = incomes
    label = "Income per head, dollars"
    chain = nq.dynamics.markov(panel, "income", relative=True)
    legend = nq.plots.steady_states(chain).get_legend().get_title().get_text()
    assert legend == "State of Income per head, multiple of the mean"  # which is not in dollars
    kernel = nq.dynamics.stochastic_kernel(panel, "income")
    assert nq.plots.kernel_contour(kernel).get_xlabel() == f"{label}, t"


def test_hot_spots_and_similar_units_have_their_own_classes(incomes):
    panel, w, _ = incomes
    hot = nq.esda.getis_ord(panel, "income", w, period=1929, seed=0)
    ax = nq.plots.lisa_map(hot, panel)
    assert ax.get_legend().get_title().get_text() == "Getis-Ord Gi*, p < 0.05, 999 permutations"
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    assert entries == [f"{name} ({count})" for name, count in hot.counts.items()]
    tiers = nq.plots.lisa_map(hot, panel, tiers=True, lang="zh").get_legend()
    assert any("热点" in text.get_text() for text in tiers.get_texts())
    local = nq.esda.local_geary(panel, "income", w, period=1929, seed=0)
    words = nq.plots.significance_map(local, panel).get_legend().get_texts()
    counts = [int(text.get_text().split("(")[1][:-1]) for text in words]
    assert sum(counts) == 48
    assert counts[-1] == local.counts["Not significant"]
    figure = nq.plots.lisa_maps({"Gi*": hot}, panel)
    expected = f"Gi*: Hot spot {hot.counts['Hot spot']}, Cold spot {hot.counts['Cold spot']}"
    assert figure.axes[0].get_title(loc="left").replace("\n", " ") == expected


def test_one_legend_is_of_one_statistic(incomes):
    panel, w, (lisa, *_) = incomes
    hot = nq.esda.getis_ord(panel, "income", w, period=1929, seed=0)
    strict = nq.esda.lisa(panel, "income", w, period=1929, alpha=0.01, seed=0)
    for other in (hot, strict):
        with pytest.raises(OptionError, match="one statistic and one criterion"):
            nq.plots.lisa_maps([lisa, other], panel)


def test_paths_are_arrows_from_first_to_last(incomes):
    panel, w, _ = incomes
    paths = nq.esda.lisa_paths(panel, "income", w)
    ax = nq.plots.lisa_paths(paths, annotate=3)
    arrows = [a for a in ax.collections if type(a).__name__ == "Quiver"]
    assert sum(len(a.U) for a in arrows) == 48
    starts = np.concatenate([a.XY for a in arrows])
    moves = np.concatenate([np.column_stack([a.U, a.V]) for a in arrows])
    first, last = panel.periods[[0, -1]]
    units = np.concatenate(
        [paths.frame.index[paths.frame["direction"] == name] for name in DIRECTIONS
         if (paths.frame["direction"] == name).any()]
    )  # fmt: skip
    expected = np.column_stack([paths.z.loc[units, first], paths.lag_z.loc[units, first]])
    np.testing.assert_allclose(starts, expected)
    ends = np.column_stack([paths.z.loc[units, last], paths.lag_z.loc[units, last]])
    np.testing.assert_allclose(starts + moves, ends)
    distance = pd.Series(np.hypot(*moves.T), units)
    assert {text.get_text() for text in ax.texts} == set(distance.nlargest(3).index)
