"""Effects equal the definition, by brute force, for any W."""

from __future__ import annotations

import numpy as np
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError, StabilityWarning, UnknownColumnError
from nqp_spatial.regression._effect_parameters import effect_parameters
from nqp_spatial.regression._effect_rows import rows_of_terms
from nqp_spatial.regression._effect_values import delta_gradient, effect_values
from nqp_spatial.regression._mean_responses import MeanResponses
from nqp_spatial.regression._trace_functions import TraceFunctions


def brute_force(w, rho, beta, theta):
    n = w.n_units
    s = np.linalg.solve(
        np.eye(n) - rho * w.sparse.toarray(), beta * np.eye(n) + theta * w.sparse.toarray()
    )
    direct, total = np.trace(s) / n, s.sum() / n
    return s, np.array([direct, total - direct, total])


@pytest.fixture(params=["row", "spectral", "minmax"])
def fitted(request, neighbours, simulate):
    w = neighbours(60, 5, standardize=request.param)
    panel = simulate(w, 5, seed=2)
    return nq.fit("y ~ x1 + x2", panel, w, effects="unit", durbin="x1"), w


def test_point_effects_equal_the_definition(fitted):
    res, w = fitted
    rho = res.params["spatial", "rho"]
    table = res.effects(method="delta").wide()
    for name, theta in [("x1", res.params["wx", "x1"]), ("x2", 0.0)]:
        _, truth = brute_force(w, rho, res.params["x", name], theta)
        np.testing.assert_allclose(table.loc[name], truth, rtol=1e-9)


def test_theta_is_part_of_direct_effects(lattice, simulate):
    """Several packages report beta tr(I - rho W)^-1 / n as a Durbin model's direct effect."""
    w = lattice(7, 7)
    panel = simulate(w, 8, rho=0.6, beta=(1.0,), theta=(0.8,), sigma=0.1)
    res = nq.fit("y ~ x1", panel, w)
    rho, beta = res.params["spatial", "rho"], res.params["x", "x1"]
    wrong = beta * np.trace(np.linalg.inv(np.eye(49) - rho * w.sparse.toarray())) / 49
    _, truth = brute_force(w, rho, beta, res.params["wx", "x1"])
    direct = res.effects(method="delta").wide().loc["x1", "direct"]
    assert direct == pytest.approx(truth[0], rel=1e-9)
    assert abs(wrong - truth[0]) > 0.1


def test_draws_equal_brute_force_draws(neighbours, simulate):
    """The same parameter draws through dense inverses give the same means and quantiles."""
    w = neighbours(40, 4, standardize="spectral")
    res = nq.fit("y ~ x1", simulate(w, 6, beta=(1.0,), theta=(0.5,)), w, effects="unit")
    frame = res.effects(draws=200, seed=5).frame
    scale = np.sqrt(np.diag(res.cov))
    lower = np.linalg.cholesky(res.cov / np.outer(scale, scale))
    normal = np.random.default_rng(5).standard_normal((200, 3))
    draws = res.params.to_numpy() + (normal @ lower.T) * scale
    each = np.array([brute_force(w, rho, beta, theta)[1] for beta, theta, rho in draws])
    np.testing.assert_allclose(frame["std_error"], each.std(axis=0, ddof=1), rtol=1e-8)
    np.testing.assert_allclose(frame["conf_low"], np.quantile(each, 0.025, axis=0), rtol=1e-8)
    np.testing.assert_allclose(frame["conf_high"], np.quantile(each, 0.975, axis=0), rtol=1e-8)


def gradient_by_differences(res, horizon):
    """Analytic derivatives of effects, and those by central differences."""
    parameters = effect_parameters(res)
    rows = rows_of_terms(parameters.names)
    responses = MeanResponses(rows, TraceFunctions(res.terms, res.logdet))

    def effects_at(values):
        beta, theta = parameters.coefficients(values)
        x, divisor = parameters.argument(values, horizon)
        return effect_values(
            rows, divisor, beta, theta, responses.values(np.atleast_1d(x))[:, :, 0]
        )

    numerical = []
    for j in range(len(parameters.estimates)):
        step = np.zeros(len(parameters.estimates))
        step[j] = 1e-5
        up, down = effects_at(parameters.estimates + step), effects_at(parameters.estimates - step)
        numerical.append((up - down) / 2e-5)
    return delta_gradient(parameters, horizon, responses), np.stack(numerical, axis=-1)


def test_delta_gradient_equals_numerical_derivatives(fitted):
    res, _ = fitted
    ours, numerical = gradient_by_differences(res, "static")
    np.testing.assert_allclose(ours, numerical, rtol=1e-6, atol=1e-8)


def test_delta_and_draws_agree_where_the_sample_is_large(lattice, simulate):
    w = lattice(20, 20)
    res = nq.fit("y ~ x1 + x2", simulate(w, 10), w)
    delta = res.effects(method="delta").frame
    draws = res.effects(draws=20_000).frame
    np.testing.assert_allclose(draws["std_error"], delta["std_error"], rtol=0.05)


def test_slx_and_ols_effects_are_linear(lattice, simulate):
    w = lattice(8, 8, standardize="none")
    panel = simulate(lattice(8, 8), 5)
    slx = nq.fit("y ~ x1 + x2", panel, w, model="slx", effects="two-way")
    mean_row_sum = w.sparse.sum() / 64
    table = slx.effects().wide()
    for name in ("x1", "x2"):
        assert table.loc[name, "direct"] == pytest.approx(slx.params["x", name])
        assert table.loc[name, "indirect"] == pytest.approx(mean_row_sum * slx.params["wx", name])
    ols = nq.fit("y ~ x1", panel, model="ols", effects="unit")
    assert ols.effects().wide().loc["x1"].tolist() == [
        ols.params["x", "x1"],
        0,
        ols.params.iloc[0],
    ]


def test_unit_effects_equal_the_matrix(fitted):
    res, w = fitted
    matrix, (direct, indirect, _) = brute_force(
        w, res.params["spatial", "rho"], res.params["x", "x1"], res.params["wx", "x1"]
    )
    frame = res.unit_effects("x1")
    diagonal = np.diag(matrix)
    np.testing.assert_allclose(frame["own"], diagonal, rtol=1e-9)
    np.testing.assert_allclose(frame["received"], matrix.sum(axis=1) - diagonal, rtol=1e-9)
    np.testing.assert_allclose(frame["sent"], matrix.sum(axis=0) - diagonal, rtol=1e-9)
    assert frame["own"].mean() == pytest.approx(direct)
    assert frame["sent"].mean() == pytest.approx(indirect)


def test_unstable_draws_are_counted_and_said(lattice, simulate):
    w = lattice(5, 5)
    panel = simulate(w, 1, rho=0.9, beta=(0.1,), theta=(0.0,), seed=1)
    res = nq.fit("y ~ x1", panel, w, model="sar", effects="none")
    with pytest.warns(StabilityWarning, match=r"outside the stable region.*method='fieller'"):
        effects = res.effects(draws=2000)
    assert effects.discarded > 20
    assert "unstable draws discarded" in repr(effects)


def test_options_and_names(states):
    panel, w = states
    res = nq.fit("lgsp ~ lpc", panel, w)
    with pytest.raises(OptionError, match="method must be"):
        res.effects(method="bootstrap")
    with pytest.raises(OptionError, match="draws must be"):
        res.effects(draws=1)
    with pytest.raises(OptionError, match="level"):
        res.effects(level=95)
    with pytest.raises(UnknownColumnError, match="'lemp' is not a regressor"):
        res.unit_effects("lemp")
