"""Adjusted scores of short panels: against first differences, dense matrices, simulation."""

from __future__ import annotations

import importlib

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import nqp_spatial as nq
from nqp_spatial.errors import ConvergenceError, OptionError
from nqp_spatial.regression._model_data import build_model_data
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.estimators import _lag_operators, _lag_traces, _unit_traces
from nqp_spatial.regression.estimators._lag_operators import LagOperators
from nqp_spatial.regression.estimators._short_panel_robust import unbiased_variances
from nqp_spatial.regression.estimators._short_panel_root import find_root
from nqp_spatial.regression.estimators._short_panel_variance import (
    contributions,
    score_covariance,
    score_slopes,
)
from nqp_spatial.regression.estimators._unit_traces import PowerShares, _by_eigenvectors
from nqp_spatial.regression.estimators.ml import log_determinants
from nqp_spatial.regression.estimators.short_panel import _estimate, adjusted_score, score_parts
from nqp_spatial.regression.spec import RegressionSpec

HAS = {"ols": "", "slx": "x", "sar": "y", "sem": "u", "sdm": "yx", "sdem": "xu", "sac": "yu"}
TAU, ETA, RHO, LAM, BETA, THETA = 0.5, -0.1, 0.3, 0.4, 1.0, 0.5


def directed(n, seed=0, *, total=1.0):
    """Weights that no scaling makes symmetric: each unit has three neighbours at random."""
    rng = np.random.default_rng(seed)
    dense = np.zeros((n, n))
    for unit in range(n):
        others = rng.permutation(np.delete(np.arange(n), unit))[:3]
        dense[unit, others] = rng.uniform(0.5, 1.5, 3)
    dense /= dense.sum(axis=1, keepdims=True)
    if total != 1.0:
        dense *= total * rng.uniform(0.5, 1.0, (n, 1))
    return nq.weights.from_dense(dense, [f"u{unit:04d}" for unit in range(n)])


def outcomes(w, periods, model="sdm", *, seed=0, tau=TAU, sizes=1.0, draw=None, common=1.0):
    """y and x, units by periods + 1, with unit effects and shocks common to all units."""
    burn = 25
    rng = np.random.default_rng(seed)
    n, dense = w.n_units, w.sparse.toarray()
    b = np.linalg.inv(np.eye(n) - ("y" in HAS[model]) * RHO * dense)
    c = np.linalg.inv(np.eye(n) - ("u" in HAS[model]) * LAM * dense)
    mu, past = rng.normal(size=n), np.zeros(n)
    y, x = [], []
    for _ in range(burn + periods + 1):
        column = rng.normal(size=n) + 0.3 * mu
        e = sizes * (rng.normal(size=n) if draw is None else draw(rng, n))
        right = (
            BETA * column
            + ("x" in HAS[model]) * THETA * (dense @ column)
            + mu
            + common * rng.normal()
        )
        past = b @ (right + tau * past + ETA * (dense @ past) + c @ e)
        y.append(past)
        x.append(column)
    return np.array(y[burn:]).T, np.array(x[burn:]).T


def panel_of(w, y, x):
    n, count = y.shape
    columns = {"id": np.repeat(np.asarray(w.units), count), "t": np.tile(np.arange(count), n)}
    frame = pd.DataFrame({**columns, "y": y.ravel(), "x": x.ravel()})
    return nq.SpatialPanel(frame, unit="id", period="t")


def data_of(w, y, x, model="sdm", effects="two-way", covariance="observed", errors=None):
    has = {key: w if key in HAS[model] else None for key in "xu"}
    if errors is not None:
        has["u"] = errors
    terms = TermWeights.of(y=w, **has)
    spec = RegressionSpec(
        "y ~ x", "", (), (), model, effects, "none", covariance, time_lag=True, space_time_lag=True,
        estimator="m",
    )  # fmt: skip
    return build_model_data(panel_of(w, y, x), spec, terms)


def score_in_differences(w, y, x, model, effects, values):
    """The adjusted scores of Yang (2018), from moments of first differences; nothing is shared.

    ``E(dY_t dv_(t+1)') = -s2 B^-1``, ``E(dY_t dv_t') = s2 (2I - A) B^-1``, ``E(dY_t dv_s') = -s2
    A^(t-1-s) (I - A)^2 B^-1`` for s < t; C tridiagonal (-1, 2, -1).
    """
    n, dense, unit = w.n_units, w.sparse.toarray(), np.eye(w.n_units)
    has = HAS[model]
    k = 1 + ("x" in has)
    beta, tau, eta = values[:k], values[k], values[k + 1]
    rho = values[k + 2] if "y" in has else 0.0
    lam = values[-2] if "u" in has else 0.0
    s2 = values[-1]
    b, filtered = unit - rho * dense, unit - lam * dense
    inverse = np.linalg.inv(b)
    a = inverse @ (tau * unit + eta * dense)
    j = unit - 1 / n if effects == "two-way" else unit
    dy, dx = np.diff(y, axis=1), np.diff(x, axis=1)[:, 1:]
    now, before = dy[:, 1:], dy[:, :-1]
    count = now.shape[1]
    c = 2 * np.eye(count) - np.eye(count, k=1) - np.eye(count, k=-1)
    c_inverse = np.linalg.inv(c)
    regressors = [dx, dense @ dx][:k]
    du = b @ now - tau * before - eta * (dense @ before)
    du = du - sum(coef * column for coef, column in zip(beta, regressors, strict=True))
    dv = j @ filtered @ du

    def product(series):
        return float(np.sum((dv @ c_inverse) * (j @ filtered @ series))) / s2

    def moment(t, s):
        """E(dY_t dv_s') / s2 with the first difference numbered 1."""
        if s == t + 1:
            return -inverse
        if s > t + 1:
            return 0 * unit
        if s == t:
            return (2 * unit - a) @ inverse
        return -np.linalg.matrix_power(a, t - 1 - s) @ (unit - a) @ (unit - a) @ inverse

    def mean(matrix, lag):
        traces = [
            [np.trace(j @ matrix @ moment(t - lag, s)) for s in range(2, count + 2)]
            for t in range(2, count + 2)
        ]
        return float((c_inverse * np.array(traces)).sum())

    score = [product(column) for column in regressors]
    score += [product(before) - mean(unit, 1), product(dense @ before) - mean(dense, 1)]
    if "y" in has:
        score.append(product(dense @ now) - mean(dense, 0))
    if "u" in has:
        h = dense @ np.linalg.inv(filtered)
        quadratic = float(np.sum((dv @ c_inverse) * (j @ dense @ du))) / s2
        score.append(quadratic - count * np.trace(j @ h))
    squares = float(np.sum((dv @ c_inverse) * dv))
    score.append(squares / (2 * s2**2) - np.trace(j) * count / (2 * s2))
    return np.array(score)


def full_solution(score, point):
    coefs, sigma2 = score.solution(point)
    return np.concatenate([coefs, point[2:], [sigma2]])


CASES = [
    (model, effects, total)
    for model in ("ols", "slx", "sar", "sdm", "sem", "sdem", "sac")
    for effects in ("unit", "two-way")
    for total in (1.0, 0.8)
    # filtered period dummies are dummies only where rows add to one
    if not (total != 1.0 and effects == "two-way" and "u" in HAS[model])
]


@pytest.mark.parametrize(("model", "effects", "total"), CASES)
@pytest.mark.parametrize("periods", [2, 5])
def test_the_score_is_that_in_first_differences(model, effects, total, periods):
    """At any point, for symmetric and directed W, with rows that add to one or do not."""
    w = directed(20, seed=periods, total=total)
    y, x = outcomes(w, periods, model, seed=3)
    data = data_of(w, y, x, model, effects)
    score = adjusted_score(data, log_determinants(data.terms))
    point = np.array([0.35, -0.05, 0.2, 0.3])[score.positions]
    truth = score_in_differences(w, y, x, model, effects, full_solution(score, point))
    size = np.sqrt(score.observations)
    k = data.design.z.shape[2] - 2
    np.testing.assert_allclose(score.at(point)[0], truth[k:-1], rtol=1e-10, atol=1e-10 * size)
    np.testing.assert_allclose(truth[:k], 0, atol=1e-10 * size)
    assert truth[-1] == pytest.approx(0, abs=1e-10 * size)


@pytest.mark.parametrize("model", ["ols", "slx", "sar", "sdm", "sem", "sdem"])
@pytest.mark.parametrize("effects", ["unit", "two-way"])
def test_the_estimate_is_a_root_in_first_differences(lattice, model, effects):
    w = lattice(6, 6)
    y, x = outcomes(w, 6, model, seed=1, common=float(effects == "two-way"))
    # y_(t-1) and W y_(t-1) both enter, so that W is needed by y in each model
    weights = dict.fromkeys({"y", *HAS[model]}, w)
    res = nq.fit(
        "y ~ x", panel_of(w, y, x), weights, model=model, effects=effects, time_lag=True,
        space_time_lag=True, estimator="m",
    )  # fmt: skip
    values = np.array([*res.params, res.sigma2])
    score = score_in_differences(w, y, x, model, effects, values)
    np.testing.assert_allclose(score, 0, atol=1e-10 * np.sqrt(res.nobs))
    assert np.isnan(res.loglik)


@pytest.mark.parametrize("model", ["sar", "sdm", "sem", "sac"])
def test_derivatives_are_those_of_the_score(model):
    """Of the concentrated scores, and of all scores by finite differences of first differences."""
    w = directed(25, seed=2)
    y, x = outcomes(w, 5, model, seed=4)
    data = data_of(w, y, x, model)
    score = adjusted_score(data, log_determinants(data.terms))
    point = np.array([0.45, -0.05, 0.25, 0.3])[score.positions]
    slope = score.at(point)[1]
    for column, step in enumerate(1e-5 * np.eye(len(point))):
        change = (score.at(point + step)[0] - score.at(point - step)[0]) / 2e-5
        np.testing.assert_allclose(slope[:, column], change, rtol=1e-6, atol=1e-5)
    values = full_solution(score, point)
    estimate = _estimate(data, score, point)
    slopes = score_slopes(estimate, data, score, score_parts(estimate, data, score, point))
    for column, step in enumerate(1e-5 * np.eye(len(values))):
        above = score_in_differences(w, y, x, model, "two-way", values + step)
        below = score_in_differences(w, y, x, model, "two-way", values - step)
        np.testing.assert_allclose(slopes[:, column], (above - below) / 2e-5, rtol=1e-6, atol=1e-4)


def dense_forms(w, model, effects, point, periods, errors=None):
    """The matrices Q of the scores of tau, eta, rho, lam in the errors, ordered by period, unit."""
    n, dense, unit = w.n_units, w.sparse.toarray(), np.eye(w.n_units)
    links = dense if errors is None else errors.sparse.toarray()
    tau, eta, rho, lam = point
    inverse, filtered = np.linalg.inv(unit - rho * dense), unit - lam * links
    a = inverse @ (tau * unit + eta * dense)
    j = unit - 1 / n if effects == "two-way" else unit
    centre = np.eye(periods) - 1 / periods
    moved = np.zeros((periods, periods, n, n))  # y_t - E y_t = sum_k moved[t, k] v_k
    for t in range(periods):
        for k in range(t + 1):
            moved[t, k] = np.linalg.matrix_power(a, t - k) @ inverse @ np.linalg.inv(filtered)
    before = np.zeros_like(moved)
    before[1:] = moved[:-1]
    forms = {"tau": before, "eta": dense @ before, "rho": dense @ moved}
    forms = {name: np.einsum("ts,skij->tkij", centre, j @ filtered @ form)
             for name, form in forms.items()}  # fmt: skip
    forms["lam"] = np.einsum("tk,ij->tkij", centre, j @ links @ np.linalg.inv(filtered))
    kept = ["tau", "eta", *["rho"] * ("y" in HAS[model]), *["lam"] * ("u" in HAS[model])]
    return [forms[name] for name in kept]


@pytest.mark.parametrize("model", ["ols", "sdm", "sem", "sac"])
@pytest.mark.parametrize("effects", ["unit", "two-way"])
@pytest.mark.parametrize("kind", ["directed", "symmetric"])
def test_the_variance_by_dense_matrices(lattice, model, effects, kind):
    w = directed(20, seed=7) if kind == "directed" else lattice(4, 5)
    y, x = outcomes(w, 4, model, seed=5)
    data = data_of(w, y, x, model, effects)
    score = adjusted_score(data, log_determinants(data.terms))
    point = np.array([0.45, -0.05, 0.25, 0.3])[score.positions]
    estimate = _estimate(data, score, point)
    parts = score_parts(estimate, data, score, point)
    g = contributions(estimate, data, score, parts)
    truth = score_in_differences(w, y, x, model, effects, full_solution(score, point))
    np.testing.assert_allclose(g.sum(axis=0), truth, atol=1e-9)
    forms = dense_forms(w, model, effects, score.full(point), 4)
    first, e = g.shape[1] - 1 - len(forms), estimate.residuals.reshape(20, 4)
    series = [*estimate.filtered[0][:, first : first + 2].T]
    series += [estimate.filtered[1][:, 0]] * ("y" in HAS[model])
    series += [estimate.lagged_disturbances] * ("u" in HAS[model])
    for column, (form, values) in enumerate(zip(forms, series, strict=True), start=first):
        means = np.einsum("ttii->i", form)
        products = (e * values.reshape(20, 4)).sum(axis=1) / estimate.sigma2
        np.testing.assert_allclose(g[:, column], products - means, atol=1e-10)
    for a, left in enumerate(forms):
        for b, right in enumerate(forms):
            # two-way: J on the right of F changes nothing where rows add to one
            both = np.einsum("tkij,ktji->ij", left, right)
            assert parts.pairs[a, b] == pytest.approx(both.sum() - np.trace(both), abs=1e-9)


def test_the_variance_is_that_of_simulated_scores(lattice):
    """Of the quadratic form of tau in skewed errors: squares of the g_i plus the pairs."""
    w = lattice(4, 5)
    form = dense_forms(w, "sdm", "unit", (0.6, 0.1, 0.4, 0.0), 4)[2]
    rng = np.random.default_rng(0)
    v = rng.chisquare(3, size=(4000, 4, 20)) / np.sqrt(6) - 3 / np.sqrt(6)
    g = v.transpose(0, 2, 1) * np.einsum("tkij,rkj->rit", form, v)
    g = g.sum(axis=2) - np.einsum("ttii->i", form)
    both = np.einsum("tkij,ktji->ij", form, form)
    pairs = both.sum() - np.trace(both)
    squares = (g**2).sum(axis=1).mean()
    assert pairs > 0.03 * squares  # without the pairs the variance would be too small
    assert g.sum(axis=1).var() == pytest.approx(squares + pairs, rel=0.05)


def test_shares_of_units_without_eigenvectors():
    """By powers of W, exact and from probes, against eigenvectors and dense matrices."""
    for total in (1.0, 0.8):
        w = directed(60, seed=1, total=total)
        dense, unit = w.sparse.toarray(), np.eye(60)
        inverse = np.linalg.inv(unit - 0.6 * dense)
        form = inverse @ np.linalg.matrix_power(inverse @ (0.5 * unit - 0.1 * dense), 2)
        truth = np.diag(form - form.mean(axis=0))
        for shares in (
            _by_eigenvectors(w.sparse, True),
            PowerShares(w.sparse, True, None),
            PowerShares(w.sparse, True, 0),
        ):
            inverses = 1 / (1 - 0.6 * shares.points)
            values = inverses * (inverses * (0.5 - 0.1 * shares.points)) ** 2
            gap = np.abs(shares.diagonal(values) - truth)
            assert gap.max() < 1e-12 or (gap.mean() < 0.03 and gap.max() < 0.1)


def test_where_there_is_no_root_the_estimator_says_so(lattice):
    """Common shocks without period effects look like a unit root."""
    w = lattice(6, 6)
    options = {"model": "ols", "effects": "unit", "time_lag": True, "space_time_lag": True}
    panel = panel_of(w, *outcomes(w, 6, "ols", seed=1, common=3.0))
    with pytest.raises(ConvergenceError, match="no root and come near none"):
        nq.fit("y ~ x", panel, {"y": w}, **options, estimator="m")
    res = nq.fit("y ~ x", panel, {"y": w}, **options)
    assert res.spec.estimator == "ml"
    assert res.spec.correction == "bias"
    assert any("bias-corrected maximum likelihood instead" in note for note in res.notes)


@pytest.mark.parametrize("covariance", ["observed", "robust"])
def test_the_point_nearest_to_a_root(lattice, covariance):
    """The minimum of the scores, and standard errors from their curvature."""
    w = lattice(6, 6)
    y, x = outcomes(w, 6, "ols", seed=8)
    data = data_of(w, y, x, "ols", "unit", covariance)
    score = adjusted_score(data, log_determinants(data.terms))
    start = np.array([0.6, -0.4])
    root = find_root(score, start)
    information = np.linalg.inv(score.information(start))

    def size(point):
        value = score.at(point)[0] / score.unit(start)
        return float(value @ information @ value)

    assert np.sqrt(size(root.point)) == pytest.approx(root.slope)
    assert 0.01 < root.slope < 2
    for step in 0.01 * np.array([[1, 0], [0, 1], [-1, 0], [0, -1], [1, -1], [-1, 1]]):
        assert size(root.point + step) > size(root.point)
    res = nq.fit(
        "y ~ x", panel_of(w, y, x), {"y": w}, model="ols", effects="unit", time_lag=True,
        space_time_lag=True, covariance=covariance,
    )  # fmt: skip
    assert any("the point nearest to one" in note for note in res.notes)
    assert (res.std_errors["dynamic"] < 0.4).all()


def test_what_auto_takes(lattice):
    w = lattice(5, 5)
    y, x = outcomes(w, 16, "sdm", seed=2)
    long, short = panel_of(w, y, x), panel_of(w, y[:, :15], x[:, :15])
    res = nq.fit("y ~ x", short, w, time_lag=True)
    assert res.spec.estimator == "m"
    assert "by adjusted scores (Yang 2018)" in res.spec.describe()
    assert "by adjusted scores" in " ".join(repr(res).split())
    same = nq.fit("y ~ x", short, w, time_lag=True, estimator="m")
    pd.testing.assert_series_equal(res.params, same.params)
    for other in (
        nq.fit("y ~ x", long, w, time_lag=True),
        nq.fit("y ~ x", short, w, time_lag=True, correction="bias"),
        nq.fit("y ~ x", short, w, time_lag=True, covariance="expected"),
        nq.fit("y ~ x", short, w, time_lag=True, effects="period"),
    ):
        assert other.spec.estimator == "ml"


def test_what_adjusted_scores_do_not_take(lattice):
    w = lattice(5, 5)
    panel = panel_of(w, *outcomes(w, 5, "sdm"))
    with pytest.raises(OptionError, match="no bias left to correct"):
        nq.fit("y ~ x", panel, w, time_lag=True, estimator="m", correction="bias")
    with pytest.raises(OptionError, match="not offered for adjusted scores"):
        nq.fit("y ~ x", panel, w, time_lag=True, estimator="m", covariance="driscoll-kraay")
    plain = directed(25, total=0.8)
    other = panel_of(plain, *outcomes(plain, 5, "sem"))
    with pytest.raises(OptionError, match="weights of the errors whose rows add to one"):
        nq.fit("y ~ x", other, plain, model="sem", time_lag=True, estimator="m")
    assert nq.fit("y ~ x", other, plain, model="sem", time_lag=True).spec.estimator == "ml"
    with pytest.raises(OptionError, match="all regressors as exogenous"):
        nq.fit("y ~ x", panel, w, time_lag=True, estimator="m", endogenous="x")


def test_effects_predictions_and_tables_of_the_result(lattice):
    w = lattice(8, 8)
    panel = panel_of(w, *outcomes(w, 6, "sdm", seed=3))
    res = nq.fit("y ~ x", panel, w, time_lag=True, space_time_lag=True)
    tau, eta, rho = (*res.params["dynamic"][["tau", "eta"]], res.params["spatial", "rho"])
    total = res.params["x", "x"] + res.params["wx", "x"]
    table = res.effects(method="delta").wide()
    assert table.loc[("x", "short-run"), "total"] == pytest.approx(total / (1 - rho))
    assert table.loc[("x", "long-run"), "total"] == pytest.approx(total / (1 - tau - rho - eta))
    direct = res.predict(kind="direct")
    np.testing.assert_allclose(direct, res.fitted.loc[direct.index], atol=1e-9)
    assert np.isnan(res.aic)


@pytest.mark.parametrize("effects", ["unit", "two-way"])
@pytest.mark.parametrize("model", ["sem", "sac"])
def test_two_matrices_by_dense_matrices(lattice, model, effects):
    """Errors with a W of their own: filters do not commute with the lags of y."""
    w, other = directed(20, seed=7), lattice(4, 5)
    other = nq.weights.from_dense(other.sparse.toarray(), w.units)
    y, x = outcomes(w, 4, model, seed=5)
    data = data_of(w, y, x, model, effects, errors=other)
    score = adjusted_score(data, log_determinants(data.terms))
    point = np.array([0.45, -0.05, 0.25, 0.3])[score.positions]
    estimate = _estimate(data, score, point)
    parts = score_parts(estimate, data, score, point)
    forms = dense_forms(w, model, effects, score.full(point), 4, other)
    means = np.array([np.einsum("ttii->i", form) for form in forms]).T
    np.testing.assert_allclose(parts.means, -means, atol=1e-10)
    np.testing.assert_allclose(
        parts.means.sum(axis=0), score.adjustment(point)[0][score.positions], atol=1e-9
    )
    np.testing.assert_allclose(parts.pairs, pairs_of(forms), atol=1e-9)


def pairs_of(forms, weights=None):
    """``sum_{i != j} h_i h_j tr Q_ij Q_ji`` for all pairs of forms."""
    pairs = np.empty((len(forms), len(forms)))
    for a, left in enumerate(forms):
        for b, right in enumerate(forms):
            both = np.einsum("tkij,ktji->ij", left, right)
            if weights is not None:
                both = weights[:, None] * both * weights
            pairs[a, b] = both.sum() - np.trace(both)
    return pairs


@pytest.mark.parametrize("model", ["ols", "sdm", "sem", "sac"])
@pytest.mark.parametrize("effects", ["unit", "two-way"])
@pytest.mark.parametrize("periods", [2, 5])
def test_the_robust_score_has_mean_zero_whatever_the_variances(model, effects, periods):
    """The mean of the products, tr Q S, is that of the sums of squares that replace it."""
    w = directed(20, seed=7)
    data = data_of(w, *outcomes(w, periods, model, seed=5), model, effects, "robust")
    score = adjusted_score(data, log_determinants(data.terms))
    point = np.array([0.45, -0.05, 0.25, 0.3])[score.positions]
    variances = np.random.default_rng(1).uniform(0.2, 5.0, (periods, 20))
    if periods == 2:
        variances[1] = variances[0]  # two periods cannot tell the variances of a unit apart
    forms = dense_forms(w, model, effects, score.full(point), periods)
    means = [np.einsum("ttii,ti->", form, variances) for form in forms]
    centre = np.eye(periods) - 1 / periods
    j = np.eye(20) - 1 / 20 if effects == "two-way" else np.eye(20)
    squares = np.einsum("tk,ij,kj->ti", centre**2, j**2, variances)
    estimated = unbiased_variances(squares, drops_mean=effects == "two-way")
    np.testing.assert_allclose(estimated, variances, rtol=1e-10)
    own, _ = score.own(point)
    np.testing.assert_allclose(np.tensordot(own, estimated, axes=2), means, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("model", ["ols", "sdm", "sem", "sac"])
def test_derivatives_and_variance_of_the_robust_score(lattice, model):
    w = directed(20, seed=7)
    data = data_of(w, *outcomes(w, 5, model, seed=5), model, "two-way", "robust")
    score = adjusted_score(data, log_determinants(data.terms))
    point = np.array([0.45, -0.05, 0.25, 0.3])[score.positions]
    slope = score.at(point)[1]
    for column, step in enumerate(1e-5 * np.eye(len(point))):
        change = (score.at(point + step)[0] - score.at(point - step)[0]) / 2e-5
        np.testing.assert_allclose(slope[:, column], change, rtol=1e-6, atol=1e-4)
    estimate = _estimate(data, score, point)
    parts = score_parts(estimate, data, score, point)
    g = contributions(estimate, data, score, parts)
    first = g.shape[1] - 1 - len(point)
    np.testing.assert_allclose(
        g.sum(axis=0)[first:-1], score.at(point)[0] / estimate.sigma2, atol=1e-9
    )
    # The coefficients concentrated out: the Schur complement of all derivatives.
    full = score_slopes(estimate, data, score, parts) * estimate.sigma2
    x, own = np.arange(first), np.arange(first, g.shape[1] - 1)
    concentrated = full[np.ix_(own, own)] - full[np.ix_(own, x)] @ np.linalg.solve(
        full[np.ix_(x, x)], full[np.ix_(x, own)]
    )
    np.testing.assert_allclose(concentrated, slope, atol=1e-8)
    weights = score.variances(estimate.residuals).mean(axis=0) / estimate.sigma2
    forms = dense_forms(w, model, "two-way", score.full(point), 5)
    np.testing.assert_allclose(parts.pairs, pairs_of(forms, weights), atol=1e-8)


@pytest.mark.parametrize("kind", ["directed", "symmetric"])
@pytest.mark.parametrize("covariance", ["observed", "robust"])
def test_probes_agree_with_exact_traces_within_their_error(lattice, monkeypatch, kind, covariance):
    """What is done beyond a thousand units, here with four hundred."""
    y, x = outcomes(directed(400) if kind == "directed" else lattice(20, 20), 4, seed=2, tau=0.6)

    def result():  # weights remember their spectrum: new ones each time
        w = directed(400) if kind == "directed" else lattice(20, 20)
        return nq.fit(
            "y ~ x", panel_of(w, y, x), w, time_lag=True, space_time_lag=True, estimator="m",
            covariance=covariance, logdet="auto",
        )  # fmt: skip

    exact = result()
    assert exact.convergence.logdet_error == 0
    monkeypatch.setattr(_lag_traces, "EXACT_SPECTRUM_UP_TO", 100)
    monkeypatch.setattr(_unit_traces, "EXACT_SPECTRUM_UP_TO", 100)
    monkeypatch.setattr(_lag_operators, "_EXACT_UP_TO", 100)
    module = importlib.import_module("nqp_spatial.regression.likelihood.log_determinant")
    monkeypatch.setattr(module, "EXACT_UP_TO_SYMMETRIC", 100)
    probed = result()
    noise = probed.convergence.logdet_error
    assert 0 < noise < 0.1
    assert any("traces from random probes" in note for note in probed.notes)
    gap = ((probed.params - exact.params) / exact.std_errors).abs()
    assert 0 < gap.max() < 4 * noise + 0.01
    np.testing.assert_allclose(probed.std_errors, exact.std_errors, rtol=0.02)


def test_operators_and_their_transposes(lattice):
    w, other = directed(30, seed=4), lattice(5, 6)
    point, rng = np.array([0.5, -0.2, 0.3, 0.4]), np.random.default_rng(0)
    x, y = rng.normal(size=(30, 2)), rng.normal(size=(30, 2))
    for drops in (False, True):
        operators = LagOperators((w.sparse, other.sparse), point, (30, 4), drops_mean=drops)
        forward = np.einsum("amij,ij->am", operators.responses(x), y)
        backward = np.einsum("amij,ij->am", operators.transposed(y), x)
        np.testing.assert_allclose(forward, backward, atol=1e-10)
        assert np.sum(operators.errors(x) * y) == pytest.approx(
            np.sum(operators.errors_transposed(y) * x)
        )


def test_the_root_at_which_scores_rise_is_not_taken(lattice):
    w = lattice(7, 7)
    data = data_of(w, *outcomes(w, 4, "sdm", seed=6))
    score = adjusted_score(data, log_determinants(data.terms))
    sought = find_root(score, np.array([0.5, -0.1, 0.3])).point
    rising = optimize.root(
        lambda x: score.at(x)[0], np.array([1.15, -0.3, 0.1]), jac=lambda x: score.at(x)[1]
    ).x
    np.testing.assert_allclose(score.at(rising)[0], 0, atol=1e-8)
    assert rising[0] > 0.2 + sought[0]
    np.testing.assert_allclose(find_root(score, rising).point, sought, atol=1e-8)


def test_the_covariance_from_its_parts(lattice):
    """J^-1 (sum g_i g_i' + pairs) J^-1', each part checked above."""
    w = lattice(4, 5)
    data = data_of(w, *outcomes(w, 4, "sac", seed=5), "sac")
    score = adjusted_score(data, log_determinants(data.terms))
    point = np.array([0.45, -0.05, 0.25, 0.3])
    estimate = _estimate(data, score, point)
    parts = score_parts(estimate, data, score, point)
    g = contributions(estimate, data, score, parts)
    variance = g.T @ g
    variance[-5:-1, -5:-1] += pairs_of(dense_forms(w, "sac", "two-way", point, 4))
    slopes = score_slopes(estimate, data, score, parts)
    truth = np.linalg.solve(slopes, np.linalg.solve(slopes, variance).T)
    truth *= 20 / 19 * 57 / (57 - len(g.T) + 1)
    np.testing.assert_allclose(
        score_covariance(estimate, data, score, parts), truth, rtol=1e-8, atol=1e-10
    )


@pytest.mark.slow
def test_scores_at_the_truth_have_mean_zero(lattice):
    """In simulated panels, those of "robust" with unequal variances too."""
    w = lattice(7, 7)
    border = np.where(np.diff(w.sparse.indptr) < 8, 2.5, 0.3)
    truth = np.array([TAU, ETA, RHO])

    def statistics(covariance, sizes):
        scores = []
        for seed in range(150):
            data = data_of(w, *outcomes(w, 4, seed=seed, sizes=sizes), covariance=covariance)
            scores.append(adjusted_score(data, log_determinants(data.terms)).at(truth)[0])
        means, errors = np.mean(scores, axis=0), np.std(scores, axis=0) / np.sqrt(150)
        return np.abs(means / errors)

    assert (statistics("observed", 1.0) < 3).all()
    assert (statistics("robust", border) < 3).all()


@pytest.mark.slow
def test_intervals_contain_the_truth(lattice):
    """A hundred panels of five periods, tau = 0.7: first-order correction covers 80 %."""
    w, hits = lattice(8, 8), []
    for seed in range(100):
        panel = panel_of(w, *outcomes(w, 5, seed=seed, tau=0.7))
        res = nq.fit("y ~ x", panel, w, time_lag=True, space_time_lag=True, estimator="m")
        truth = np.array([BETA, THETA, 0.7, ETA, RHO])
        hits.append(np.abs(res.params - truth) < 1.96 * res.std_errors)
    assert np.mean(hits) > 0.92
    assert (np.mean(hits, axis=0) > 0.88).all()
