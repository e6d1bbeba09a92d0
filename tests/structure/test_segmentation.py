"""Segmentation of markets by hand, by loops, and where it must be zero."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import DomainError, IslandError, OptionError
from tests.structure.panels import panel_of, panel_of_columns, ring


def test_segmentation_by_hand(lattice):
    """A path of three units: pairs (0, 1) and (1, 2), both ways."""
    w = nq.weights.from_edges(
        pd.DataFrame({"focal": [0, 1, 1, 2], "neighbor": [1, 0, 2, 1], "weight": 1.0})
    )
    rng = np.random.default_rng(0)
    p = np.exp(rng.normal(size=(3, 2, 4)) / 10)
    goods = list("abcd")
    panel = panel_of_columns(**{g: p[:, :, k] for k, g in enumerate(goods)})
    result = nq.structure.segmentation(panel, goods, w)
    d = np.array([np.abs(np.log(p[i, 1] / p[j, 1])) for i, j in ((0, 1), (1, 2))])
    q = (d - d.mean(axis=0)).var(axis=1)
    assert result[0, 1] == pytest.approx(q[0])
    assert result[1, 1] == pytest.approx(q.mean())
    assert result[2, 1] == pytest.approx(q[1])
    levels = nq.structure.segmentation(panel, goods, w, prices="level")
    change = np.log(p[:, 1] / p[:, 0])
    d = np.array([np.abs(change[i] - change[j]) for i, j in ((0, 1), (1, 2))])
    assert np.isnan(levels[0, 0])
    assert levels[0, 1] == pytest.approx((d - d.mean(axis=0)).var(axis=1)[0])


def test_one_market_has_no_segmentation_and_a_barrier_has(lattice):
    w = lattice(4, 4)
    rng = np.random.default_rng(0)
    common = np.exp(rng.normal(size=(1, 3, 5)))
    together = np.repeat(common, 16, axis=0)
    goods = list("abcde")
    united = panel_of_columns(**{g: together[:, :, k] for k, g in enumerate(goods)})
    assert nq.structure.segmentation(united, goods, w).abs().max() < 1e-20
    # The right half has shocks of its own: only units at the border see them.
    split = together.copy()
    right = np.arange(16) % 4 >= 2
    split[right] *= np.exp(rng.normal(size=(1, 3, 5)))
    apart = panel_of_columns(**{g: split[:, :, k] for k, g in enumerate(goods)})
    result = nq.structure.segmentation(apart, goods, w).xs(0, level=1)
    border = np.isin(np.arange(16) % 4, [1, 2])
    assert result[border].min() > result[~border].max()
    with pytest.raises(OptionError, match="three or more"):
        nq.structure.segmentation(united, ["a", "b"], w)
    alone = nq.weights.from_dense(np.zeros((16, 16)), united.units, islands="keep")
    with pytest.raises(IslandError, match="units without neighbours"):
        nq.structure.segmentation(united, goods, alone)


@pytest.mark.parametrize("prices", ["chain", "level"])
def test_segmentation_by_loops(prices):
    rng = np.random.default_rng(8)
    p = np.exp(rng.normal(size=(7, 4, 3)))
    W = ring(7, 2).sparse.toarray()
    panel = panel_of(p[:, :, 0], b=p[:, :, 1], c=p[:, :, 2])
    result = nq.structure.segmentation(panel, ["x", "b", "c"], ring(7, 2), prices=prices)
    log = np.log(p)
    # "chain": prices are indices over the period before already
    x = log if prices == "chain" else np.diff(log, axis=1)
    united = 4 - x.shape[1]
    pairs = {tuple(sorted((i, j))) for i in range(7) for j in range(7) if W[i, j]}
    for t in range(4):
        if t < united:
            assert result.xs(t, level=1).isna().all()
            continue
        gap = {pair: np.abs(x[pair[0], t - united] - x[pair[1], t - united]) for pair in pairs}
        mean = np.mean(list(gap.values()), axis=0)
        for i in range(7):
            q = [np.var(gap[tuple(sorted((i, j)))] - mean) for j in range(7) if W[i, j]]
            assert result[i, t] == pytest.approx(np.mean(q))
    with pytest.raises(OptionError):
        nq.structure.segmentation(panel, ["x", "b"], ring(7))
    with pytest.raises(DomainError):
        nq.structure.segmentation(panel.assign(b=0.0), ["x", "b", "c"], ring(7))
