"""Random unit effects: dense likelihoods, dense Fisher information, least squares limits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from nqp_spatial.regression.diagnostics._random_effects_tests import random_effects_tests
from tests.parity import agree
from tests.regression.test_family import MODELS, numerical_hessian, weights_for

TRUTH = {"rho": 0.35, "lam": 0.3}


def simulated(model, w_y, w_x, w_u, periods=5, seed=0, sigma_mu=1.0, correlated=0.0):
    """Random effects that are lagged as the errors are, and may depend on the regressor."""
    has_rho, has_lags, has_lam = MODELS.get(model, (0, 0, 0))
    rng = np.random.default_rng(seed)
    n = w_y.n_units
    x = rng.normal(size=(n, periods, 2)) + rng.normal(size=(n, 1, 2))
    wx = (w_x.sparse @ x.reshape(n, -1)).reshape(x.shape)
    mu = sigma_mu * rng.normal(size=(n, 1)) + correlated * x[:, :, 0].mean(axis=1, keepdims=True)
    a = np.linalg.inv(np.eye(n) - has_rho * TRUTH["rho"] * w_y.sparse.toarray())
    b = np.linalg.inv(np.eye(n) - has_lam * TRUTH["lam"] * w_u.sparse.toarray())
    mean = 2.0 + x @ np.array([1.0, -0.5]) + has_lags * (wx @ np.array([0.4, 0.2]))
    y = a @ (mean + b @ (mu + rng.normal(size=(n, periods))))
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.asarray(w_y.units), periods),
            "t": np.tile(np.arange(periods), n),
            "y": y.ravel(),
            "x1": x[:, :, 0].ravel(),
            "x2": x[:, :, 1].ravel(),
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


def gaussian(model, panel, w_y, w_x, w_u):
    """Mean and covariance of y as functions of the parameters, dense."""
    has_rho, has_lags, has_lam = MODELS.get(model, (0, 0, 0))
    y = panel.values("y")
    n, t = y.shape
    x = np.stack([np.ones_like(y), panel.values("x1"), panel.values("x2")], axis=-1)
    wx = (w_x.sparse @ x[:, :, 1:].reshape(n, -1)).reshape(n, t, 2)
    z = np.concatenate([x, wx] if has_lags else [x], axis=2).reshape(n * t, -1)
    k = z.shape[1]
    average = np.kron(np.eye(n), np.full((t, t), 1 / t))

    def moments(params):
        others = list(params[k:])
        rho = others.pop(0) if has_rho else 0.0
        lam = others.pop(0) if has_lam else 0.0
        phi, sigma2 = others
        big = np.kron(np.eye(n) - rho * w_y.sparse.toarray(), np.eye(t))
        filtered = np.kron(np.eye(n) - lam * w_u.sparse.toarray(), np.eye(t))
        inverse = np.linalg.inv(filtered @ big)
        inner = sigma2 * (np.eye(n * t) - average + average / phi**2)
        return np.linalg.solve(big, z @ params[:k]), inverse @ inner @ inverse.T

    def loglik(params):
        mean, cov = moments(params)
        e = y.ravel() - mean
        return -0.5 * (np.linalg.slogdet(2 * np.pi * cov)[1] + e @ np.linalg.solve(cov, e))

    return moments, loglik


@pytest.mark.parametrize("model", ["ols", "sdm", "sem", "sac"])
def test_likelihood_and_hessian_by_brute_force(neighbours, model):
    w_y, w_x, w_u = (neighbours(10, k, seed=k) for k in (3, 4, 5))
    panel = simulated(model, w_y, w_x, w_u, 4, seed=2)
    weights = None if model == "ols" else weights_for(model, w_y, w_x, w_u)
    res = nq.fit("y ~ x1 + x2", panel, weights, model=model, effects="random")
    _, loglik = gaussian(model, panel, w_y, w_x, w_u)
    estimates = np.array([*res.params, res.sigma2])
    assert res.loglik == pytest.approx(loglik(estimates), rel=1e-10)
    hessian = numerical_hessian(loglik, estimates)
    assert np.linalg.eigvalsh(hessian).max() < 0
    cov = np.linalg.inv(-hessian)
    np.testing.assert_allclose(res.std_errors, np.sqrt(np.diag(cov))[:-1], rtol=1e-3)
    assert res.sigma2_std_error == pytest.approx(np.sqrt(cov[-1, -1]), rel=1e-3)
    # No other start climbs higher.
    scale = np.sqrt(np.diag(cov))
    for sign in (-1, 1):
        result = optimize.minimize(
            lambda p: (
                -loglik(estimates + p * scale) if estimates[-1] + p[-1] * scale[-1] > 0.05 else 1e9
            ),
            sign * 0.5 * np.ones(len(estimates)),
            method="L-BFGS-B",
            bounds=[(-1, 1)] * len(estimates),
        )
        assert -result.fun <= res.loglik + 1e-6


@pytest.mark.parametrize("model", ["ols", "sdm", "sem", "sac"])
def test_expected_information_is_fishers(neighbours, model):
    """I_ij = m_i'V^-1 m_j + tr(V^-1 V_i V^-1 V_j) / 2, with numerical derivatives of m and V."""
    w_y, w_x, w_u = (neighbours(9, k, seed=k) for k in (3, 4, 5))
    panel = simulated(model, w_y, w_x, w_u, 4, seed=2)
    weights = None if model == "ols" else weights_for(model, w_y, w_x, w_u)
    res = nq.fit(
        "y ~ x1 + x2", panel, weights, model=model, effects="random", covariance="expected"
    )
    moments, _ = gaussian(model, panel, w_y, w_x, w_u)
    estimates = np.array([*res.params, res.sigma2])
    _, cov = moments(estimates)
    inverse = np.linalg.inv(cov)
    means, covs = [], []
    for j in range(len(estimates)):
        step = np.zeros(len(estimates))
        step[j] = 1e-5
        (m1, v1), (m0, v0) = moments(estimates + step), moments(estimates - step)
        means.append((m1 - m0) / 2e-5)
        covs.append(inverse @ (v1 - v0) / 2e-5)
    information = np.array(
        [
            [
                means[i] @ inverse @ means[j] + np.trace(covs[i] @ covs[j]) / 2
                for j in range(len(estimates))
            ]
            for i in range(len(estimates))
        ]
    )
    truth = np.sqrt(np.diag(np.linalg.inv(information)))
    np.testing.assert_allclose(res.std_errors, truth[:-1], rtol=1e-5)
    assert res.sigma2_std_error == pytest.approx(truth[-1], rel=1e-5)


@pytest.mark.parity
def test_least_squares_with_random_effects_is_statsmodels(lattice):
    """Without space, a random intercept by maximum likelihood."""
    import statsmodels.formula.api as smf

    w = lattice(7, 7)
    panel = simulated("ols", w, w, w, 6, seed=3)
    res = nq.fit("y ~ x1 + x2", panel, model="ols", effects="random")
    frame = panel.frame.reset_index()
    theirs = smf.mixedlm("y ~ x1 + x2", frame, groups=frame["unit"]).fit(reml=False)
    stops = "the optimiser of mixedlm stops early"
    other = {"program": "statsmodels", "data": "simulated panel, 49 units"}
    name = "OLS, random effects"
    coefs, variance = res.params["x"], float(theirs.cov_re.iloc[0, 0])
    agree(f"{name}: coefficients", coefs, theirs.fe_params, rtol=1e-5, reason=stops, **other)
    agree(f"{name}: log-likelihood", res.loglik, theirs.llf, rtol=1e-8, **other)
    agree(f"{name}: sigma2", res.sigma2, theirs.scale, rtol=1e-4, reason=stops, **other)
    agree(
        f"{name}: variance of unit effects", res.fixed_effects.variance, variance, rtol=1e-3,
        reason=stops, **other,
    )  # fmt: skip
    predicted = pd.Series(
        {unit: float(effect.iloc[0]) for unit, effect in theirs.random_effects.items()}
    )
    agree(
        f"{name}: predicted unit effects", res.fixed_effects.unit,
        predicted.reindex(res.fixed_effects.unit.index), rtol=1e-3, atol=1e-6, reason=stops,
        **other,
    )  # fmt: skip


def test_mundlak_gives_within_coefficients(lattice):
    """With the unit means in it, a random effects model has the coefficients of fixed effects."""
    w = lattice(6, 6)
    panel = simulated("ols", w, w, w, 6, seed=1, correlated=1.5)
    within = nq.fit("y ~ x1 + x2", panel, model="ols", effects="unit")
    res = nq.fit("y ~ x1 + x2", panel, model="ols", effects="correlated-random")
    np.testing.assert_allclose(res.params["x"][["x1", "x2"]], within.params["x"], rtol=1e-8)
    assert [key for key in res.params.index if key[0] == "mean"] == [("mean", "x1"), ("mean", "x2")]
    spatial = nq.fit("y ~ x1 + x2", panel, w, effects="correlated-random")
    assert ("wmean", "x1") in spatial.params.index
    assert spatial.effects().wide().index.tolist() == ["x1", "x2"]


def test_fitted_and_residuals_rebuild_the_data(lattice):
    w = lattice(6, 6)
    panel = simulated("sdm", w, w, w, 5)
    res = nq.fit("y ~ x1 + x2", panel, w, effects="random")
    np.testing.assert_allclose(res.fitted + res.resid, panel.frame["y"])
    # phi^2 = sigma2 / (sigma2 + T sigma_mu^2).
    phi, variance = res.params["random", "phi"], res.fixed_effects.variance
    assert phi**2 == pytest.approx(res.sigma2 / (res.sigma2 + 5 * variance))


def test_no_variance_of_units_is_pooled(lattice):
    """Where units differ less than errors alone would make them, phi stays at its bound of one."""
    w = lattice(6, 6)
    rng = np.random.default_rng(0)
    e = rng.normal(size=(36, 5))
    e -= e.mean(axis=1, keepdims=True)
    x = rng.normal(size=(36, 5))
    x -= x.mean(axis=1, keepdims=True)
    frame = pd.DataFrame({"y": (x + e).ravel(), "x": x.ravel()})
    frame["id"], frame["t"] = np.repeat(np.arange(36), 5), np.tile(np.arange(5), 36)
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    res = nq.fit("y ~ x", panel, w, model="sar", effects="random")
    pooled = nq.fit("y ~ x", panel, w, model="sar", effects="none")
    assert "estimated as zero" in res.notes[0]
    np.testing.assert_allclose(res.params["x"], pooled.params["x"], atol=1e-12)
    assert res.loglik == pytest.approx(pooled.loglik)


def test_hausman_and_mundlak_tell_correlated_effects(lattice):
    w = lattice(9, 9)
    free = nq.diagnostics("y ~ x1 + x2", simulated("sdm", w, w, w, 6, seed=5), w, effects="unit")
    correlated = simulated("sdm", w, w, w, 6, seed=5, correlated=1.0)
    tied = nq.diagnostics("y ~ x1 + x2", correlated, w, effects="unit")
    for name in ("Hausman: SDM", "Mundlak: SDM"):
        assert tied.tests[name].p_value < 0.01
    assert free.tests["Mundlak: SDM"].p_value > 0.01
    assert free.tests["Mundlak: SDM"].df == 4


@pytest.mark.slow
def test_hausman_and_mundlak_hold_their_size(lattice):
    w = lattice(8, 8)
    rejected = []
    for seed in range(400):
        panel = simulated("sdm", w, w, w, 5, seed=seed)
        tests = random_effects_tests("y ~ x1 + x2", panel, w, "unit")
        rejected.append([tests[name].p_value < 0.05 for name in ("Hausman: SDM", "Mundlak: SDM")])
    rates = np.mean(rejected, axis=0)
    assert (np.abs(rates - 0.05) < 3.5 * np.sqrt(0.05 * 0.95 / 400)).all(), rates


def test_options(lattice):
    w = lattice(5, 5)
    panel = simulated("sdm", w, w, w, 5)
    with pytest.raises(OptionError, match="where each unit started"):
        nq.fit("y ~ x1", panel, w, effects="random", time_lag=True)
    with pytest.raises(OptionError, match="not offered with random effects"):
        nq.fit("y ~ x1", panel, w, effects="random", covariance="robust")
    with pytest.raises(OptionError, match="needs more than one period"):
        nq.fit("y ~ x1", panel.select(periods=[0]), w, effects="random")
