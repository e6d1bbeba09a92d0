"""Clusters and Conley's kernel: dense matrices, loops over pairs, statsmodels, and simulation."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import statsmodels.api as sm
from scipy import sparse
from statsmodels.stats import sandwich_covariance as other

import nqp_spatial as nq
from nqp_spatial.core.text import translate
from nqp_spatial.errors import ConvergenceError, GeometryError, MissingValuesError, OptionError
from nqp_spatial.regression._error_dependence import Clusters, Nearness, error_dependence
from nqp_spatial.regression.covariance import dependent, quadratic_forms
from nqp_spatial.regression.covariance.information import FilterPair
from nqp_spatial.regression.spec import RegressionSpec
from tests.parity import agree
from tests.regression.test_sandwich import hessian

N, T = 16, 4


@pytest.fixture(scope="module")
def small(lattice):
    """16 places, 4 years, skewed errors; provinces of unequal size, and zones that change."""
    w = lattice(4, 4)
    rng = np.random.default_rng(8)
    x, e = rng.normal(size=(N, T)), rng.exponential(size=(N, T)) - 1
    y = np.linalg.solve(np.eye(N) - 0.4 * w.sparse.toarray(), x + e + rng.normal(size=(N, 1)))
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()})
    frame["id"], frame["year"] = np.repeat(np.arange(N), T), np.tile(np.arange(T) + 2000, N)
    province = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4])
    frame["province"] = pd.Series(np.repeat(province, T)).map(lambda code: f"P{9 - code}")
    frame["zone"] = rng.integers(0, 5, size=N * T)
    places = gpd.GeoDataFrame(
        {"id": range(N)}, crs=4326,
        geometry=[shapely.Point(10 + i % 4 * 0.9, 50 + i // 4 * 0.7) for i in range(N)],
    )  # fmt: skip
    return nq.SpatialPanel(frame, unit="id", period="year", geometry=places), w


def pieces(panel, w, res):
    """Residuals, dense F and H, score by observation of what is linear, and the Hessian."""
    dense, y, x = w.sparse.toarray(), panel.values("y"), panel.values("x")
    spec = res.spec
    rho, lam = res.params.get(("spatial", "rho"), 0.0), res.params.get(("spatial", "lam"), 0.0)
    a, b = np.eye(N) - rho * dense, np.eye(N) - lam * dense
    units = spec.sweeps_units

    def swept(values):
        return values - values.mean(axis=1, keepdims=True) if units else values

    z = [x, *([dense @ x] if spec.has_lags else [])]
    z = np.stack([*([] if units else [np.ones((N, T))]), *z], axis=2)
    k = z.shape[2]

    def loglik(p):
        coefs, s2 = p[:k], p[-1]
        r = p[k] if spec.has_rho else 0.0
        m = p[-2] if spec.has_lam else 0.0
        u = y - r * dense @ y - z @ coefs
        e = swept(u - m * dense @ u)
        size = N * (T - units)
        dets = np.linalg.slogdet(np.eye(N) - r * dense)[1]
        dets += np.linalg.slogdet(np.eye(N) - m * dense)[1]
        return (T - units) * dets - size / 2 * np.log(2 * np.pi * s2) - (e**2).sum() / (2 * s2)

    at = np.append(res.params.to_numpy(), res.sigma2)
    assert loglik(at) == pytest.approx(res.loglik, abs=1e-7)
    u = y - rho * dense @ y - z @ at[:k]
    e = swept(b @ u)
    structural = y - rho * dense @ y - swept(u)
    g = dense @ np.linalg.inv(a)
    forms, columns = [], []
    linear = np.zeros((N, T, len(at)))
    linear[:, :, :k] = np.stack([swept(b @ z[:, :, j]) for j in range(k)], axis=2) * e[:, :, None]
    if spec.has_rho:
        forms.append(b @ g @ np.linalg.inv(b))
        columns.append(k)
        linear[:, :, k] = swept(b @ g @ structural) * e
    if spec.has_lam:
        forms.append(dense @ np.linalg.inv(b))
        columns.append(len(at) - 2)
    linear[:, :, -1] = (e**2 - (e**2).mean()) / (2 * res.sigma2)
    steps = np.full(len(at), 1e-4)
    return e, forms, columns, linear / res.sigma2, -hessian(loglik, at, steps)


def by_pairs(e, forms, columns, linear, s2, codes):
    """Variance of the score by clusters: every pair of observations, one by one."""
    size = linear.shape[2]
    count = codes.max() + 1
    own = np.zeros((count, size))
    between = np.zeros((count, count, size))
    for i, t in itertools.product(range(N), range(T)):
        own[codes[i, t]] += linear[i, t]
        for form, column in zip(forms, columns, strict=True):
            own[codes[i, t], column] -= form[i, i] * (e**2).mean() / s2
            for j in range(N):
                g, h = codes[i, t], codes[j, t]
                value = form[i, j] * e[i, t] * e[j, t] / s2
                if g == h:
                    own[g, column] += value
                else:
                    between[min(g, h), max(g, h), column] += value
    total = sum(np.outer(row, row) for row in own)
    for g, h in itertools.combinations(range(count), 2):
        total = total + np.outer(between[g, h], between[g, h])
    return total


def coded(panel, name):
    values = {
        "": np.tile(np.arange(N)[:, None], (1, T)),
        "year": np.tile(np.arange(T), (N, 1)),
    }
    if name in values:
        return values[name]
    return pd.factorize(panel.frame[name])[0].reshape(N, T)


def factor(clusters, k, effects, nested):
    """G / (G - 1) (N - 1) / (N - K)."""
    taken = 0 if effects == "none" else 1 + (0 if nested else N - 1)
    return clusters / (clusters - 1) * (N * T - 1) / (N * T - k - taken)


@pytest.mark.parametrize("effects", ["none", "unit"])
@pytest.mark.parametrize("model", ["slx", "sar", "sem", "sac", "sdm"])
@pytest.mark.parametrize("name", ["", "province", "zone", "year"])
def test_clusters_by_pairs_of_observations(small, model, effects, name):
    panel, w = small
    options = {"model": model, "effects": effects, "covariance": "cluster"}
    res = nq.fit("y ~ x", panel, w, cluster=name or None, **options)
    e, forms, columns, linear, bread = pieces(panel, w, res)
    codes = coded(panel, name)
    meat = by_pairs(e, forms, columns, linear, res.sigma2, codes)
    nested = bool((codes == codes[:, :1]).all())
    inverse = np.linalg.inv(bread)
    awaited = inverse @ meat @ inverse
    awaited *= factor(codes.max() + 1, len(res.params), effects, nested)
    scale = np.sqrt(np.diag(awaited))
    # A matrix that was changed to be semi-definite would not be the one by pairs.
    assert not any("semi-definite" in note for note in res.notes)
    np.testing.assert_allclose(
        res.cov / np.outer(scale, scale)[:-1, :-1],
        (awaited / np.outer(scale, scale))[:-1, :-1], atol=2e-4,
    )  # fmt: skip
    assert res.sigma2_std_error == pytest.approx(scale[-1], rel=2e-4)


@pytest.mark.parametrize("model", ["ols", "sac"])
def test_two_ways_are_the_sum_less_the_intersection(small, model):
    panel, w = small
    names = ["province", "year"]
    res = nq.fit(
        "y ~ x", panel, w, model=model, effects="none", covariance="cluster", cluster=names
    )
    pieces_ = pieces(panel, w, res)
    e, forms, columns, linear, bread = pieces_
    first, second = coded(panel, "province"), coded(panel, "year")
    both = first * T + second
    both = np.unique(both, return_inverse=True)[1].reshape(both.shape)
    meat = sum(
        sign * by_pairs(e, forms, columns, linear, res.sigma2, codes)
        for sign, codes in ((1, first), (1, second), (-1, both))
    )
    inverse = np.linalg.inv(bread)
    awaited = inverse @ meat @ inverse * factor(4, len(res.params), "none", False)
    scale = np.sqrt(np.diag(inverse))
    values, vectors = np.linalg.eigh(awaited / np.outer(scale, scale))
    assert any("semi-definite" in note for note in res.notes) == (values.min() < 0)
    positive = (vectors * np.maximum(values, 0)) @ vectors.T
    np.testing.assert_allclose(
        res.cov / np.outer(scale, scale)[:-1, :-1], positive[:-1, :-1], atol=5e-4
    )
    assert any("4 clusters are few" in note for note in res.notes)
    assert res.df_resid == 3


@pytest.mark.parity
def test_clusters_of_least_squares_are_those_of_statsmodels(states):
    """One and two ways, with G / (G - 1) (N - 1) / (N - K); two ways have the smaller G."""
    panel, _ = states
    panel = panel.assign(region=lambda d: d.index.get_level_values(0).str[0])
    frame = panel.frame.reset_index()
    usual = sm.OLS(frame["lgsp"], sm.add_constant(frame[["lpc", "unemp"]])).fit()
    region, year = pd.factorize(frame["region"])[0], pd.factorize(frame["period"])[0]
    options = {"model": "ols", "effects": "none", "covariance": "cluster"}
    ours = nq.fit("lgsp ~ lpc + unemp", panel, cluster="region", **options)
    theirs = other.cov_cluster(usual, region, use_correction=True)
    peer = {"program": "statsmodels", "data": "US public capital", "rtol": 1e-8}
    agree("OLS: covariance by clusters", ours.cov, theirs, **peer)
    assert ours.df_resid == region.max()
    ours = nq.fit("lgsp ~ lpc + unemp", panel, cluster=["region", "year"], **options)
    theirs = other.cov_cluster_2groups(usual, region, year, use_correction=False)[0]
    groups = min(region.max(), year.max()) + 1
    theirs = theirs * groups / (groups - 1) * 815 / 813
    agree("OLS: covariance by clusters, two ways", ours.cov, theirs, **peer)


def dense_kernel(panel, cutoff, kernel, lags):
    """The kernel of all pairs of observations by the haversine formula, one by one."""
    places = panel.geometry.geometry
    lon, lat = np.radians(places.x.to_numpy()), np.radians(places.y.to_numpy())
    result = np.zeros((N, T, N, T))
    for i, t, j, s in itertools.product(range(N), range(T), range(N), range(T)):
        half = np.sin((lat[i] - lat[j]) / 2) ** 2
        half += np.cos(lat[i]) * np.cos(lat[j]) * np.sin((lon[i] - lon[j]) / 2) ** 2
        km = 2 * 6371.0088 * np.arcsin(np.sqrt(half))
        if t == s:
            near = cutoff is not None and km <= cutoff
            weight = (1 - km / cutoff if kernel == "bartlett" else 1.0) if near else 0.0
            result[i, t, j, s] = 1.0 if i == j else weight
        elif i == j:
            result[i, t, j, s] = max(0.0, 1 - abs(t - s) / (lags + 1))
    return result.reshape(N * T, N * T)


KERNELS = [
    (120.0, "bartlett", 0),
    (90.0, "uniform", 0),
    (None, "bartlett", 2),
    (120.0, "bartlett", 1),
]


@pytest.mark.parametrize(("cutoff", "kernel", "lags"), KERNELS)
@pytest.mark.parametrize("model", ["ols", "slx", "sar", "sac"])
def test_conley_by_dense_matrices(small, model, cutoff, kernel, lags):
    """Sums over all pairs of observations, n T x n T."""
    panel, w = small
    res = nq.fit(
        "y ~ x", panel, w, model=model, effects="unit", covariance="conley", cutoff_km=cutoff,
        kernel=kernel, lags=lags,
    )  # fmt: skip
    e, forms, columns, linear, bread = pieces(panel, w, res)
    k = dense_kernel(panel, cutoff, kernel, lags)
    score = linear.reshape(N * T, -1).copy()
    flat, s2 = e.ravel(), res.sigma2
    doubled = []
    for form, column in zip(forms, columns, strict=True):
        f = np.kron(form, np.eye(T))
        score[:, column] += np.diag(f) * (flat**2 - (flat**2).mean()) / s2
        doubled.append(np.outer(flat, flat) * (f + f.T) / s2)
    meat = score.T @ k @ score
    for (p, c), (q, d) in itertools.product(zip(columns, doubled, strict=True), repeat=2):
        whole = np.trace(c @ k @ d @ k) - np.diag(c) @ (k**2) @ np.diag(d)
        meat[p, q] += whole / 2
    inverse = np.linalg.inv(bread)
    taken = len(res.params) + N
    awaited = inverse @ meat @ inverse * (N * T - 1) / (N * T - taken)
    if any("semi-definite" in note for note in res.notes):
        values = np.linalg.eigvalsh(awaited)
        assert values.min() < 0
        return
    scale = np.sqrt(np.diag(awaited))
    np.testing.assert_allclose(res.std_errors, scale[:-1], rtol=2e-4)  # the Hessian is numerical


@pytest.mark.parametrize("effects", ["none", "two-way"])
def test_conley_of_least_squares_is_the_published_formula(small, effects):
    """(X'X)^-1 sum_ij K_ij x_i e_i e_j x_j' (X'X)^-1 (Conley 1999), to 1e-10."""
    panel, w = small
    x, y = panel.values("x"), panel.values("y")
    columns = [x, w.sparse @ x]
    if effects == "two-way":
        columns = [c - c.mean(axis=0) - c.mean(axis=1, keepdims=True) + c.mean() for c in columns]
        y = y - y.mean(axis=0) - y.mean(axis=1, keepdims=True) + y.mean()
    z = np.column_stack([c.ravel() for c in columns])
    z = np.column_stack([np.ones(N * T), z]) if effects == "none" else z
    e = y.ravel() - z @ np.linalg.lstsq(z, y.ravel(), rcond=None)[0]
    k = dense_kernel(panel, 120.0, "bartlett", 1)
    bread = np.linalg.inv(z.T @ z)
    awaited = bread @ ((z * e[:, None]).T @ k @ (z * e[:, None])) @ bread
    taken = z.shape[1] + (0 if effects == "none" else N + T - 1)
    res = nq.fit(
        "y ~ x", panel, w, model="slx", effects=effects, covariance="conley", cutoff_km=120, lags=1
    )
    np.testing.assert_allclose(res.cov, awaited * (N * T - 1) / (N * T - taken), rtol=1e-10)


@pytest.mark.parametrize("options", [
    {"covariance": "cluster", "cluster": "province"},
    {"covariance": "conley", "cutoff_km": 120.0, "lags": 1},
])  # fmt: skip
def test_two_stages_by_dense_matrices(small, options):
    panel, w = small
    res = nq.fit("y ~ x", panel, w, model="sar", effects="unit", estimator="gs2sls", **options)
    dense, y, x = w.sparse.toarray(), panel.values("y"), panel.values("x")

    def swept(values):
        return (values - values.mean(axis=1, keepdims=True)).ravel()

    z = np.column_stack([swept(x), swept(dense @ y)])
    h = np.column_stack([swept(x), swept(dense @ x), swept(dense @ dense @ x)])
    fitted = h @ np.linalg.lstsq(h, z, rcond=None)[0]
    bread = np.linalg.inv(fitted.T @ fitted)
    e = swept(y) - z @ (bread @ fitted.T @ swept(y))
    score = fitted * e[:, None]
    if options["covariance"] == "cluster":
        codes = coded(panel, "province").ravel()
        k = (codes[:, None] == codes).astype(float)
        scale = factor(5, 2, "unit", True)
    else:
        k = dense_kernel(panel, 120.0, "bartlett", 1)
        scale = (N * T - 1) / (N * T - 2 - N)
    awaited = bread @ (score.T @ k @ score) @ bread * scale
    np.testing.assert_allclose(res.cov, awaited, rtol=1e-8)


@pytest.mark.parametrize("model", ["sem", "sac"])
def test_moments_of_lam_in_a_cross_section(columbus, model):
    """Clusters of one observation are unequal variances: `robust`, with the small-sample factor."""
    panel, w = columbus
    options = {"model": model, "effects": "none", "estimator": "gs2sls"}
    robust = nq.fit("CRIME ~ INC + HOVAL", panel, w, covariance="robust", **options)
    units = nq.fit("CRIME ~ INC + HOVAL", panel, w, covariance="cluster", **options)
    np.testing.assert_allclose(units.params, robust.params, rtol=1e-8)
    k = len(robust.params)
    # Coefficients are counted without lam, and with it in its own variance.
    spatial = units.cov.loc[("spatial", "lam"), ("spatial", "lam")]
    awaited = robust.cov.loc[("spatial", "lam"), ("spatial", "lam")]
    assert spatial == pytest.approx(awaited * 49 / (49 - k))
    np.testing.assert_allclose(
        units.std_errors.iloc[:-1] ** 2, robust.std_errors.iloc[:-1] ** 2 * 49 / (49 - k + 1)
    )


@pytest.mark.parametrize(
    "options",
    [
        {"covariance": "cluster", "cluster": "province"},
        {"covariance": "cluster", "cluster": "zone"},
        {"covariance": "conley", "cutoff_km": 120.0, "lags": 1},
    ],
)
def test_moments_of_lam_by_dense_matrices(small, options):
    """Variance of lam: pairs of observations of ``e'A e``, all dense, and the delta method."""
    panel, w = small
    res = nq.fit("y ~ x", panel, w, model="sem", effects="none", estimator="gs2sls", **options)
    dense, y, x = w.sparse.toarray(), panel.values("y"), panel.values("x")
    lam = res.params["spatial", "lam"]
    square = dense.T @ dense
    forms = [square - np.diag(np.diag(square)), dense]
    z = np.column_stack([np.ones(N * T) * (1 - lam), (x - lam * dense @ x).ravel()])
    filtered = (y - lam * dense @ y).ravel()
    coefs = res.params["x"].to_numpy()  # of the second step, in all that follows
    u, e = y - coefs[0] - coefs[1] * x, (filtered - z @ coefs).reshape(N, T)
    if options["covariance"] == "cluster":
        zero = np.zeros((N, T, 2))
        codes = coded(panel, options["cluster"])
        variance = by_pairs(e, forms, [0, 1], zero, 1.0, codes)
        scale = factor(5, 3, "none", True)
    else:
        k = dense_kernel(panel, 120.0, "bartlett", 1)
        doubled = [np.outer(e.ravel(), e.ravel()) * np.kron(f + f.T, np.eye(T)) for f in forms]
        variance = np.array([[np.trace(c @ k @ d @ k) / 2 for d in doubled] for c in doubled])
        scale = (N * T - 1) / (N * T - 3)
    lagged = dense @ u
    slope = np.array([(-(lagged * ((f + f.T) @ (u - lam * lagged)))).sum() for f in forms])
    awaited = scale / (slope @ np.linalg.inv(variance) @ slope)
    assert res.cov.iloc[-1, -1] == pytest.approx(awaited, rel=1e-8)
    assert any("do not estimate lam consistently" in note for note in res.notes)


@pytest.mark.parametrize("model", ["sar", "sac"])
def test_probes_agree_with_the_exact_sums(lattice, monkeypatch, model):
    """Many units take random probes: traces, clusters and diagonals beside the exact ones."""
    w = lattice(15, 15)
    rng = np.random.default_rng(3)
    n, t = 225, 2
    spec = RegressionSpec("y ~ x", "", (), (), model, "none")
    pair = FilterPair(([w.sparse], w.sparse), (np.array([0.4]), 0.3), spec)
    e = rng.normal(size=(n, t))
    active = [0] if model == "sar" else [0, 1]
    exact = quadratic_forms.QuadraticForms(pair, active, e)
    monkeypatch.setattr(quadratic_forms, "DENSE_CROSS_UP_TO", 20)
    monkeypatch.setattr(quadratic_forms, "PAIR_PROBES", 400)  # so few units need many
    probed = quadratic_forms.QuadraticForms(pair, active, e)
    np.testing.assert_allclose(probed.diagonal, exact.diagonal, atol=0.1)
    near = sparse.csr_array(0.4 * (w.sparse != 0) + sparse.eye_array(n))
    wide = Nearness(near, np.array([1.0, 0.5]))
    np.testing.assert_allclose(probed.by_nearness(wide), exact.by_nearness(wide), rtol=0.1, atol=3)
    units = np.tile(np.arange(n)[:, None], (1, t))
    every = (units, units // 5, rng.integers(0, 60, size=(n, t)), units // 25)
    for codes in every if model == "sar" else every[1:2]:
        if codes.max() == 8:
            monkeypatch.setattr(quadratic_forms, "DENSE_CROSS_UP_TO", 30)  # solves: exact
        groups = Clusters(codes)
        own, between = probed.by_clusters(groups)
        awaited, across = exact.by_clusters(groups)
        if codes.max() == 8:
            np.testing.assert_allclose(own, awaited, atol=1e-10)
            np.testing.assert_allclose(between, across, atol=1e-10)
        total, sums = own.T @ own + between, awaited.T @ awaited + across
        np.testing.assert_allclose(total, sums, rtol=0.15, atol=3)
    assert 0 < probed.error < 0.06
    assert exact.error == 0


def test_many_units_say_that_traces_are_estimated(small, monkeypatch):
    panel, w = small
    options = {"model": "sar", "effects": "none", "covariance": "cluster"}
    exact = nq.fit("y ~ x", panel, w, **options)
    monkeypatch.setattr(quadratic_forms, "DENSE_CROSS_UP_TO", 10)
    probed = nq.fit("y ~ x", panel, w, **options)
    assert any("estimated from 10 probes" in note for note in probed.notes)
    np.testing.assert_allclose(probed.std_errors, exact.std_errors, rtol=0.1)
    assert not any("probes" in note for note in exact.notes)


# -- several rho -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"covariance": "cluster"},
        {"covariance": "cluster", "cluster": ["zone", "year"]},
        {"covariance": "conley", "cutoff_km": 120.0, "lags": 1},
    ],
)
def test_groups_that_share_one_rho_are_the_plain_model(small, options):
    """One coefficient for all links by the code for several gives the errors of `fit`."""
    panel, w = small
    group = pd.Series(np.where(np.arange(N) % 2, "a", "b"), panel.units)
    res = nq.spillovers.partitioned(
        "y ~ x", panel, w, group=group, rho="none", theta="none", beta="none", effects="unit",
        **options,
    )  # fmt: skip
    plain = nq.fit("y ~ x", panel, w, effects="unit", **options)
    np.testing.assert_allclose(res.params, plain.params, rtol=1e-6)
    np.testing.assert_allclose(res.cov, plain.cov, rtol=1e-5, atol=1e-9)


def test_borders_and_bands_take_the_same_options(small):
    panel, w = small
    options = {"covariance": "cluster", "cluster": "province"}
    group = pd.Series(np.where(np.arange(N) % 2, "a", "b"), panel.units)
    border = nq.spillovers.barrier("y ~ x", panel, w, group=group, effects="unit", **options)
    blocks = nq.spillovers.partitioned(
        "y ~ x", panel, w, group=group, rho="within-across", theta="within-across", beta="none",
        effects="unit", **options,
    )  # fmt: skip
    np.testing.assert_allclose(np.sort(border.std_errors), np.sort(blocks.std_errors), rtol=1e-5)
    near = {"edges_km": [0, 120, 250], "effects": "unit"}
    plain = nq.spillovers.reach("y ~ x", panel, **near)
    bands = nq.spillovers.reach("y ~ x", panel, covariance="conley", cutoff_km=150.0, **near)
    assert not np.allclose(plain.std_errors, bands.std_errors)
    np.testing.assert_allclose(plain.params, bands.params)
    assert (border.spec["covariance"], bands.spec["covariance"]) == ("cluster", "conley")


def test_blocks_have_clustered_errors_by_pairs(small):
    """Two rho, F_k = W_k (I - sum rho_k W_k)^-1: the clustered score pair by pair."""
    panel, w = small
    group = pd.Series(np.where(np.arange(N) % 2, "a", "b"), panel.units)
    res = nq.spillovers.partitioned(
        "y ~ x", panel, w, group=group, rho="within-across", theta=None, beta="none",
        effects="unit", covariance="cluster", cluster="province",
    ).model  # fmt: skip
    dense, y, x = w.sparse.toarray(), panel.values("y"), panel.values("x")
    same = np.equal.outer(group.to_numpy(), group.to_numpy())
    parts = {"within": dense * same, "across": dense * ~same}
    names = [key[2] for key in res.params.index if key[0] == "spatial"]
    at = np.append(res.params.to_numpy(), res.sigma2)

    def swept(values):
        return values - values.mean(axis=1, keepdims=True)

    def pull(rho):
        return sum(r * parts[name] for r, name in zip(rho, names, strict=True))

    def loglik(p):
        e = swept(y - pull(p[1:3]) @ y - p[0] * x)
        det = np.linalg.slogdet(np.eye(N) - pull(p[1:3]))[1]
        size = N * (T - 1)
        return (T - 1) * det - size / 2 * np.log(2 * np.pi * p[3]) - (e**2).sum() / (2 * p[3])

    e = swept(y - pull(at[1:3]) @ y - at[0] * x)
    structural = y - pull(at[1:3]) @ y - e
    inverse = np.linalg.inv(np.eye(N) - pull(at[1:3]))
    forms = [parts[name] @ inverse for name in names]
    linear = np.zeros((N, T, 4))
    linear[:, :, 0] = swept(x) * e
    for column, form in enumerate(forms, start=1):
        linear[:, :, column] = swept(form @ structural) * e
    linear[:, :, 3] = (e**2 - (e**2).mean()) / (2 * at[3])
    meat = by_pairs(e, forms, [1, 2], linear / at[3], at[3], coded(panel, "province"))
    bread = np.linalg.inv(-hessian(loglik, at, np.full(4, 1e-4)))
    awaited = bread @ meat @ bread * factor(5, 3, "unit", True)
    np.testing.assert_allclose(res.std_errors, np.sqrt(np.diag(awaited))[:3], rtol=5e-4)


# -- options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"covariance": "cluster", "cluster": ["province", "year", "zone"]}, "one column or two"),
        ({"covariance": "cluster", "cluster": ["zone", "zone"]}, "two different ones"),
        ({"cluster": "province"}, "cluster= is for covariance='cluster'"),
        ({"cutoff_km": 100.0}, "cutoff_km= is for covariance='conley'"),
        ({"covariance": "conley"}, "needs the distance from which errors are uncorrelated"),
        ({"covariance": "conley", "cutoff_km": -1.0}, "cutoff_km"),
        ({"covariance": "conley", "lags": 4}, "lags must be between 0 and 3"),
        ({"covariance": "cluster", "lags": 1}, "lags= is for"),
        ({"covariance": "cluster", "kernel": "uniform"}, "kernel= is for"),
        ({"covariance": "cluster", "cluster": "one"}, "needs two clusters or more"),
    ],
)
def test_options_that_do_not_fit_are_refused(small, options, words):
    panel, w = small
    panel = panel.assign(one=1)
    with pytest.raises(OptionError, match=words):
        nq.fit("y ~ x", panel, w, model="sar", effects="none", **options)


def test_clusters_with_gaps_and_maps_that_are_missing(small):
    panel, _ = small
    options = {"model": "ols", "effects": "none"}
    gaps = panel.assign(province=lambda d: d["province"].where(d["zone"] > 0))
    with pytest.raises(MissingValuesError, match="'province'"):
        nq.fit("y ~ x", gaps, covariance="cluster", cluster="province", **options)
    with pytest.raises(nq.errors.UnknownColumnError, match="county"):
        nq.fit("y ~ x", panel, covariance="cluster", cluster="county", **options)
    without = nq.SpatialPanel(panel.frame.reset_index(), unit="unit", period="period")
    with pytest.raises(GeometryError, match="geometries"):
        nq.fit("y ~ x", without, covariance="conley", cutoff_km=100, **options)
    # Correlation over time alone needs no map.
    nq.fit("y ~ x", without, covariance="conley", lags=1, **options)


def test_a_variance_that_is_not_positive():
    cov = np.array([[1.0, 0.0], [0.0, -1.0]])
    with pytest.raises(ConvergenceError, match="not positive"):
        dependent.positive(cov, np.ones(2))
    mixed = np.array([[1.0, 1.2], [1.2, 1.0]])
    fixed, notes = dependent.positive(mixed, np.ones(2))
    np.testing.assert_allclose(fixed, np.full((2, 2), 1.1))
    assert len(notes) == 1
    same, none = dependent.positive(np.eye(2), np.ones(2))
    assert none == () and (same == np.eye(2)).all()


def test_scores_by_observation_give_the_same_sandwich(small):
    """What other estimators hand over: contributions of a linear model beside its own result."""
    panel, _ = small
    for options in (
        {"covariance": "cluster", "cluster": "province"},
        {"covariance": "conley", "cutoff_km": 120.0, "lags": 1},
    ):
        res = nq.fit("y ~ x", panel, model="ols", effects="none", **options)
        x = panel.values("x")
        z = np.stack([np.ones_like(x), x], axis=2)
        e = res.resid.to_numpy().reshape(N, T)
        inverse = np.linalg.inv(np.einsum("itk,itl->kl", z, z))
        cov, notes = dependent.covariance_of_contributions(
            inverse, z * e[:, :, None], error_dependence(panel, res.spec, T), res.spec
        )
        np.testing.assert_allclose(cov, res.cov, rtol=1e-9)
        assert notes == res.notes


def test_the_covariance_is_said_with_its_options(small):
    panel, w = small
    options = {"model": "ols", "effects": "none"}
    two = ["province", "year"]
    res = nq.fit("y ~ x", panel, covariance="cluster", cluster=two, **options)
    assert "Covariance: cluster (province x year)" in repr(res)
    assert res.spec.covariance_words() == "clustered by province x year"
    res = nq.fit("y ~ x", panel, w, covariance="conley", cutoff_km=120, lags=1, **options)
    assert "Covariance: conley (120 km, bartlett, 1 lags)" in repr(res)
    assert translate(res.spec.covariance_words(), "zh") == "Conley（120 千米，滞后 1 期）"
    usual = nq.fit("y ~ x", panel, **options)
    assert "Covariance: observed\n" in repr(usual)
    assert usual.spec.covariance_words() == "observed information"


def test_lags_of_driscoll_and_kraay(states):
    panel, w = states
    fits = {
        lags: nq.fit("lgsp ~ lpc", panel, w, model=model, covariance="driscoll-kraay", lags=lags)
        for lags in (None, 2, 5)
        for model in ["sar"]
    }
    assert fits[None].std_errors.equals(fits[2].std_errors)
    assert not np.allclose(fits[5].std_errors, fits[2].std_errors)
    linear = nq.fit("lgsp ~ lpc", panel, model="ols", covariance="driscoll-kraay", lags=5)
    assert linear.std_errors.iloc[0] > 0


# -- simulation ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_clusters_of_units_are_right_for_rho(lattice):
    """AR(1) errors in each unit, heavy tails: standard errors against the spread of estimates."""
    w = lattice(10, 10)
    n, t, dense = 100, 5, w.sparse.toarray()
    estimates, clustered, usual = [], [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        x, e = rng.normal(size=(n, t)), rng.standard_t(5, size=(n, t + 20))
        for s in range(1, t + 20):
            e[:, s] += 0.7 * e[:, s - 1]
        y = np.linalg.solve(np.eye(n) - 0.4 * dense, x + e[:, 20:] + rng.normal(size=(n, 1)))
        frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()})
        frame["id"], frame["t"] = np.repeat(np.arange(n), t), np.tile(range(t), n)
        panel = nq.SpatialPanel(frame, unit="id", period="t")
        options = {"model": "sar", "effects": "unit"}
        res = nq.fit("y ~ x", panel, w, covariance="cluster", **options)
        estimates.append(res.params)
        clustered.append(res.std_errors)
        usual.append(nq.fit("y ~ x", panel, w, **options).std_errors)
    std_dev = pd.DataFrame(estimates).std()
    ratio = pd.DataFrame(clustered).mean() / std_dev
    assert ((ratio > 0.9) & (ratio < 1.1)).all(), ratio
    assert (pd.DataFrame(usual).mean() / std_dev)["spatial", "rho"] < 0.9


def test_few_periods_are_noted_where_they_are_all_that_is_averaged_over(states):
    panel, w = states
    for model in ("ols", "sdm"):
        short = panel.select(periods=panel.periods[:8])
        res = nq.fit("lgsp ~ lpc", short, w, model=model, covariance="driscoll-kraay")
        assert any(note.startswith("8 periods are few") for note in res.notes)
    rng = np.random.default_rng(0)
    keys = pd.MultiIndex.from_product([w.units, range(20)], names=["unit", "period"])
    columns = {"y": rng.normal(size=len(keys)), "x": rng.normal(size=len(keys))}
    long = nq.SpatialPanel(pd.DataFrame(columns, keys).reset_index(), unit="unit", period="period")
    assert nq.fit("y ~ x", long, w, model="ols", covariance="driscoll-kraay").notes == ()
