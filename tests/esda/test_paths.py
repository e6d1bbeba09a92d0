"""Paths through Moran's scatter plot by giddy and by loops."""

from __future__ import annotations

import giddy
import numpy as np
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import PanelError
from tests.esda.panels import panel_of, ring, weights_of
from tests.parity import agree


@pytest.mark.parity
def test_transitions_equal_giddy():
    panel = nq.datasets.us_income()
    w = nq.weights.contiguity(panel)
    ours = nq.esda.lisa_paths(panel, "income", w)
    theirs = giddy.markov.LISA_Markov(panel.wide("income").to_numpy(), w.to_W(), permutations=0)
    order = ["High-High", "Low-High", "Low-Low", "High-Low"]
    other = {"program": "giddy", "data": "US state incomes"}
    agree(
        "Paths: moves between quadrants",
        ours.transitions.loc[order, order],
        theirs.transitions,
        **other,
    )
    assert ours.moves.sum() == pytest.approx(1)
    # giddy numbers moves within a quadrant on the diagonal: 1, 6, 11, 16.
    stays = np.trace(theirs.transitions) / theirs.transitions.sum()
    agree("Paths: cohesion", ours.cohesion, stays, rtol=1e-6, **other)


def test_paths_written_out():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(12, 5)).cumsum(axis=1)
    W = ring(12, 2) / 2
    result = nq.esda.lisa_paths(panel_of(values), "x", weights_of(W))
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    lags = W @ z
    lengths = np.array([
        sum(np.hypot(z[i, t + 1] - z[i, t], lags[i, t + 1] - lags[i, t]) for t in range(4))
        for i in range(12)
    ])  # fmt: skip
    ends = np.hypot(z[:, -1] - z[:, 0], lags[:, -1] - lags[:, 0])
    np.testing.assert_allclose(result.frame["length"], 12 * lengths / lengths.sum())
    np.testing.assert_allclose(result.frame["tortuosity"], lengths / ends)
    changes = {"None": 0, "Unit": 0, "Neighbours": 0, "Both": 0}
    for i in range(12):
        angle = np.degrees(np.arctan2(lags[i, -1] - lags[i, 0], z[i, -1] - z[i, 0])) % 360
        assert result.frame.loc[i, "angle"] == pytest.approx(angle)
        names = ["Both rise", "Neighbours rise alone", "Both fall", "Unit rises alone"]
        assert result.frame.loc[i, "direction"] == names[int(angle // 90)]
        moves = 0
        for t in range(4):
            unit = (z[i, t] > 0) != (z[i, t + 1] > 0)
            near = (lags[i, t] > 0) != (lags[i, t + 1] > 0)
            changes[
                {(0, 0): "None", (1, 0): "Unit", (0, 1): "Neighbours"}.get((unit, near), "Both")
            ] += 1
            moves += unit or near
        assert result.frame.loc[i, "moves"] == moves
    assert (result.moves * 48).round(9).to_dict() == changes


def test_islands_have_no_path():
    values = np.random.default_rng(3).normal(size=(12, 4))
    W = ring(12, 2) / 2
    W[5] = 0
    result = nq.esda.lisa_paths(panel_of(values), "x", weights_of(W, islands="keep"))
    assert result.frame.loc[5].isna().all()
    assert result.frame.drop(index=5)["length"].mean() == pytest.approx(1)
    assert result.transitions.to_numpy().sum() == 11 * 3
    assert "no neighbours" in result.notes[0]


def test_periods_that_are_named():
    values = np.random.default_rng(3).normal(size=(12, 4))
    w = weights_of(ring(12, 2))
    named = nq.esda.lisa_paths(panel_of(values), "x", w, periods=[0, 3])
    np.testing.assert_allclose(named.frame["tortuosity"], 1)
    assert named.z.columns.tolist() == [0, 3]
    with pytest.raises(PanelError, match="two periods or more, got 1"):
        nq.esda.lisa_paths(panel_of(values), "x", w, periods=[2])
