"""Weights made of outcomes: own dense likelihood, finite differences, planted correlation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import chi2

import nqp_spatial as nq
from nqp_spatial.errors import CollinearityError, OptionError

RHO = 0.4


def made(n, t, correlation, seed=0, *, makers=1):
    rng = np.random.default_rng(seed)
    places = rng.random((n, 2))
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    near = distance <= np.sort(distance, axis=1)[:, [5]]
    x, instrument, other = rng.normal(size=(3, n, t))
    eps, further, own = rng.normal(size=(3, n, t))
    z = instrument + 0.5 * x + eps
    q = other - 0.3 * x + further
    v = correlation * (eps + (makers - 1) * further) + own
    average = z.mean(axis=1) + (makers - 1) * q.mean(axis=1)
    w = near / (np.abs(average[:, None] - average[None]) + 0.1)
    w /= w.sum(axis=1, keepdims=True)
    y = np.linalg.solve(np.eye(n) - RHO * w, 1 + x + v)
    columns = {"y": y, "x": x, "z": z, "q": q, "instrument": instrument, "other": other}
    frame = pd.DataFrame({name: a.ravel() for name, a in columns.items()})
    frame["id"], frame["t"] = np.repeat(np.arange(n), t), np.tile(np.arange(t), n)
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    return panel, nq.weights.from_dense(w, np.arange(n)), w, columns


def by_hand(w, columns, gamma=None):
    """Return (1, x, residual, rho), sigma2 and gamma of one cross-section, by a line search."""
    flat = {name: a.ravel() for name, a in columns.items()}
    n = len(w)
    basis = np.column_stack([np.ones(n), flat["x"], flat["instrument"]])
    if gamma is None:
        gamma = np.linalg.lstsq(basis, flat["z"], rcond=None)[0]
    regressors = np.column_stack([np.ones(n), flat["x"], flat["z"] - basis @ gamma])

    def fitted(rho):
        series = flat["y"] - rho * (w @ flat["y"])
        coefs = np.linalg.lstsq(regressors, series, rcond=None)[0]
        errors = series - regressors @ coefs
        return coefs, errors @ errors / n

    def minus(rho):
        return n / 2 * np.log(fitted(rho)[1]) - np.linalg.slogdet(np.eye(n) - rho * w)[1]

    rho = minimize_scalar(minus, bounds=(-0.9, 0.95), method="bounded", options={"xatol": 1e-11}).x
    coefs, sigma2 = fitted(rho)
    return np.array([*coefs, rho]), sigma2, gamma, basis, regressors


KEYS = [("x", "Intercept"), ("x", "x"), ("x", "residual_z"), ("spatial", "rho")]


def test_estimates_are_those_of_a_dense_likelihood():
    panel, w, dense, columns = made(60, 1, 0.5)
    result = nq.endogenous_weights("y ~ x", panel, w, makers="z ~ x + instrument", effects="none")
    values, sigma2, gamma, *_ = by_hand(dense, columns)
    np.testing.assert_allclose(result.model.params[KEYS], values, atol=1e-6)
    assert result.model.sigma2 == pytest.approx(sigma2, rel=1e-7)
    first = result.makers["residual_z"]
    np.testing.assert_allclose(first.params, gamma, atol=1e-10)
    plain = nq.fit("y ~ x", panel, w, model="sar", effects="none")
    pd.testing.assert_series_equal(result.plain.params, plain.params)


def test_the_test_is_the_squared_t_of_the_residual():
    panel, w, dense, columns = made(60, 1, 0.3)
    result = nq.endogenous_weights("y ~ x", panel, w, makers="z ~ x + instrument", effects="none")
    values, sigma2, _, _, z = by_hand(dense, columns)
    # The expected information, by explicit inverses.
    g = dense @ np.linalg.inv(np.eye(60) - values[-1] * dense)
    mean = g @ z @ values[:-1]
    blocks = np.zeros((5, 5))
    blocks[:3, :3] = z.T @ z / sigma2
    blocks[:3, 3] = blocks[3, :3] = z.T @ mean / sigma2
    blocks[3, 3] = mean @ mean / sigma2 + np.trace(g @ g) + np.trace(g.T @ g)
    blocks[3, 4] = blocks[4, 3] = np.trace(g) / sigma2
    blocks[4, 4] = 60 / (2 * sigma2**2)
    inverse = np.linalg.inv(blocks)
    expected = nq.endogenous_weights(
        "y ~ x", panel, w, makers="z ~ x + instrument", effects="none", covariance="expected"
    ).tests["exogenous"]
    assert expected.statistic == pytest.approx(values[2] ** 2 / inverse[2, 2], rel=1e-4)
    assert expected.p_value == pytest.approx(chi2.sf(expected.statistic, 1))
    assert result.tests["exogenous"].statistic == pytest.approx(expected.statistic, rel=0.3)


@pytest.mark.parametrize("covariance", ["observed", "qml"])
def test_standard_errors_know_the_first_step(covariance):
    """The added variance is J Var(gamma) J', J by finite differences of the second step."""
    panel, w, dense, columns = made(700, 1, 1.0, seed=3)
    result = nq.endogenous_weights(
        "y ~ x", panel, w, makers="z ~ x + instrument", effects="none", covariance=covariance
    )
    extended = panel.assign(residual_z=result.makers["residual_z"].resid)
    uncorrected = nq.fit(
        "y ~ x + residual_z", extended, w, model="sar", effects="none", covariance=covariance
    )
    added = (result.model.cov - uncorrected.cov).loc[KEYS, KEYS].to_numpy()
    _, _, gamma, basis, _ = by_hand(dense, columns)
    step, slopes = 1e-3, []
    for place in range(3):
        ends = [by_hand(dense, columns, gamma + s * step * np.eye(3)[place])[0] for s in (1, -1)]
        slopes.append((ends[0] - ends[1]) / (2 * step))
    errors = columns["z"].ravel() - basis @ gamma
    variance = errors @ errors / 700 * np.linalg.inv(basis.T @ basis)
    numeric = np.array(slopes).T @ variance @ np.array(slopes)
    # Sampling noise of order 1 / sqrt(n) is left out of the formula.
    np.testing.assert_allclose(np.diag(added)[:2], np.diag(numeric)[:2], rtol=0.15)
    assert added[3, 3] == pytest.approx(numeric[3, 3], rel=0.3)
    assert added[1, 1] > 0.2 * uncorrected.cov.loc[[KEYS[1]], [KEYS[1]]].to_numpy()[0, 0]


@pytest.mark.parametrize("effects", ["none", "two-way"])
def test_planted_correlation_is_found(effects):
    panel, w, *_ = made(200, 3, 0.6, seed=1)
    result = nq.endogenous_weights("y ~ x", panel, w, makers="z ~ x + instrument", effects=effects)
    assert result.tests["exogenous"].p_value < 1e-6
    rows = result.model.frame
    for key, true in ((("x", "residual_z"), 0.6), (("spatial", "rho"), RHO)):
        assert abs(rows.loc[key, "estimate"] - true) < 3 * rows.loc[key, "std_error"]
    assert "not exogenous" in result.notes[0]
    assert set(result.frame["model"]) == {"with control", "without control"}
    exogenous, w, *_ = made(200, 3, 0.0, seed=0)
    other = nq.endogenous_weights(
        "y ~ x", exogenous, w, makers="z ~ x + instrument", effects=effects
    )
    assert other.tests["exogenous"].p_value > 0.01
    assert "not rejected" in other.notes[0]


def test_several_makers_and_a_durbin_model():
    panel, w, *_ = made(150, 3, 0.6, seed=2, makers=2)
    equations = ["z ~ x + instrument", "q ~ x + other"]
    result = nq.endogenous_weights("y ~ x", panel, w, makers=equations, model="sdm")
    assert list(result.makers) == ["residual_z", "residual_q"]
    assert result.tests["exogenous"].df == 2
    assert result.tests["exogenous"].p_value < 1e-6
    # Residuals are not lagged.
    assert result.model.spec.lagged == ("x",)
    keys = [("x", "residual_z"), ("x", "residual_q")]
    estimates = result.model.params[keys].to_numpy()
    cov = result.model.cov.loc[keys, keys].to_numpy()
    np.testing.assert_allclose(estimates, 0.6, atol=0.15)
    wald = estimates @ np.linalg.solve(cov, estimates)
    assert result.tests["exogenous"].statistic == pytest.approx(wald, rel=0.02)
    turned = nq.endogenous_weights("y ~ x", panel, w, makers=equations[::-1], model="sdm")
    np.testing.assert_allclose(
        turned.model.cov.loc[("spatial", "rho"), ("spatial", "rho")],
        result.model.cov.loc[("spatial", "rho"), ("spatial", "rho")],
    )


def test_what_is_refused():
    panel, w, *_ = made(40, 3, 0.3)
    with pytest.raises(OptionError, match="at least one variable"):
        nq.endogenous_weights("y ~ x", panel, w, makers=[])
    with pytest.raises(OptionError, match="two equations of 'z'"):
        nq.endogenous_weights("y ~ x", panel, w, makers=["z ~ x", "z ~ instrument"])
    with pytest.raises(CollinearityError, match="needs a regressor that is not in the formula"):
        nq.endogenous_weights("y ~ x + z", panel, w, makers="z ~ x")
    clash = panel.assign(residual_z=panel.frame["x"])
    with pytest.raises(OptionError, match="rename the column"):
        nq.endogenous_weights("y ~ x", clash, w, makers="z ~ x + instrument")
