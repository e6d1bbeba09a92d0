"""Inequality in space: neighbours, allocation of factors, segmentation, the four D."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import nqp_spatial as nq
from nqp_spatial.errors import BoundaryError, DomainError, GeometryError, IslandError, OptionError


def long(**columns):
    n, t = np.shape(next(iter(columns.values())))
    ids = {"id": np.repeat(np.arange(n), t), "t": np.tile(np.arange(t), n)}
    every = {name: np.ravel(np.asarray(v, dtype=float)) for name, v in columns.items()}
    return nq.SpatialPanel(pd.DataFrame(ids | every), unit="id", period="t")


def test_spatial_gini_by_all_pairs(lattice):
    w = lattice(5, 6)
    y = np.random.default_rng(0).lognormal(size=(30, 2))
    found = nq.inequality.spatial_gini(long(x=y), "x", w, permutations=0)
    linked = w.sparse.toarray() > 0
    for t in range(2):
        apart = np.abs(y[:, t][:, None] - y[:, t]) / (2 * 900 * y[:, t].mean())
        assert found.loc[t, "neighbours"] == pytest.approx(apart[linked].sum(), abs=1e-13)
        assert found.loc[t, "others"] == pytest.approx(apart[~linked].sum(), abs=1e-13)
        assert found.loc[t, "gini"] == pytest.approx(apart.sum(), abs=1e-13)


def test_spatial_gini_knows_a_gradient_from_noise(lattice):
    w = lattice(8, 8)
    gradient = np.repeat(np.arange(1.0, 9), 8)[:, None]
    found = nq.inequality.spatial_gini(long(x=gradient), "x", w, permutations=199)
    assert found.loc[0, "p_value"] == pytest.approx(1 / 200)
    assert found.loc[0, "others"] > found.loc[0, "expected_others"]
    p = []
    for seed in range(60):
        y = np.random.default_rng(seed).lognormal(size=(64, 1))
        some = nq.inequality.spatial_gini(long(x=y), "x", w, permutations=99, seed=seed)
        p.append(some.loc[0, "p_value"])
    rejected = np.mean(np.array(p) <= 0.2)
    assert abs(rejected - 0.2) < 3.5 * np.sqrt(0.2 * 0.8 / 60)
    # Where the mean of relocations must be: the share of pairs that are no neighbours.
    share = 1 - (w.sparse.toarray() > 0).sum() / (64 * 63)
    expected = found.loc[0, "expected_others"] / found.loc[0, "gini"]
    assert expected == pytest.approx(share, abs=0.01)


def test_misallocation_is_what_a_planner_would_gain():
    """Against the best allocation, found by an optimiser that knows no formula."""
    rng = np.random.default_rng(0)
    n, alpha, sigma = 4, 0.4, 3.0
    k, labour, a = (rng.uniform(0.5, 2, n) for _ in range(3))

    def output(k, labour):
        made = a * k**alpha * labour ** (1 - alpha)
        return (made ** ((sigma - 1) / sigma)).sum() ** (sigma / (sigma - 1))

    def loss(shares):
        to_k, to_l = np.exp(shares[:n]), np.exp(shares[n:])
        return -np.log(output(k.sum() * to_k / to_k.sum(), labour.sum() * to_l / to_l.sum()))

    best = optimize.minimize(loss, np.zeros(2 * n), tol=1e-12)
    gain = 100 * (np.exp(-best.fun) / output(k, labour) - 1)
    revenue = (a * k**alpha * labour ** (1 - alpha)) ** ((sigma - 1) / sigma)
    panel = long(y=revenue[:, None], k=k[:, None], l=labour[:, None])
    options = {"output": "y", "capital": "k", "labour": "l", "alpha": alpha, "sigma": sigma}
    found = nq.structure.misallocation(panel, **options)
    assert gain > 1
    assert found.frame.loc[0, "gain_percent"] == pytest.approx(gain, rel=1e-6)
    tau = revenue / revenue.sum() / (k / k.sum()) - 1
    np.testing.assert_allclose(found.distortions["tau_capital"], tau)
    # Factors in proportion to revenue: nothing to gain, no distortion.
    even = long(y=revenue[:, None], k=2 * revenue[:, None], l=3 * revenue[:, None])
    none = nq.structure.misallocation(even, **options)
    assert none.frame.loc[0].abs().max() < 1e-10
    assert none.distortions[["tau_capital", "tau_labour"]].abs().to_numpy().max() < 1e-12
    with pytest.raises(OptionError, match="sigma must be a number above 1"):
        nq.structure.misallocation(panel, **(options | {"sigma": 1}))
    with pytest.raises(DomainError, match="capital must be positive; 'k' is not for 0"):
        nq.structure.misallocation(panel.assign(k=lambda d: d["k"] - d["k"].iloc[0]), **options)


def test_segmentation_by_hand(lattice):
    """A path of three units: pairs (0, 1) and (1, 2), both ways."""
    w = nq.weights.from_edges(
        pd.DataFrame({"focal": [0, 1, 1, 2], "neighbor": [1, 0, 2, 1], "weight": 1.0})
    )
    rng = np.random.default_rng(0)
    p = np.exp(rng.normal(size=(3, 2, 4)) / 10)
    goods = list("abcd")
    panel = long(**{g: p[:, :, at] for at, g in enumerate(goods)})
    found = nq.structure.segmentation(panel, goods, w)
    d = np.array([np.abs(np.log(p[i, 1] / p[j, 1])) for i, j in ((0, 1), (1, 2))])
    q = (d - d.mean(axis=0)).var(axis=1)
    assert found[0, 1] == pytest.approx(q[0])
    assert found[1, 1] == pytest.approx(q.mean())
    assert found[2, 1] == pytest.approx(q[1])
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
    one = long(**{g: together[:, :, at] for at, g in enumerate(goods)})
    assert nq.structure.segmentation(one, goods, w).abs().max() < 1e-20
    # The right half has shocks of its own: only units at the border see them.
    split = together.copy()
    right = np.arange(16) % 4 >= 2
    split[right] *= np.exp(rng.normal(size=(1, 3, 5)))
    apart = long(**{g: split[:, :, at] for at, g in enumerate(goods)})
    found = nq.structure.segmentation(apart, goods, w).xs(0, level=1)
    border = np.isin(np.arange(16) % 4, [1, 2])
    assert found[border].min() > found[~border].max()
    with pytest.raises(OptionError, match="three or more"):
        nq.structure.segmentation(one, ["a", "b"], w)
    alone = nq.weights.from_dense(np.zeros((16, 16)), one.units, islands="keep")
    with pytest.raises(IslandError, match="units without neighbours"):
        nq.structure.segmentation(one, goods, alone)


@pytest.fixture(scope="module")
def cities():
    return nq.datasets.simulate_cities(seed=0).select(periods=[2012, 2021])


def test_division(cities):
    w = nq.weights.knn(cities, k=8)
    found = nq.structure.border_exposure(cities, w, group="province").xs(2012, level=1)
    zone = cities.frame["province"].xs(2012, level=1)
    across = nq.weights.across(w, zone).sparse.sum(axis=1)
    np.testing.assert_allclose(found, across)


def test_division_of_effects(cities):
    """By the whole matrix of effects."""
    w = nq.weights.knn(cities, k=8)
    dense, zone = w.sparse.toarray(), cities.frame["province"].xs(2012, level=1).to_numpy()
    s = np.linalg.solve(np.eye(336) - 0.4 * dense, 1.2 * np.eye(336) + 0.3 * dense)
    across = (s * (zone[:, None] != zone)).sum(axis=1) / s.sum(axis=1)
    options = {"rho": 0.4, "beta": 1.2, "theta": 0.3}
    found = nq.structure.border_exposure(cities, w, group="province", **options).xs(2012, level=1)
    np.testing.assert_allclose(found, across)
    with pytest.raises(BoundaryError, match="must be below 1"):
        nq.structure.border_exposure(cities, w, group="province", rho=1.2)


def test_market_potential(cities):
    found = nq.structure.market_potential(cities, "population", power=1.5, own_market=False)
    d = nq.weights.inverse_distance(cities, power=1.5, standardize="none").sparse.toarray()
    np.testing.assert_allclose(found.unstack(), d @ cities.wide("population"))
    own = nq.structure.market_potential(cities, "population", power=1.5)
    area = (cities.wide("population") / nq.structure.areal_density(cities, "population").unstack())[
        2012
    ]
    inside = cities.wide("population")[2012] / (2 / 3 * np.sqrt(area / np.pi)) ** 1.5
    np.testing.assert_allclose((own - found).unstack()[2012], inside)
    # Beijing has 16 400 km2; the boundary is generalised.
    assert area[110000] == pytest.approx(16_400, rel=0.02)
    points = nq.SpatialPanel(
        cities.frame.reset_index()[["unit", "period", "population"]],
        unit="unit",
        period="period",
        geometry=cities.geometry.assign(
            geometry=cities.geometry.representative_point()
        ).reset_index(),
    )
    with pytest.raises(GeometryError, match="units have no area"):
        nq.structure.areal_density(points, "population")


def test_diversity():
    panel = long(a=[[2], [4], [0]], b=[[2], [0], [3]], c=[[0], [0], [3]])
    found = nq.structure.diversity(panel, list("abc"))
    np.testing.assert_allclose(found["shannon"], [np.log(2), 0, np.log(2)])
    np.testing.assert_allclose(found["simpson"], [0.5, 0, 0.5])
    # Shares by unit: a (1/2, 1, 0), b (1/2, 0, 1/2), c (0, 0, 1/2).
    a, b, c = np.array([0.5, 1, 0]), np.array([0.5, 0, 0.5]), np.array([0, 0, 0.5])

    def cosine(u, v):
        return u @ v / np.linalg.norm(u) / np.linalg.norm(v)

    assert found["relatedness"].iloc[0] == pytest.approx(cosine(a, b))
    assert found["relatedness"].iloc[2] == pytest.approx(cosine(b, c))
    assert np.isnan(found["relatedness"].iloc[1])
    with pytest.raises(DomainError, match="parts are all zero have no shares: 1"):
        nq.structure.diversity(panel.assign(a=[1.0, 0, 1]), list("abc"))
