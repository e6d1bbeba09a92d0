"""Shares of links and effects that cross a border: by the full matrix, by hand, errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import BoundaryError
from tests.structure.panels import panel_of, ring


@pytest.fixture(scope="module")
def cities():
    return nq.datasets.simulate_cities(seed=0).select(periods=[2012, 2021])


def test_division(cities):
    w = nq.weights.knn(cities, k=8)
    result = nq.structure.border_exposure(cities, w, group="province").xs(2012, level=1)
    zone = cities.frame["province"].xs(2012, level=1)
    across = nq.weights.across(w, zone).sparse.sum(axis=1)
    np.testing.assert_allclose(result, across)


def test_division_of_effects(cities):
    """By the whole matrix of effects."""
    w = nq.weights.knn(cities, k=8)
    dense, zone = w.sparse.toarray(), cities.frame["province"].xs(2012, level=1).to_numpy()
    s = np.linalg.solve(np.eye(336) - 0.4 * dense, 1.2 * np.eye(336) + 0.3 * dense)
    across = (s * (zone[:, None] != zone)).sum(axis=1) / s.sum(axis=1)
    options = {"rho": 0.4, "beta": 1.2, "theta": 0.3}
    result = nq.structure.border_exposure(cities, w, group="province", **options).xs(2012, level=1)
    np.testing.assert_allclose(result, across)
    with pytest.raises(BoundaryError, match="must be below 1"):
        nq.structure.border_exposure(cities, w, group="province", rho=1.2)


@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.5, 0.95])
def test_division_by_the_whole_matrix(rho):
    rng = np.random.default_rng(9)
    W = ring(8, 3).sparse.toarray() * rng.uniform(0.5, 1.5, (8, 8))
    W /= W.sum(axis=1, keepdims=True)
    zone = np.array(list("aabbbccc"))
    panel = panel_of(np.ones(8), zone=zone)
    w = nq.weights.from_dense(W, range(8), standardize="row")
    result = nq.structure.border_exposure(panel, w, group="zone", rho=rho, beta=0.7, theta=0.4)
    S = np.linalg.inv(np.eye(8) - rho * W) @ (0.7 * np.eye(8) + 0.4 * W)
    other = zone[:, None] != zone
    np.testing.assert_allclose(result, (S * other).sum(axis=1) / S.sum(axis=1))
    for beyond in (1.0, -1.0, 1.5):
        with pytest.raises(BoundaryError):
            nq.structure.border_exposure(panel, w, group="zone", rho=beyond)
    # A W whose largest eigenvalue is 2: rho up to one half.
    twice = nq.weights.from_dense(2 * W, range(8), standardize="none")
    nq.structure.border_exposure(panel, twice, group="zone", rho=0.49)
    with pytest.raises(BoundaryError):
        nq.structure.border_exposure(panel, twice, group="zone", rho=0.51)


def test_division_of_a_unit_that_gets_nothing():
    W = np.zeros((3, 3))
    W[0, 1] = W[1, 0] = 1
    w = nq.weights.from_dense(W, range(3), standardize="none", islands="keep")
    result = nq.structure.border_exposure(panel_of(np.ones(3), zone=list("aab")), w, group="zone")
    assert result.tolist()[:2] == [0, 0]
    assert np.isnan(result.iloc[2])


def test_defaults():
    panel = panel_of(np.random.default_rng(0).lognormal(size=12), g=np.array(list("abc") * 4))
    w = ring(12, 2, standardize="row")
    pd.testing.assert_series_equal(
        nq.structure.border_exposure(panel, w, group="g", beta=0.7),
        nq.structure.border_exposure(panel, w, group="g", beta=0.7, theta=1.0, rho=0.0),
    )
    pd.testing.assert_series_equal(
        nq.structure.border_exposure(panel, w, group="g", rho=0.3),
        nq.structure.border_exposure(panel, w, group="g", rho=0.3, theta=1.0, beta=0.0),
    )
    with pytest.raises(AssertionError):
        pd.testing.assert_series_equal(
            nq.structure.border_exposure(panel, w, group="g", beta=0.7),
            nq.structure.border_exposure(panel, w, group="g", beta=0.7, theta=0.5),
        )
