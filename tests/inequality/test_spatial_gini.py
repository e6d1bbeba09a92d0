"""The spatial Gini coefficient by all pairs, and its permutations by loops."""

from __future__ import annotations

import numpy as np
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from tests.structure.panels import panel_of, panel_of_columns, ring


def test_spatial_gini_by_all_pairs(lattice):
    w = lattice(5, 6)
    y = np.random.default_rng(0).lognormal(size=(30, 2))
    result = nq.inequality.spatial_gini(panel_of_columns(x=y), "x", w, permutations=0)
    linked = w.sparse.toarray() > 0
    for t in range(2):
        apart = np.abs(y[:, t][:, None] - y[:, t]) / (2 * 900 * y[:, t].mean())
        assert result.loc[t, "neighbours"] == pytest.approx(apart[linked].sum(), abs=1e-13)
        assert result.loc[t, "others"] == pytest.approx(apart[~linked].sum(), abs=1e-13)
        assert result.loc[t, "gini"] == pytest.approx(apart.sum(), abs=1e-13)


def test_spatial_gini_knows_a_gradient_from_noise(lattice):
    w = lattice(8, 8)
    gradient = np.repeat(np.arange(1.0, 9), 8)[:, None]
    result = nq.inequality.spatial_gini(panel_of_columns(x=gradient), "x", w, permutations=199)
    assert result.loc[0, "p_value"] == pytest.approx(1 / 200)
    assert result.loc[0, "others"] > result.loc[0, "expected_others"]
    p = []
    for seed in range(60):
        y = np.random.default_rng(seed).lognormal(size=(64, 1))
        sampled = nq.inequality.spatial_gini(
            panel_of_columns(x=y), "x", w, permutations=99, seed=seed
        )
        p.append(sampled.loc[0, "p_value"])
    rejected = np.mean(np.array(p) <= 0.2)
    assert abs(rejected - 0.2) < 3.5 * np.sqrt(0.2 * 0.8 / 60)
    # Where the mean of relocations must be: the share of pairs that are no neighbours.
    share = 1 - (w.sparse.toarray() > 0).sum() / (64 * 63)
    expected = result.loc[0, "expected_others"] / result.loc[0, "gini"]
    assert expected == pytest.approx(share, abs=0.01)


def test_spatial_gini_and_its_relocations_by_loops():
    rng = np.random.default_rng(6)
    y = rng.lognormal(size=(10, 2))
    w = ring(10, 2)
    result = nq.inequality.spatial_gini(panel_of(y), "x", w, permutations=25, seed=3)
    rows, columns = np.nonzero(w.sparse.toarray())
    orders = np.random.default_rng(3).permuted(np.tile(np.arange(10), (25, 1)), axis=1)
    for t in (0, 1):
        scale = 2 * 100 * y[:, t].mean()
        gini = np.abs(np.subtract.outer(y[:, t], y[:, t])).sum() / scale

        def near(order, v=y[:, t], scale=scale):
            return np.abs(v[order[rows]] - v[order[columns]]).sum() / scale

        observed = near(np.arange(10))
        draws = np.array([near(order) for order in orders])
        row = result.loc[t]
        assert row["neighbours"] == pytest.approx(observed)
        assert row["others"] == pytest.approx(gini - observed)
        assert row["others_share"] == pytest.approx(1 - observed / gini)
        assert row["expected_others"] == pytest.approx(gini - draws.mean())
        assert row["p_value"] == pytest.approx((1 + (draws <= observed + 1e-12).sum()) / 26)
    with pytest.raises(OptionError):
        nq.inequality.spatial_gini(panel_of(y), "x", w, permutations=-1)
    first = nq.inequality.spatial_gini(panel_of(y), "x", w, permutations=1, seed=0)
    assert set(first["p_value"]) <= {0.5, 1.0}
    even = nq.inequality.spatial_gini(panel_of(np.full(10, 2.0)), "x", w, permutations=0)
    assert even.loc[0, "others_share"] == 0
