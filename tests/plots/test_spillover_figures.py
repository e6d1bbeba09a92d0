"""Figures of spillovers: what they draw."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import FancyArrowPatch

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from nqp_spatial.plots.maps._basemap import MapStyle, basemap_of

SOUTH = ["TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"]


@pytest.fixture(scope="module")
def south(states):
    panel, _ = states
    return pd.Series(np.where(panel.units.isin(SOUTH), "South", "Rest"), panel.units, name="part")


def test_effects_matrix_shows_every_cell(states, south):
    panel, w = states
    result = nq.spillovers.partitioned(
        "lgsp ~ lpc + lemp", panel, w, group=south, effects="unit"
    ).effects_matrix("lpc")
    ax = nq.plots.effects_matrix(result)
    table, low = result.matrix(), result.matrix(value="conf_low")
    high = result.matrix(value="conf_high")
    texts = [text.get_text() for text in ax.texts]
    for a in ("Rest", "South", "all"):
        for b in ("Rest", "South", "all"):
            number = f"{table.loc[a, b]:.3f}".replace("-", "−")
            assert any(text.startswith(f"{number}\n") for text in texts)
    hatched = [patch for patch in ax.patches if patch.get_hatch()]
    assert len(hatched) == int(((low <= 0) & (high >= 0)).to_numpy().sum())
    assert [t.get_text() for t in ax.get_yticklabels()] == ["Rest", "South", "average unit"]
    with pytest.raises(OptionError, match="effect must be one of 'indirect', 'total'"):
        nq.plots.effects_matrix(result, effect="direct")


def test_effects_matrix_writes_small_effects(states, south):
    """With three decimals an effect per thousand dollars is -0.000 [-0.000, 0.000]."""
    panel, w = states
    panel = panel.assign(large=lambda d: 1e4 * d["lpc"])
    result = nq.spillovers.partitioned(
        "lgsp ~ large + lemp", panel, w, group=south, effects="unit"
    ).effects_matrix("large")
    texts = [text.get_text() for text in nq.plots.effects_matrix(result).texts]
    assert not any(text.startswith(("0.000\n", "−0.000\n", "-")) for text in texts)


def test_reach_draws_intervals_of_each_band(states):
    panel, _ = states
    result = nq.spillovers.reach(
        "lgsp ~ lpc + lemp", panel, edges_km=[0, 600, 1200], effects="unit"
    )
    ax = nq.plots.reach(result, "lpc", label="capital")
    rows = result.frame[result.frame["variable"] == "lpc"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0–600", "600–1200", "> 1200"]
    for lines, columns in zip(
        ax.collections, (("simultaneous_low", "simultaneous_high"), ("conf_low", "conf_high")),
        strict=True,
    ):  # fmt: skip
        ends = np.array([segment[:, 1] for segment in lines.get_segments()])
        np.testing.assert_allclose(ends, rows[list(columns)])
    with pytest.raises(OptionError, match="name one of the regressors, lpc, lemp; got None"):
        nq.plots.reach(result)
    within = nq.spillovers.reach_links_within(
        "lgsp ~ lpc", panel, cutoffs_km=[800, 1200], effects="unit"
    )
    labels = [t.get_text() for t in nq.plots.reach(within).get_xticklabels()]
    assert labels == ["≤ 800", "≤ 1200"]


def test_threshold_draws_the_profile_and_its_interval(states):
    panel, w = states
    score = panel.frame["lpc"].groupby(level="unit").mean().rename("Capital")
    options = {"score": score, "effects": "unit", "replications": 0}
    result = nq.spillovers.threshold("lgsp ~ lpc", panel, w, grid=9, **options)
    ax = nq.plots.threshold(result)
    curve = ax.lines[0]
    np.testing.assert_allclose(curve.get_xdata(), result.profile.index)
    np.testing.assert_allclose(curve.get_ydata(), result.profile["lr"])
    assert ax.get_xlabel() == "Capital of the sender"
    fixed = nq.spillovers.threshold("lgsp ~ lpc", panel, w, gamma=result.gamma, **options)
    with pytest.raises(OptionError, match="given, not searched"):
        nq.plots.threshold(fixed)


def test_border_loss_draws_shares_and_limits(states, south):
    panel, _ = states
    w = nq.weights.knn(panel, k=6)
    result = nq.spillovers.barrier("lgsp ~ lpc", panel, w, group=south, effects="unit")
    ax = nq.plots.border_loss(result)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["across part"]
    limits = result.share_interval().iloc[0]
    ends_drawn = ax.lines[0].get_xdata()
    if limits["kind"] == "bounded" and abs(limits["conf_low"]) < 3:
        np.testing.assert_allclose(ends_drawn, [limits["conf_low"], limits["conf_high"]])


def test_arrows_go_from_sender_to_receiver(states, south):
    panel, w = states
    result = nq.spillovers.partitioned(
        "lgsp ~ lpc + lemp", panel, w, group=south, effects="unit"
    ).effects_matrix("lpc")
    ax = nq.plots.effects_arrows(result, panel, south)
    value = result.matrix("indirect")
    low, high = result.matrix("indirect", "conf_low"), result.matrix("indirect", "conf_high")
    arrows = [p for p in ax.patches if isinstance(p, FancyArrowPatch)]
    assert len(arrows) == 2
    shapes = panel.geometry.to_crs(ax_crs(panel))
    mean = {g: shapes[south == g].centroid.x.mean() for g in ("Rest", "South")}
    widths = {}
    for arrow in arrows:
        (start, _), (end, _) = arrow._posA_posB
        sender = min(mean, key=lambda g: abs(mean[g] - start))
        receiver = min(mean, key=lambda g: abs(mean[g] - end))
        assert sender != receiver
        widths[receiver, sender] = arrow.get_linewidth()
        holds = low.loc[receiver, sender] <= 0 <= high.loc[receiver, sender]
        assert (arrow.get_linestyle() != "-") == holds
    texts = [t.get_text() for t in ax.texts]
    for receiver in mean:
        assert f"{receiver}\nwithin: {value.loc[receiver, receiver]:.3f}" in texts
        for sender in set(mean) - {receiver}:
            assert f"{value.loc[receiver, sender]:.3f}" in texts
    order = sorted(widths, key=lambda pair: abs(value.loc[pair]))
    assert widths[order[0]] < widths[order[1]]
    with pytest.raises(OptionError, match="group must give the groups of the result"):
        nq.plots.effects_arrows(result, panel, south.replace("South", "Sunny"))


def ax_crs(panel):
    return basemap_of(panel, MapStyle()).shapes.crs


def test_the_axis_of_a_threshold_ends_where_the_critical_value_can_be_seen():
    """A statistic of 4 000 beside a critical value of 7 once hid the value and the interval."""
    panel = nq.datasets.us_public_capital()
    w = nq.weights.contiguity(panel)
    level = panel.frame["lpc"].groupby(level="unit").mean()
    result = nq.spillovers.threshold(
        "lgsp ~ lpc", panel, w, score=level, effects="unit", replications=0, grid=12
    )
    ax = nq.plots.threshold(result)
    critical = -2 * np.log(1 - np.sqrt(0.95))
    assert ax.get_ylim()[1] > result.profile["lr"].max()  # nothing is cut where all can be seen
    assert len([line for line in ax.lines if line.get_marker() == "^"]) == 0
    profile = result.profile.copy()
    profile["lr"] *= 4000 / profile["lr"].max()
    steep = replace(result, profile=profile)
    ax = nq.plots.threshold(steep)
    assert 2 * critical < ax.get_ylim()[1] < 8 * critical
    (marks,) = (line for line in ax.lines if line.get_marker() == "^")
    assert list(marks.get_xdata()) == list(profile.index[profile["lr"] > ax.get_ylim()[1]])
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "beyond the axis, up to 4,000" in texts
    low, high = result.conf_low, result.conf_high
    assert f"95% confidence interval: {low:.4g} to {high:.4g}" in texts


def test_many_bands_are_slanted():
    panel = nq.datasets.us_public_capital()
    few = nq.spillovers.reach("lgsp ~ lpc", panel, edges_km=[0, 600, 1200], effects="unit")
    many = nq.spillovers.reach(
        "lgsp ~ lpc", panel, edges_km=[0, 300, 600, 900, 1200, 1600], effects="unit"
    )
    for result, angle in ((few, 0), (many, 30)):
        ax = nq.plots.reach(result)
        ax.figure.canvas.draw()
        boxes = [text.get_window_extent() for text in ax.get_xticklabels()]
        assert {text.get_rotation() for text in ax.get_xticklabels()} == {angle}
        if not angle:
            assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))
        assert ax.get_ylabel().replace("\n", " ") == "Indirect effect of Private capital (log)"


def test_titles_have_the_labels_of_regressors(states, south):
    panel, w = states
    split = nq.spillovers.partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit")
    effects = split.effects_matrix("lpc")
    for ax in (nq.plots.effects_matrix(effects), nq.plots.effects_arrows(effects, panel, south)):
        assert panel.label("lpc") in ax.get_title(loc="left").replace("\n", " ")
    own = nq.plots.effects_matrix(effects, label="Capital")
    assert "Capital" in own.get_title(loc="left")
