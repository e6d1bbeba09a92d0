"""Log-determinants, least squares, variances of scores and counts, each beside its definition."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

import nqp_spatial as nq
from nqp_spatial.regression import log_determinant
from nqp_spatial.regression._demeaning import counts_of
from nqp_spatial.regression._design import is_common
from nqp_spatial.regression.covariance.dynamic_bias import long_run
from nqp_spatial.regression.estimators import gs2sls as two_stage
from nqp_spatial.regression.estimators import ml
from nqp_spatial.regression.likelihood import quadrature
from nqp_spatial.regression.spec import RegressionSpec
from nqp_spatial.weights._spectrum import symmetrizer

logdet = import_module("nqp_spatial.regression.likelihood.log_determinant")

# -- log-determinants -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["exact", "factor", "lanczos"])
@pytest.mark.parametrize("standardize", ["none", "spectral", "row"])
def test_interval_of_rho_is_that_of_the_eigenvalues(neighbours, method, standardize):
    w = neighbours(40, 4, standardize=standardize)
    result = log_determinant(w, method)
    radius = np.abs(np.linalg.eigvals(w.sparse.toarray())).max()
    assert result.interval == pytest.approx((-1 / radius, 1 / radius))
    assert result.method == method
    rho = 0.6 / radius
    truth = np.linalg.slogdet(np.eye(40) - rho * w.sparse.toarray())[1]
    assert result.value(rho) == pytest.approx(truth, abs=max(5 * result.error(rho)[0], 1e-9))
    assert (result.error(rho)[0] == 0) == (method != "lanczos")


@pytest.mark.parametrize("method", ["exact", "factor", "lanczos"])
@pytest.mark.parametrize("standardize", ["none", "row"])
def test_many_points_are_as_good_as_few(neighbours, method, standardize):
    """Above 64 points a series serves: the same to rounding, derivatives as well."""
    w = neighbours(40, 4, standardize=standardize)
    result = log_determinant(w, method)
    edge = result.interval[1]
    points = np.linspace(-0.8 * edge, 0.9 * edge, 200)
    for of in (result.value, result.derivative, result.second_derivative):
        single = np.array([float(of(float(x))) for x in points])
        np.testing.assert_allclose(of(points), single, rtol=1e-6, atol=1e-6 * abs(single).max())
        few = of(points[:64])
        np.testing.assert_allclose(few, single[:64], rtol=1e-6, atol=1e-6 * abs(single).max())


def test_methods_by_size(lattice, neighbours, monkeypatch):
    """Symmetric ones are exact up to 400 units, others up to 150; factors up to a limit."""
    symmetric, other = lattice(5, 5), neighbours(25, 3)
    assert (logdet.EXACT_UP_TO_SYMMETRIC, logdet.EXACT_UP_TO) == (400, 150)
    for limits, expected in (
        ((25, 24, 100), ("exact", "factor")),
        ((24, 25, 100), ("factor", "exact")),
        ((24, 24, 25), ("factor", "factor")),
        ((24, 24, 24), ("lanczos", "lanczos")),
    ):
        for name, value in zip(
            ("EXACT_UP_TO_SYMMETRIC", "EXACT_UP_TO", "FACTOR_UP_TO"), limits, strict=True
        ):
            monkeypatch.setattr(logdet, name, value)
        for w, method in zip((symmetric, other), expected, strict=True):
            fresh = nq.weights.from_dense(w.sparse.toarray(), range(25))
            assert log_determinant(fresh).method == method


def test_focus_stays_inside_the_interval(lattice):
    """A window around rho, wide or near the edge, gives values to rounding and stays inside."""
    w = lattice(12, 12)
    exact = log_determinant(w, "exact")
    for rho, half in ((0.5, 0.1), (0.9, 5.0), (-0.7, 0.02)):
        factor = logdet.FactorLogDet(w.sparse, radius=1.0, scale=None)
        factor.focus(rho, half)
        before = factor.factorizations
        assert np.isfinite(factor.value(rho))
        assert factor.derivative(rho) == pytest.approx(float(exact.derivative(rho)), rel=1e-8)
        assert factor.second_derivative(rho) == pytest.approx(
            float(exact.second_derivative(rho)), rel=1e-5
        )
        assert factor.factorizations == before
        again = factor.value(min(rho + 2 * half, 0.97))
        assert again == pytest.approx(float(exact.value(min(rho + 2 * half, 0.97))), rel=1e-9)


def test_stated_error_of_probes_by_its_formula():
    """What the known moments leave of the probes' spread, over the root of their number."""
    rng = np.random.default_rng(0)
    nodes, shares = rng.uniform(-0.9, 0.9, (8, 5)), rng.random((8, 5))
    q = np.linalg.qr(np.column_stack([np.ones(8), rng.normal(size=8)]))[0]
    residual = np.eye(8) - q @ q.T
    result = logdet.NodeLogDet(
        nodes, shares, radius=1.0, method="lanczos", probe_weights=np.full(8, 1 / 8),
        residual_maker=residual,
    )  # fmt: skip
    rho = 0.4
    terms = [
        np.log(1 - rho * nodes), -nodes / (1 - rho * nodes), -((nodes / (1 - rho * nodes)) ** 2),
    ]  # fmt: skip
    for order, term in enumerate(terms):
        each = (shares * term).sum(axis=1)
        remaining = residual @ each
        assert result.error(rho)[order] == pytest.approx(np.sqrt(remaining @ remaining / 6 / 8))
    assert result.value(rho) == pytest.approx((shares * terms[0]).sum() / 8)
    ones = logdet.NodeLogDet(
        nodes, shares, radius=0.8, method="lanczos", probe_weights=np.full(8, 1 / 8), known_ones=3
    )
    assert ones.value(rho) == pytest.approx((shares * terms[0]).sum() / 8 + 3 * np.log(1 - 0.32))
    assert ones.derivative(rho) == pytest.approx(
        (shares * terms[1]).sum() / 8 - 3 * 0.8 / (1 - 0.32)
    )


# -- least squares --------------------------------------------------------------------------------


@pytest.mark.parametrize("effects", ["none", "unit", "period", "two-way"])
@pytest.mark.parametrize("model", ["ols", "slx"])
def test_least_squares_with_dummies(lattice, simulate, effects, model):
    """Covariance with n T - parameters - effects, sigma2 and likelihood of what effects leave."""
    n, t = 12, 5
    w = lattice(3, 4)
    panel = simulate(w, t, seed=2)
    res = nq.fit("y ~ x1 + x2", panel, w, model=model, effects=effects, correction="none")
    columns = [panel.values(name).ravel() for name in ("x1", "x2")]
    if model == "slx":
        columns += [(w.sparse @ panel.values(name)).ravel() for name in ("x1", "x2")]
    unit, period = np.kron(np.eye(n), np.ones((t, 1))), np.kron(np.ones((n, 1)), np.eye(t))
    dummies = {
        "none": np.ones((n * t, 1)), "unit": unit, "period": period,
        "two-way": np.column_stack([unit, period[:, 1:]]),
    }[effects]  # fmt: skip
    X = np.column_stack([*columns, dummies])
    y = panel.values("y").ravel()
    b, *_ = np.linalg.lstsq(X, y, rcond=None)
    e = y - X @ b
    k = len(columns)
    keys = [("x", "x1"), ("x", "x2"), *([("wx", "x1"), ("wx", "x2")] if model == "slx" else [])]
    np.testing.assert_allclose(res.params[keys], b[:k])
    free = n * t - X.shape[1]
    assert res.df_resid == free
    V = e @ e / free * np.linalg.pinv(X.T @ X)
    np.testing.assert_allclose(res.cov.loc[keys, keys], V[:k, :k], rtol=1e-8)
    assert res.sigma2 == pytest.approx(e @ e / (n * t))
    assert res.loglik == pytest.approx(-n * t / 2 * (np.log(2 * np.pi * e @ e / (n * t)) + 1))
    np.testing.assert_allclose(res.resid, e, atol=1e-10)
    if effects != "none":
        swept_ = nq.fit("y ~ x1 + x2", panel, w, model=model, effects=effects)
        remaining = (n - 1 if effects in ("period", "two-way") else n) * (
            t - 1 if effects in ("unit", "two-way") else t
        )
        assert swept_.sigma2 == pytest.approx(e @ e / remaining)


def test_error_of_sigma2(lattice, simulate):
    """2 sigma^4 / N; by clusters, from what units' squares deviate; by moments, from the fourth."""
    n, t = 20, 4
    w = lattice(4, 5)
    panel = simulate(w, t, seed=7)
    plain = nq.fit("y ~ x1", panel, model="ols", effects="none")
    assert plain.sigma2_std_error == pytest.approx(plain.sigma2 * np.sqrt(2 / (n * t)))
    clustered = nq.fit("y ~ x1", panel, model="ols", effects="none", covariance="cluster")
    e = clustered.resid.to_numpy().reshape(n, t)
    score = ((e**2 - (e**2).mean()) / (2 * clustered.sigma2**2)).sum(axis=1)
    # the information of sigma2 at the maximum is N / (2 sigma^4)
    variance = (score @ score) * n / (n - 1) / (n * t / (2 * clustered.sigma2**2)) ** 2
    assert clustered.sigma2_std_error == pytest.approx(np.sqrt(variance))
    for effects, count in (("none", n * t), ("unit", n * (t - 1))):
        res = nq.fit("y ~ x1", panel, w, model="sar", effects=effects, estimator="gs2sls")
        squares = res.resid.to_numpy() ** 2
        variance = ((squares - squares.mean()) ** 2).sum() / count**2
        assert res.sigma2 == pytest.approx(squares.sum() / count)
        assert res.sigma2_std_error == pytest.approx(np.sqrt(variance))


@pytest.mark.parametrize(
    ("effects", "correction", "dynamic", "expected"),
    [
        ("none", "none", False, (60, 5, 0)),
        ("unit", "none", False, (60, 5, 0)),
        ("unit", "transformation", False, (48, 4, 0)),
        ("two-way", "transformation", False, (44, 4, 1)),
        ("two-way", "bias", False, (48, 4, 0)),
        ("period", "transformation", False, (55, 5, 1)),
        ("two-way", "bias", True, (55, 5, 1)),
        ("unit", "bias", True, (60, 5, 0)),
        ("two-way", "none", True, (60, 5, 0)),
    ],
)
def test_observations_that_sweeping_leaves(effects, correction, dynamic, expected):
    spec = RegressionSpec(
        "y ~ x", "", (), (), "sdm", effects, correction, "observed", dynamic, False
    )
    counts = counts_of(spec, 12, 5)
    assert (counts.observations, counts.n_logdets, counts.drops_unit_root) == expected
    assert counts.units == 0


def test_units_count_in_random_effects():
    spec = RegressionSpec("y ~ x", "", (), (), "sdm", "random", "none")
    assert counts_of(spec, 12, 5).units == 12


# -- two stages -----------------------------------------------------------------------------------


@pytest.mark.parametrize("effects", ["none", "unit"])
@pytest.mark.parametrize("covariance", ["observed", "robust", "cluster", "driscoll-kraay"])
@pytest.mark.parametrize("t", [2, 3, 6])
def test_variance_of_scores_by_loops(effects, covariance, t):
    rng = np.random.default_rng(t)
    n = 9
    x, e = rng.normal(size=(n, t, 2)), rng.normal(size=(n, t))
    if effects == "unit":
        x, e = x - x.mean(axis=1, keepdims=True), e - e.mean(axis=1, keepdims=True)
    spec = RegressionSpec("y ~ x", "", (), (), "sar", effects, "none", covariance)
    result = two_stage.score_variance(x.reshape(-1, 2), e.ravel(), 0.7, spec, (n, t))
    total = np.zeros((2, 2))
    if covariance == "observed":
        total = 0.7 * np.einsum("itk,itl->kl", x, x)
    elif covariance == "driscoll-kraay":
        m = int(4 * (t / 100) ** (2 / 9))
        by_period = np.einsum("itk,it->tk", x, e)
        for a in range(t):
            for b in range(t):
                weight = max(0.0, 1 - abs(a - b) / (m + 1))
                total += weight * np.outer(by_period[a], by_period[b])
    elif covariance == "cluster" or (effects == "unit" and t == 2):
        for i in range(n):
            s = (x[i] * e[i][:, None]).sum(axis=0)
            total += np.outer(s, s) * n / (n - 1)
    else:
        for i in range(n):
            variance = (e[i] ** 2).sum() / (t - 1)
            for s in range(t):
                outer = np.outer(x[i, s], x[i, s])
                if effects == "unit":
                    total += outer * (t * e[i, s] ** 2 - variance) / (t - 2)
                else:
                    total += outer * e[i, s] ** 2
    np.testing.assert_allclose(result, total, atol=1e-12)


def test_strength_of_instruments_by_its_definition():
    """F that the outside instruments have no part in the column; below ten they are weak."""
    rng = np.random.default_rng(1)
    n = 80
    regressors, outside = rng.normal(size=(n, 2)), rng.normal(size=(n, 3))
    verdicts = set()
    for pull in (0.05, 0.3, 0.45, 2.0):
        column = regressors @ [1, -1] + pull * outside.sum(axis=1) + rng.normal(size=n)
        joint = np.column_stack([regressors, outside])

        def rss(X, column=column):
            e = column - X @ np.linalg.lstsq(X, column, rcond=None)[0]
            return e @ e

        f = (rss(regressors) - rss(joint)) / 3 / (rss(joint) / (n - 5))
        words = two_stage.first_stage_strength(
            column, "x", two_stage.orthonormal_basis(joint), two_stage.orthonormal_basis(regressors)
        )
        assert f"F = {f:.1f} of 3 instruments" in words
        assert ("weak" in words) == (f < 10)
        verdicts.add("weak" in words)
    assert verdicts == {True, False}


def test_a_basis_leaves_out_what_repeats():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(20, 3))
    columns = np.column_stack([x, x[:, 0] - 2 * x[:, 1], np.zeros(20), 1e6 * x[:, 2]])
    q = two_stage.orthonormal_basis(columns)
    assert q.shape == (20, 3)
    np.testing.assert_allclose(q.T @ q, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(q @ (q.T @ x), x, atol=1e-9)


# -- dynamics -------------------------------------------------------------------------------------


def test_stability_of_a_dynamic_model(monkeypatch):
    spec = RegressionSpec("y ~ x", "", (), (), "sdm", "unit", "none", "observed", True, True)
    for tau, rho, eta, stable in (
        (0.5, 0.3, 0.1, True), (0.5, 0.4, 0.1, False), (-1.0, 0.3, 0.1, False),
        (1.0, -0.3, 0.1, False), (0.9, 0.2, -0.2, True),
    ):  # fmt: skip

        class At:
            coefs = np.array([1.0, tau, eta])

        At.rho = np.array([rho])
        (note,) = ml.stability_notes(At, SimpleNamespace(spec=spec))
        assert note.startswith(f"tau + rho + eta = {tau + rho + eta:.4f}: ")
        assert ("not stable" not in note) == stable
    assert long_run(0.3, 0.5, 0.1) == pytest.approx(0.4 / 0.5)


def test_probabilities_of_effects_in_small_samples(columbus):
    """Effects of a linear model are its coefficients, with t of the residuals' freedom."""
    panel, _ = columbus
    res = nq.fit("CRIME ~ INC + HOVAL", panel, model="ols", effects="none")
    frame = res.effects(level=0.8).frame
    direct = frame[frame["effect"] == "direct"].set_index("variable")
    reach = stats.t.ppf(0.9, 46)
    for name in ("INC", "HOVAL"):
        error = res.std_errors["x", name]
        assert direct.loc[name, "estimate"] == pytest.approx(res.params["x", name])
        assert direct.loc[name, "std_error"] == pytest.approx(error)
        low = res.params["x", name] - reach * error
        assert direct.loc[name, "conf_low"] == pytest.approx(low)


@pytest.mark.parametrize("effects", ["none", "unit", "period", "two-way"])
def test_r_squared_within(lattice, simulate, effects):
    """What is explained of the variation that effects leave, or about the mean without any."""
    w = lattice(4, 5)
    panel = simulate(w, 4, seed=5).assign(y=lambda d: d["y"] + 3.0)
    res = nq.fit("y ~ x1", panel, model="ols", effects=effects)
    y = panel.values("y")
    if effects == "none":
        y = y - y.mean()
    if effects in ("unit", "two-way"):
        y = y - y.mean(axis=1, keepdims=True)
    if effects in ("period", "two-way"):
        y = y - y.mean(axis=0, keepdims=True)
    e = res.resid.to_numpy()
    assert res.rsquared_within == pytest.approx(1 - (e @ e) / (y**2).sum())


def test_common_to_all_units_up_to_rounding():
    """Relative to the largest value: a zero among them makes no difference."""
    values = np.tile([0.0, 3.0, -7.0], (5, 1))
    assert is_common(values)
    values[2, 1] += 1e-13
    assert is_common(values)
    values[2, 1] += 1e-6
    assert not is_common(values)


# -- quadrature -----------------------------------------------------------------------------------


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("steps", [3, 6, 11, 30])
def test_quadrature_of_each_probe_by_dense_functions(lattice, deflate, steps):
    """Exact for polynomials up to twice the steps less one; for all once the space is used up."""
    w = lattice(3, 4)
    W = w.sparse.toarray()
    scale = symmetrizer(w.sparse)
    start = np.random.default_rng(0).choice([-1.0, 1.0], size=(12, 5))
    nodes, shares = quadrature._lanczos(w.sparse, scale, start.copy(), steps, deflate)
    S = W * scale[:, None] / scale
    leading = scale / np.linalg.norm(scale)
    z = start - np.outer(leading, leading @ start) if deflate else start
    exact = 1e-8 if steps < 11 else 1e-6  # all probes end where the first has used up its space
    for k in range(2 * min(steps, 11)):
        truth = np.einsum("ip,ij,jp->p", z, np.linalg.matrix_power(S, k), z)
        np.testing.assert_allclose((shares * nodes**k).sum(axis=1), truth, atol=exact)
    if steps >= 11:
        values, vectors = np.linalg.eigh((S + S.T) / 2)
        if deflate:
            values = np.where(np.isclose(values, 1), 0, values)
        truth = np.einsum("ip,ij,jp->p", z, vectors * np.log1p(-0.6 * values) @ vectors.T, z)
        np.testing.assert_allclose((shares * np.log1p(-0.6 * nodes)).sum(axis=1), truth, atol=exact)


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("steps", [3, 5])
def test_quadrature_without_symmetry(neighbours, deflate, steps, monkeypatch):
    """Of z'W^k z up to the number of steps; in blocks of probes as well."""
    w = neighbours(14, 3)
    W = w.sparse.toarray()
    start = np.random.default_rng(1).choice([-1.0, 1.0], size=(14, 6))
    z = start - start.mean(axis=0) if deflate else start
    J = np.eye(14) - 1 / 14 if deflate else np.eye(14)
    for entries in (2e7, 14 * (steps + 1) * 2.5):
        monkeypatch.setattr(quadrature, "_BASIS_ENTRIES", entries)
        nodes, shares = quadrature._arnoldi(w.sparse, start.copy(), steps, deflate)
        assert nodes.shape == (6, steps)
        for k in range(steps + 1):
            power = np.linalg.matrix_power(J @ W, k)
            truth = np.einsum("ip,ij,jp->p", z, power, z)
            np.testing.assert_allclose((shares * nodes**k).sum(axis=1), truth, atol=1e-8)


def test_probe_weights_meet_the_known_moments(lattice, neighbours):
    """Weights near 1 / probes whose moments of order 0 to 4 are those of the matrix."""
    for w, deflate in ((lattice(6, 6), True), (neighbours(40, 4, standardize="none"), False)):
        result = quadrature.probe_quadrature(
            w.sparse, symmetrizer(w.sparse), deflate=deflate, seed=3, probes=20, steps=15
        )
        n, W = w.n_units, w.sparse.toarray()
        ones = int(deflate)
        assert result.known_ones == ones
        for k in range(5):
            each = (result.node_weights * result.nodes**k).sum(axis=1).real
            truth = np.trace(np.linalg.matrix_power(W, k)) - ones
            assert result.probe_weights @ each == pytest.approx(truth, abs=1e-7)
            remaining = result.residual_maker @ each
            np.testing.assert_allclose(remaining, 0, atol=1e-7 * max(1, abs(each).max()))
        assert result.probe_weights.sum() == pytest.approx(1, abs=0.2)
        P = result.residual_maker
        np.testing.assert_allclose(P @ P, P, atol=1e-9)
        np.testing.assert_allclose(P @ np.ones(20), 0, atol=1e-9)
        assert n - ones > 0


def test_large_matrices_are_reordered_and_mean_the_same(lattice, monkeypatch):
    """Neighbours next to each other in memory: another order of units, the same moments."""
    w = lattice(6, 7)
    monkeypatch.setattr(quadrature, "_ORDERED_FROM", 10)
    result = quadrature.probe_quadrature(
        w.sparse, symmetrizer(w.sparse), deflate=True, seed=0, probes=30, steps=40
    )
    values = result.probe_weights @ (result.node_weights * np.log1p(-0.5 * result.nodes)).sum(
        axis=1
    )
    truth = np.linalg.slogdet(np.eye(42) - 0.5 * w.sparse.toarray())[1]
    assert values + np.log(0.5) == pytest.approx(truth, rel=0.05)


def test_the_weights_of_a_result(lattice, simulate):
    w = lattice(4, 4)
    panel = simulate(w, 4)
    for model in ("sar", "slx", "sem", "sdm", "sdem", "sac"):
        res = nq.fit("y ~ x1", panel, w, model=model, effects="none")
        assert (res.weights.sparse != w.sparse).nnz == 0
    assert nq.fit("y ~ x1", panel, model="ols", effects="none").weights is None
