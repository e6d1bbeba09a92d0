"""Figures of spillovers: what they draw."""

from __future__ import annotations

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
    found = nq.spillovers.partitioned(
        "lgsp ~ lpc + lemp", panel, w, group=south, effects="unit"
    ).effects_matrix("lpc")
    ax = nq.plots.effects_matrix(found)
    table, low = found.matrix(), found.matrix(value="conf_low")
    high = found.matrix(value="conf_high")
    texts = [text.get_text() for text in ax.texts]
    for a in ("Rest", "South", "all"):
        for b in ("Rest", "South", "all"):
            assert any(text.startswith(f"{table.loc[a, b]:.3f}\n") for text in texts)
    hatched = [patch for patch in ax.patches if patch.get_hatch()]
    assert len(hatched) == int(((low <= 0) & (high >= 0)).to_numpy().sum())
    assert [t.get_text() for t in ax.get_yticklabels()] == ["Rest", "South", "average unit"]
    with pytest.raises(OptionError, match="effect must be one of 'indirect', 'total'"):
        nq.plots.effects_matrix(found, effect="direct")


def test_reach_draws_intervals_of_each_band(states):
    panel, _ = states
    found = nq.spillovers.reach("lgsp ~ lpc + lemp", panel, edges_km=[0, 600, 1200], effects="unit")
    ax = nq.plots.reach(found, "lpc", label="capital")
    rows = found.frame[found.frame["variable"] == "lpc"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0–600", "600–1200", "> 1200"]
    for lines, columns in zip(
        ax.collections, (("simultaneous_low", "simultaneous_high"), ("conf_low", "conf_high")),
        strict=True,
    ):  # fmt: skip
        ends = np.array([segment[:, 1] for segment in lines.get_segments()])
        np.testing.assert_allclose(ends, rows[list(columns)])
    with pytest.raises(OptionError, match="name one of the regressors, lpc, lemp; got None"):
        nq.plots.reach(found)
    within = nq.spillovers.reach_links_within(
        "lgsp ~ lpc", panel, cutoffs_km=[800, 1200], effects="unit"
    )
    labels = [t.get_text() for t in nq.plots.reach(within).get_xticklabels()]
    assert labels == ["≤ 800", "≤ 1200"]


def test_threshold_draws_the_profile_and_its_interval(states):
    panel, w = states
    score = panel.frame["lpc"].groupby(level="unit").mean().rename("Capital")
    options = {"score": score, "effects": "unit", "replications": 0}
    found = nq.spillovers.threshold("lgsp ~ lpc", panel, w, grid=9, **options)
    ax = nq.plots.threshold(found)
    curve = ax.lines[0]
    np.testing.assert_allclose(curve.get_xdata(), found.profile.index)
    np.testing.assert_allclose(curve.get_ydata(), found.profile["lr"])
    assert ax.get_xlabel() == "Capital of the sender"
    given = nq.spillovers.threshold("lgsp ~ lpc", panel, w, gamma=found.gamma, **options)
    with pytest.raises(OptionError, match="given, not searched"):
        nq.plots.threshold(given)


def test_border_loss_draws_shares_and_limits(states, south):
    panel, _ = states
    w = nq.weights.knn(panel, k=6)
    found = nq.spillovers.barrier("lgsp ~ lpc", panel, w, group=south, effects="unit")
    ax = nq.plots.border_loss(found)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["across part"]
    limits = found.share_interval().iloc[0]
    drawn = ax.lines[0].get_xdata()
    if limits["kind"] == "bounded" and abs(limits["conf_low"]) < 3:
        np.testing.assert_allclose(drawn, [limits["conf_low"], limits["conf_high"]])


def test_arrows_go_from_sender_to_receiver(states, south):
    panel, w = states
    found = nq.spillovers.partitioned(
        "lgsp ~ lpc + lemp", panel, w, group=south, effects="unit"
    ).effects_matrix("lpc")
    ax = nq.plots.effects_arrows(found, panel, south)
    value = found.matrix("indirect")
    low, high = found.matrix("indirect", "conf_low"), found.matrix("indirect", "conf_high")
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
        nq.plots.effects_arrows(found, panel, south.replace("South", "Sunny"))


def ax_crs(panel):
    return basemap_of(panel, MapStyle()).shapes.crs
