"""Common factors: dense brute force, factors recovered, bias where two-way effects fail, errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.linalg

import nqp_spatial as nq
from nqp_spatial.errors import AbsorbedRegressorError, OptionError
from nqp_spatial.regression import interactive_effects
from nqp_spatial.regression.diagnostics._factor_tests import weighted_cd
from nqp_spatial.regression.diagnostics._residual_tests import pesaran_cd
from nqp_spatial.regression.estimators.defactored import principal_factors


def grid(side):
    """Rook contiguity, row-standardised."""
    path = np.eye(side, k=1) + np.eye(side, k=-1)
    links = np.kron(path, np.eye(side)) + np.kron(np.eye(side), path)
    return nq.weights.from_dense(pd.DataFrame(links), standardize="row")


def simulated(w, periods, seed, *, rho=0.3, tau=0.0, eta=0.0, smooth=0):
    """A factor in x, and one in u that goes along with it, with loadings alike among neighbours."""
    rng, n = np.random.default_rng(seed), w.n_units
    matrix, length = w.sparse.toarray(), periods + 20
    f = rng.normal(size=length)
    h = 0.5 * f + np.sqrt(0.75) * rng.normal(size=length)
    loading = rng.normal(size=(n, 1))
    for _ in range(smooth):
        loading = (loading + matrix @ loading) / 2
    loading = 1 + (loading - loading.mean()) / loading.std()
    x = rng.normal(size=(2, n, length)) + (1 + rng.normal(size=(2, n, 1))) * f
    u = loading * h + rng.normal(size=(n, 1)) + rng.normal(size=(n, length))
    right, inverse = x[0] + 0.5 * x[1] + u, np.linalg.inv(np.eye(n) - rho * matrix)
    y = np.zeros((n, length))
    for now in range(length):
        past = tau * y[:, now - 1] + eta * matrix @ y[:, now - 1] if now else 0.0
        y[:, now] = inverse @ (right[:, now] + past)
    y, x, h = y[:, 20:], x[:, :, 20:], h[20:]
    ids = {"id": np.repeat(np.arange(n), periods), "t": np.tile(np.arange(periods), n)}
    columns = {"y": y.ravel(), "x1": x[0].ravel(), "x2": x[1].ravel()}
    return nq.SpatialPanel(pd.DataFrame({**ids, **columns}), unit="id", period="t"), h


def within(array, effects):
    array = array - array.mean(axis=1, keepdims=True)
    return array - array.mean(axis=0, keepdims=True) if effects == "two-way" else array


def top(variables, count):
    """Projection off the first principal components over time, from the whole data matrix."""
    stacked = np.vstack([v / np.sqrt((v**2).mean()) for v in variables])
    _, _, right = np.linalg.svd(stacked, full_matrices=False)
    return right[:count].T


def two_stage(y, c, z):
    p = z @ np.linalg.pinv(z)
    return np.linalg.solve(c.T @ p @ c, c.T @ p @ y)


@pytest.mark.parametrize("effects", ["unit", "two-way"])
@pytest.mark.parametrize("model", ["sar", "sdm"])
@pytest.mark.parametrize("dynamic", [False, True])
def test_estimates_equal_dense_two_stage_least_squares(model, effects, dynamic):
    w = grid(5)
    panel, _ = simulated(w, 12, 1, tau=0.3 * dynamic, eta=-0.1 * dynamic)
    n, matrix = 25, w.sparse.toarray()
    result = interactive_effects(
        "y ~ x1 + x2", panel, w, model=model, effects=effects, time_lag=dynamic,
        space_time_lag=dynamic, factors=1, regressor_factors=1,
    )  # fmt: skip
    wide = {name: panel.wide(name).to_numpy() for name in ("y", "x1", "x2")}
    now = slice(1, None) if dynamic else slice(None)
    regressors = [wide["x1"][:, now], wide["x2"][:, now]]
    c = list(regressors)
    if model == "sdm":
        c += [matrix @ x for x in regressors]
    if dynamic:
        c += [wide["y"][:, :-1], matrix @ wide["y"][:, :-1]]
    c.append(matrix @ wide["y"][:, now])
    y, c = within(wide["y"][:, now], effects), [within(column, effects) for column in c]
    sets = [[within(x, effects) for x in regressors]]
    if dynamic:
        sets.append([within(wide[name][:, :-1], effects) for name in ("x1", "x2")])
    periods = y.shape[1]
    span = np.hstack([top(variables, 1) for variables in sets])
    off_x = np.eye(periods) - span @ np.linalg.pinv(span)
    z = []
    for variables in sets:
        for x in variables:
            lags = [x @ off_x]
            for _ in range(2 if model == "sdm" else 1):
                lags.append(matrix @ lags[-1])
            z += lags
    flat = [np.column_stack([a.ravel() for a in arrays]) for arrays in (c, z)]
    first = two_stage(y.ravel(), *flat)
    u = y - np.tensordot(first, np.array(c), axes=1)
    f = top([u], 1)
    off_u = np.eye(periods) - f @ f.T
    # Every unit's block of rows is multiplied by the same projection.
    big = np.kron(np.eye(n), off_u)
    flat = [big @ each for each in flat]
    second = two_stage(big @ y.ravel(), *flat)
    np.testing.assert_allclose(result.params, second, rtol=1e-8, atol=1e-10)

    e = (big @ y.ravel() - flat[0] @ second).reshape(n, periods)
    fitted = flat[1] @ np.linalg.pinv(flat[1]) @ flat[0]
    meat = np.zeros((len(second), len(second)))
    for unit in range(n):
        score = fitted[unit * periods : (unit + 1) * periods].T @ e[unit]
        meat += np.outer(score, score) * n / (n - 1)
    bread = np.linalg.inv(fitted.T @ fitted)
    np.testing.assert_allclose(result.cov, bread @ meat @ bread, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(result.model.resid, e.ravel(), atol=1e-9)


def test_gmm_minimises_the_weighted_moments():
    w = grid(7)
    panel, _ = simulated(w, 12, 2)
    options = {"factors": 1, "regressor_factors": 1}
    first = interactive_effects("y ~ x1 + x2", panel, w, **options)
    result = interactive_effects("y ~ x1 + x2", panel, w, weighting="gmm", **options)
    matrix, n = w.sparse.toarray(), w.n_units
    wide = {name: within(panel.wide(name).to_numpy(), "unit") for name in ("y", "x1", "x2")}
    off = np.eye(12) - (f := first.factors.to_numpy() / np.sqrt(12)) @ f.T
    g = top([wide["x1"], wide["x2"]], 1)
    x = [wide[name] @ (np.eye(12) - g @ g.T) @ off for name in ("x1", "x2")]
    z = np.stack([*x, *(matrix @ each for each in x)], axis=2)
    c = np.stack([wide["x1"], wide["x2"], matrix @ wide["y"]], axis=2)
    c, y = np.einsum("ts,nsk->ntk", off, c), wide["y"] @ off
    e = first.model.resid.to_numpy().reshape(n, 12)
    moments = np.einsum("ntl,nt->nl", z, e)
    weight = np.linalg.inv(moments.T @ moments * n / (n - 1))
    zc, zy = np.einsum("ntl,ntk->lk", z, c), np.einsum("ntl,nt->l", z, y)
    expected = np.linalg.solve(zc.T @ weight @ zc, zc.T @ weight @ zy)
    np.testing.assert_allclose(result.params, expected, rtol=1e-8)
    np.testing.assert_allclose(result.cov, np.linalg.inv(zc.T @ weight @ zc), rtol=1e-6)


def test_the_factor_and_its_number_are_found():
    w = grid(10)
    panel, f = simulated(w, 20, 3)
    result = interactive_effects("y ~ x1 + x2", panel, w)
    assert (result.spec["factors"], result.spec["regressor_factors"]) == (1, 1)
    centred = f - f.mean()
    correlation = np.corrcoef(result.factors[1], centred)[0, 1]
    assert abs(correlation) > 0.98
    assert result.factors[1].std(ddof=0) == pytest.approx(1.0)
    assert result.loadings.shape == (100, 1)
    assert result.tests["Pesaran CD, factors left in"].p_value < 1e-6
    chosen = result.eigenvalues[result.eigenvalues["chosen"]]
    assert chosen["number"].tolist() == [1, 1]


def test_no_factors_are_found_where_there_are_none():
    rng = np.random.default_rng(4)
    e = rng.normal(size=(60, 15, 2))
    factors = principal_factors(e - e.mean(axis=1, keepdims=True), 4)
    assert factors.count == 0
    # Ahn and Horenstein (2013): mu_0 is the sum of the eigenvalues over the log of their number.
    within_units = (e - e.mean(axis=1, keepdims=True)).transpose(0, 2, 1)
    within_units /= np.sqrt((within_units**2).mean(axis=(0, 2), keepdims=True))
    values = np.linalg.svd(within_units.reshape(-1, 15), compute_uv=False)[:14] ** 2
    ladder = np.concatenate([[values.sum() / np.log(14)], values])
    np.testing.assert_allclose(factors.ratios, (ladder[:-1] / ladder[1:])[:5], rtol=1e-10)
    two = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 15))
    two = 2 * two[:, :, None] + e
    assert principal_factors(two - two.mean(axis=1, keepdims=True), 4).count == 2


def test_units_of_measurement_do_not_matter():
    w = grid(6)
    panel, _ = simulated(w, 12, 5)
    scaled = panel.assign(x1=lambda d: 1000 * d["x1"])
    first = interactive_effects("y ~ x1 + x2", panel, w)
    second = interactive_effects("y ~ x1 + x2", scaled, w)
    ratio = np.array([1000.0, 1.0, 1.0])
    np.testing.assert_allclose(second.params * ratio, first.params, rtol=1e-8)


def test_the_dependence_test_has_its_size_after_factors_are_removed():
    rng = np.random.default_rng(6)
    rejections = np.zeros(2)
    for _ in range(200):
        u = rng.normal(size=(60, 1)) * rng.normal(size=15) * 2 + rng.normal(size=(60, 15))
        _, _, right = scipy.linalg.svd(u, full_matrices=False)
        e = u - u @ np.outer(right[0], right[0])
        tests = [weighted_cd(e), pesaran_cd(e)]
        rejections += [test.p_value < 0.05 for test in tests]
    assert 0.01 <= rejections[0] / 200 <= 0.11
    # More than 4 ln n periods: large correlations count.
    u = rng.normal(size=(60, 1)) * rng.normal(size=30) * 2 + rng.normal(size=(60, 30))
    assert weighted_cd(u).p_value < 1e-6


def test_the_dependence_test_does_not_depend_on_the_order_of_units():
    e = np.random.default_rng(3).normal(size=(40, 20))
    e[7] = e[3]  # equal series are interchangeable
    here = weighted_cd(e)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(40)
        there = weighted_cd(e[order])
        assert there.statistic == pytest.approx(here.statistic, rel=1e-12)
        assert there.p_value == pytest.approx(here.p_value, rel=1e-11)
    assert weighted_cd(-3 * e).statistic == pytest.approx(here.statistic, rel=1e-12)
    assert weighted_cd(e, seed=1).statistic != pytest.approx(here.statistic, rel=1e-3)


def test_tests_of_a_model_do_not_depend_on_the_names_of_units():
    """A panel sorts its units: other names are another order."""
    w = grid(5)
    panel, _ = simulated(w, 12, 7)
    names = dict(zip(panel.units, np.random.default_rng(8).permutation(panel.units), strict=True))
    frame = panel.frame.reset_index()
    moved = nq.SpatialPanel(
        frame.assign(unit=frame["unit"].map(names)), unit="unit", period="period"
    )
    edges = pd.DataFrame(w.sparse.toarray(), panel.units, panel.units).rename(names, axis=0)
    other = nq.weights.from_dense(edges.rename(names, axis=1))
    here = interactive_effects("y ~ x1 + x2", panel, w).tests.frame
    there = interactive_effects("y ~ x1 + x2", moved, other).tests.frame
    numbers = ["statistic", "p_value"]
    np.testing.assert_allclose(there[numbers].astype(float), here[numbers].astype(float), rtol=1e-6)


def test_a_factor_is_not_a_spillover():
    """Loadings alike among neighbours: two-way effects leave the factor in, as a spillover."""
    w = grid(8)
    estimates = []
    for seed in range(25):
        panel, _ = simulated(w, 15, [7, seed], smooth=4)
        own = interactive_effects("y ~ x1 + x2", panel, w).params["spatial", "rho"]
        other = nq.fit("y ~ x1 + x2", panel, w).params["spatial", "rho"]
        estimates.append((own, other))
    own, other = np.array(estimates).T
    assert abs(own.mean() - 0.3) < 3 * own.std() / 5
    assert other.mean() - 0.3 > 3 * other.std()


@pytest.mark.slow
@pytest.mark.parametrize("dynamic", [False, True])
def test_bias_coverage_and_size(dynamic):
    w, rows = grid(10), []
    options = {"time_lag": True, "space_time_lag": True} if dynamic else {}
    for seed in range(400):
        panel, _ = simulated(
            w, 20, [8, dynamic, seed], smooth=4, tau=0.3 * dynamic, eta=-0.1 * dynamic
        )
        result = interactive_effects("y ~ x1 + x2", panel, w, **options)
        low, high = result.conf_int().loc[("spatial", "rho")]
        other = np.nan
        if seed < 100:
            other = nq.fit("y ~ x1 + x2", panel, w, **options).params["spatial", "rho"]
        j = result.tests["J"].p_value
        rows.append((result.params["spatial", "rho"], low <= 0.3 <= high, j < 0.05, other))
    own, covered, rejected, other = np.array(rows, dtype=float).T
    # The bias is under a tenth of a standard deviation, give or take two simulation errors.
    assert abs(own.mean() - 0.3) < (0.1 + 2 / np.sqrt(len(own))) * own.std()
    assert 0.91 <= covered.mean() <= 0.97
    assert rejected.mean() <= 0.08
    other = other[~np.isnan(other)]
    assert other.mean() - 0.3 > other.std()


def test_effects_are_those_of_the_parameters():
    w = grid(6)
    panel, _ = simulated(w, 12, 9)
    result = interactive_effects("y ~ x1 + x2", panel, w)
    rho, beta = result.params["spatial", "rho"], result.params["x", "x1"]
    table = result.model.effects(method="delta").wide()
    assert table.loc["x1", "total"] == pytest.approx(beta / (1 - rho), rel=1e-10)
    assert "by GS2SLS" in result.model.spec.describe()


def test_predictions_contain_the_factors_in_the_sample_only():
    w = grid(6)
    panel, _ = simulated(w, 12, 9)
    result = interactive_effects("y ~ x1 + x2", panel, w)
    y, matrix = panel.wide("y").to_numpy(), w.sparse.toarray()
    rho, beta = result.params["spatial", "rho"], result.params["x"].to_numpy()
    e = result.model.resid.to_numpy().reshape(36, 12)
    passed = np.eye(36) - rho * matrix
    expected = np.linalg.solve(passed, passed @ y - e)
    np.testing.assert_allclose(result.model.predict(), expected.ravel(), atol=1e-10)
    # Of another panel: regressors and unit effects.
    own = beta[0] * panel.wide("x1").to_numpy() + beta[1] * panel.wide("x2").to_numpy()
    own += (passed @ y - own).mean(axis=1, keepdims=True)
    other = result.model.predict(panel.select(periods=[3]))
    np.testing.assert_allclose(other, np.linalg.solve(passed, own[:, 3]), atol=1e-10)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"panel": 7}, "need 8 periods or more, this panel has 7"),
        ({"panel": 8, "time_lag": True}, "need 9 periods or more"),
        ({"panel": 10, "factors": 5}, "take at most 4"),
    ],
)
def test_too_few_periods_are_refused(options, words):
    w = grid(5)
    panel, _ = simulated(w, options.pop("panel"), 10)
    with pytest.raises(OptionError, match=words):
        interactive_effects("y ~ x1 + x2", panel, w, **options)


@pytest.mark.parametrize(
    ("formula", "options", "error", "words"),
    [
        ("y ~ x1 + x2", {"durbin": "x1"}, OptionError, "model='sar' has no W X"),
        ("y ~ 1", {}, OptionError, "has no regressors"),
        ("y ~ x1 + trend", {}, AbsorbedRegressorError, "'trend' are equal for all units"),
    ],
)
def test_what_cannot_be_estimated_is_refused(formula, options, error, words):
    w = grid(5)
    panel, _ = simulated(w, 10, 12)
    panel = panel.assign(trend=lambda d: d.index.get_level_values(1).astype(float) ** 2)
    with pytest.raises(error, match=words):
        interactive_effects(formula, panel, w, **options)


def test_too_few_instruments_are_refused():
    w = grid(5)
    panel, _ = simulated(w, 12, 11)
    constant = panel.assign(one=lambda d: d["x1"])
    result = interactive_effects("y ~ one", constant, w)
    assert not result.tests["J"].applicable
    with pytest.raises(OptionError, match="as many instruments"):
        interactive_effects("y ~ x1", panel, nq.weights.from_dense(
            pd.DataFrame(np.kron(np.eye(5), 1 - np.eye(5))[:25, :25]), standardize="row"
        ), model="sdm", durbin="x1", time_lag=True, space_time_lag=True, factors=0)  # fmt: skip
