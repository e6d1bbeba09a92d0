"""Mediation: brute force, derivatives, draws, bootstrap, shares, errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError, UnknownColumnError
from nqp_spatial.spillovers import _path_functions, mediation
from nqp_spatial.spillovers._path_bootstrap import BothModels, bootstrap_parameters
from nqp_spatial.spillovers._path_effects import ROWS, Leg, PathEffects
from nqp_spatial.spillovers._path_intervals import draw_intervals, draw_p_values, share_intervals

N, T = 20, 8
OUTCOME, MEDIATOR = "y ~ m + x + z", "m ~ x"


@pytest.fixture(scope="module")
def matrices():
    """An asymmetric W whose rows do not add to one, and a row-standardised ring."""
    rng = np.random.default_rng(3)
    links = rng.random((N, N)) * (rng.random((N, N)) < 0.3)
    ring = np.roll(np.eye(N), 1, axis=1) + np.roll(np.eye(N), -2, axis=1)
    np.fill_diagonal(links, 0.0)
    return (
        nq.weights.from_dense(pd.DataFrame(links), standardize="spectral"),
        nq.weights.from_dense(pd.DataFrame(ring), standardize="row"),
    )


@pytest.fixture(scope="module")
def panel(matrices):
    rng = np.random.default_rng(5)
    w = matrices[1].sparse.toarray()
    x, z, e, v = rng.normal(size=(4, N, T))
    m = np.linalg.solve(np.eye(N) - 0.3 * w, 0.8 * x + 0.4 * w @ x + e)
    y = np.linalg.solve(np.eye(N) - 0.4 * w, 0.7 * m + 0.2 * w @ m + 0.5 * x + z + v)
    columns = {name: array.ravel() for name, array in zip("xzmy", (x, z, m, y), strict=True)}
    ids = {"id": np.repeat(np.arange(N), T), "t": np.tile(np.arange(T), N)}
    return nq.SpatialPanel(pd.DataFrame({**ids, **columns}), unit="id", period="t")


def dense(weights):
    return np.zeros((N, N)) if weights is None else weights.sparse.toarray()


def effect_matrix(model, params, name, horizon="static"):
    """The matrix of effects by its definition."""
    value = pd.Series(params, model.params.index)
    own = value.get(("x", name), 0.0) * np.eye(N)
    lagged = value.get(("wx", name), 0.0) * dense(model.terms.weights_x)
    rho, tau, eta = (
        value.get(key, 0.0) for key in (("spatial", "rho"), ("dynamic", "tau"), ("dynamic", "eta"))
    )
    if horizon != "long-run":
        tau = eta = 0.0
    inverse = np.linalg.inv((1 - tau) * np.eye(N) - (rho + eta) * dense(model.terms.weights_y))
    return inverse @ (own + lagged)


def by_definition(first, second, params, variable="x", mediator="m", horizon="static"):
    """Every row, as sums over the three regions of a path."""
    to_y = effect_matrix(first, params[0], mediator, horizon)
    to_m = effect_matrix(second, params[1], variable, horizon)
    past = effect_matrix(first, params[0], variable, horizon)
    rows = dict.fromkeys(ROWS, 0.0)
    for name, matrix in {
        "mediated": to_y @ to_m, "remainder": past, "all paths": to_y @ to_m + past
    }.items():  # fmt: skip
        rows[name, "direct"] = np.trace(matrix) / N
        rows[name, "indirect"] = (matrix.sum() - np.trace(matrix)) / N
        rows[name, "total"] = matrix.sum() / N
    for i in range(N):
        for k in range(N):
            for j in range(N):
                size = to_y[i, k] * to_m[k, j] / N
                if i == j:
                    rows["x_i-m_i-y_i" if k == i else "x_i-m_j-y_i", "direct"] += size
                else:
                    path = "x_j-m_i-y_i" if k == i else "x_j-m_j-y_i" if k == j else "x_j-m_k-y_i"
                    rows[path, "indirect"] += size
    return np.array(list(rows.values()))


def fits(panel, matrices, **options):
    """Models with different W in the terms of the outcome and in the mediator."""
    weights = {"y": matrices[0], "x": matrices[1]}
    return (
        nq.fit(OUTCOME, panel, weights, effects="unit", **options),
        nq.fit(MEDIATOR, panel, matrices[1], effects="unit", **options),
    )


def paths_of(models, count=4, horizon="static"):
    rng = np.random.default_rng(1)
    points = [model.params.to_numpy() for model in models]
    sets = tuple(
        np.vstack([point, point + 0.05 * rng.normal(size=(count, len(point)))]) for point in points
    )
    return PathEffects(*(Leg(model, horizon) for model in models), "m", sets), sets


@pytest.mark.parametrize("dynamic", [False, True])
def test_paths_equal_sums_over_regions(panel, matrices, dynamic):
    options = {"time_lag": True, "space_time_lag": True, "correction": "none"} if dynamic else {}
    models = fits(panel, matrices, **options)
    horizon = "long-run" if dynamic else "static"
    paths, sets = paths_of(models, horizon=horizon)
    expected = [by_definition(*models, each, horizon=horizon) for each in zip(*sets, strict=True)]
    np.testing.assert_allclose(paths.values("x"), expected, atol=1e-12)


@pytest.mark.parametrize("dynamic", [False, True])
def test_derivatives_equal_finite_differences(panel, matrices, dynamic):
    options = {"time_lag": True, "space_time_lag": True, "correction": "none"} if dynamic else {}
    models = fits(panel, matrices, **options)
    horizon = "long-run" if dynamic else "static"
    paths, sets = paths_of(models, horizon=horizon)
    point = np.concatenate([each[0] for each in sets])
    count, step = sets[0].shape[1], 1e-4

    def rows(shift):
        moved = point + shift
        return by_definition(*models, (moved[:count], moved[count:]), horizon=horizon)

    # Two step sizes, combined so that the error is of fourth order.
    numeric = [
        (8 * (rows(h) - rows(-h)) - (rows(2 * h) - rows(-2 * h))) / (12 * step)
        for h in step * np.eye(len(point))
    ]
    np.testing.assert_allclose(paths.gradient("x"), np.transpose(numeric), atol=1e-8)


def test_the_parts_add_up_to_the_total(panel, matrices):
    result = mediation(OUTCOME, MEDIATOR, panel, matrices[1])
    table = result.wide("x")
    for effect in ("direct", "indirect", "total"):
        column = table[effect]
        assert column["mediated"] + column["remainder"] == pytest.approx(
            column["all paths"], abs=1e-14
        )
    parts = table.loc["x_i-m_i-y_i":"x_j-m_k-y_i"]
    assert parts["direct"].sum() == pytest.approx(table.loc["mediated", "direct"], abs=1e-14)
    assert parts["indirect"].sum() == pytest.approx(table.loc["mediated", "indirect"], abs=1e-14)
    params = result.outcome.params.to_numpy(), result.mediator.params.to_numpy()
    expected = by_definition(result.outcome, result.mediator, params)
    np.testing.assert_allclose(result.frame["estimate"], expected, atol=1e-12)
    effects = result.outcome.effects(method="delta").frame.set_index(["variable", "effect"])
    rest = result.frame[result.frame["path"] == "remainder"].set_index("effect")["estimate"]
    np.testing.assert_allclose(rest, effects.loc["x"]["estimate"].loc[rest.index], rtol=1e-12)


def test_linear_models_have_the_products_of_coefficients(panel):
    result = mediation(
        "y ~ m + x", "m ~ x", panel, model="ols", effects="none", method="delta", level=0.9
    )
    b, beta = result.mediator.params["x", "x"], result.outcome.params["x", "m"]
    rows = result.frame.set_index(["path", "effect"])
    row = rows.loc[("x_i-m_i-y_i", "direct")]
    assert row["estimate"] == pytest.approx(b * beta, abs=1e-14)
    # Sobel (1982): the variance of a product of independent estimates.
    variance = (b * result.outcome.std_errors["x", "m"]) ** 2
    variance += (beta * result.mediator.std_errors["x", "x"]) ** 2
    assert row["std_error"] == pytest.approx(np.sqrt(variance), rel=1e-12)
    assert rows.loc[("mediated", "indirect"), "estimate"] == 0.0
    assert np.isnan(rows.loc[("mediated", "indirect"), "p_value"])


def test_each_leg_may_have_its_own_model_and_weights(panel, matrices):
    result = mediation(
        OUTCOME, MEDIATOR, panel, matrices[1], model="sdem", effects="unit",
        mediator_options={"model": "sar", "weights": matrices[0], "effects": "none"},
    )  # fmt: skip
    assert result.mediator.spec.model == "sar"
    assert result.mediator.spec.effects == "none"
    assert result.outcome.spec.model == "sdem"
    params = result.outcome.params.to_numpy(), result.mediator.params.to_numpy()
    expected = by_definition(result.outcome, result.mediator, params)
    np.testing.assert_allclose(result.frame["estimate"], expected, atol=1e-12)


def test_dynamic_models_have_two_horizons(panel, matrices):
    result = mediation(
        OUTCOME, MEDIATOR, panel, matrices[1], effects="unit", time_lag=True, correction="none",
        mediator_options={"time_lag": False, "correction": "auto"}, method="delta",
    )  # fmt: skip
    assert result.frame["horizon"].unique().tolist() == ["short-run", "long-run"]
    params = result.outcome.params.to_numpy(), result.mediator.params.to_numpy()
    for horizon, rows in result.frame.groupby("horizon"):
        expected = by_definition(result.outcome, result.mediator, params, horizon=horizon)
        np.testing.assert_allclose(rows["estimate"], expected, atol=1e-12)


# -- inference -------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_p_values_and_intervals_agree(level):
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(999, 4000)) * 0.1 + np.linspace(-0.4, 0.4, 4000)
    low, high = draw_intervals(draws, level)
    excluded = (low > 0) | (high < 0)
    assert 0.2 < excluded.mean() < 0.9
    np.testing.assert_array_equal(draw_p_values(draws) <= 1 - level + 1e-12, excluded)


def test_too_few_draws_for_a_level_are_refused():
    with pytest.raises(OptionError, match="199 or more"):
        draw_intervals(np.zeros((150, 1)), 0.99)


@pytest.mark.parametrize("size", [5.0, 0.5, -0.5, -5.0])
def test_shares_are_those_that_the_draws_do_not_reject(size):
    rng = np.random.default_rng(2)
    total = size + rng.normal(size=999)
    part = 0.4 * total + rng.normal(size=999)
    low, high = share_intervals(part, total, 0.9)
    grid = np.concatenate([np.linspace(-40, 40, 8001), [-1e9, 1e9]])
    draws = part[:, None] - grid * total[:, None]
    ends = draw_intervals(draws, 0.9)
    accepted = grid[(ends[0] <= 0) & (ends[1] >= 0)]
    bounds = accepted.min(), accepted.max()
    if abs(size) > 1:
        np.testing.assert_allclose((low, high), bounds, atol=0.011)
    else:
        assert (low, high) == (-np.inf, np.inf)
        assert bounds == (-1e9, 1e9)


def test_draws_have_the_covariance_of_both_models(panel, matrices):
    result = mediation(OUTCOME, MEDIATOR, panel, matrices[1], draws=20_000)
    delta = mediation(OUTCOME, MEDIATOR, panel, matrices[1], method="delta")
    rows = [0, 1, 2, 8, 9, 10, 11, 12, 13]
    np.testing.assert_allclose(
        result.frame["std_error"][rows], delta.frame["std_error"][rows], rtol=0.1
    )
    assert result.discarded < 100
    same = mediation(OUTCOME, MEDIATOR, panel, matrices[1], draws=20_000)
    pd.testing.assert_frame_equal(result.frame, same.frame)


def test_random_probes_are_exact_up_to_their_error(panel, matrices, monkeypatch):
    models = fits(panel, matrices)
    exact = paths_of(models)[0].values("x")
    monkeypatch.setattr(_path_functions, "DENSE_LOGDET_UP_TO", 10)
    paths, _ = paths_of(models)
    errors = paths.monte_carlo_errors("x")
    gaps = np.abs(paths.values("x")[0] - exact[0])
    assert not paths.is_exact
    assert errors[:8].max() > 1e-4
    assert (gaps <= 4 * errors + 1e-12).all()
    result = mediation(OUTCOME, MEDIATOR, panel, matrices[1], draws=99)
    assert any("random probes" in note for note in result.notes)


def test_a_bootstrap_sample_follows_the_models(panel, matrices):
    """With errors of the same units nothing changes; others enter through both reduced forms."""
    w = matrices[1]
    arguments = (
        {"formula": OUTCOME, "weights": w, "model": "sdem", "effects": "unit"},
        {"formula": MEDIATOR, "weights": w, "model": "sdm", "effects": "unit"},
    )
    fitted = [nq.fit(panel=panel, **each) for each in arguments]
    models = BothModels(panel, *fitted, arguments)
    units = np.random.default_rng(0).integers(0, N, N)
    drawn = models.redrawn(units)
    outcome, mediator = fitted
    matrix, eye = w.sparse.toarray(), np.eye(N)
    e_y, e_m = (each.resid.to_numpy().reshape(N, T) for each in fitted)
    e_y, e_m = (
        np.sqrt(each.sigma2 / (e**2).mean()) * e[units] - e
        for e, each in ((e_y, outcome), (e_m, mediator))
    )
    by_m = np.linalg.inv(eye - mediator.params["spatial", "rho"] * matrix)
    by_u = np.linalg.inv(eye - outcome.params["spatial", "lam"] * matrix)
    change = by_m @ e_m
    np.testing.assert_allclose(drawn["m"] - panel.frame["m"], change.ravel(), atol=1e-12)
    response = outcome.params["x", "m"] * change + outcome.params["wx", "m"] * matrix @ change
    np.testing.assert_allclose(
        drawn["y"] - panel.frame["y"], (response + by_u @ e_y).ravel(), atol=1e-12
    )


def test_the_bootstrap_is_centred_and_near_the_asymptotic_distribution(panel, matrices):
    options = {"effects": "none", "draws": 99, "level": 0.9}
    result = mediation(OUTCOME, MEDIATOR, panel, matrices[1], method="bootstrap", **options)
    other = mediation(OUTCOME, MEDIATOR, panel, matrices[1], method="delta", effects="none")
    ratio = result.frame["std_error"][[0, 2, 3]] / other.frame["std_error"][[0, 2, 3]]
    assert ratio.between(0.7, 1.4).all()
    arguments = tuple(
        {"formula": formula, "weights": matrices[1], "effects": "none"}
        for formula in (OUTCOME, MEDIATOR)
    )
    models = BothModels(panel, *(nq.fit(panel=panel, **each) for each in arguments), arguments)
    outcome, mediator = bootstrap_parameters(models, 10, 0, 1, False)
    np.testing.assert_allclose(outcome.mean(axis=0), models.outcome.params, atol=1e-12)
    np.testing.assert_allclose(mediator.mean(axis=0), models.mediator.params, atol=1e-12)


# -- words and errors ------------------------------------------------------------------------------


def test_a_variable_that_is_not_in_the_outcome_has_no_remainder(panel, matrices):
    result = mediation("y ~ m", MEDIATOR, panel, matrices[1])
    rows = result.frame[result.frame["path"] == "remainder"]
    assert (rows["estimate"] == 0).all()
    assert rows["p_value"].isna().all()
    assert any("zero by assumption: x" in note for note in result.notes)
    assert any("causal" in note for note in result.notes)


def test_tests_of_both_legs(panel, matrices):
    result = mediation(OUTCOME, MEDIATOR, panel, matrices[1])
    test = result.tests["x -> m"]
    keys = [("x", "x"), ("wx", "x")]
    b, cov = result.mediator.params[keys], result.mediator.cov.loc[keys, keys]
    assert test.statistic == pytest.approx(b @ np.linalg.solve(cov, b), rel=1e-10)
    assert test.df == 2
    assert "m -> y" in result.tests


def test_a_model_that_is_not_stable_is_named(panel, matrices, monkeypatch):
    arguments = lambda leg, params: np.full((2, len(params)), [[1.25], [1.0]])  # noqa: E731
    monkeypatch.setattr(Leg, "argument", arguments)
    with pytest.raises(OptionError, match=r"model of 'y' is not stable: rho = 1\.25 lies outside"):
        mediation(OUTCOME, MEDIATOR, panel, matrices[1], effects="none", draws=199)


def test_a_variable_named_twice_has_one_set_of_rows(panel, matrices):
    result = mediation(
        OUTCOME, MEDIATOR, panel, matrices[1], effects="none", variables=["x", "x"], draws=99
    )
    assert len(result.frame) == len(ROWS)


def test_unstable_draws_are_noted(panel, matrices, monkeypatch):
    stable = lambda leg, params: np.arange(len(params)) >= 5 * (len(params) > 1)  # noqa: E731
    monkeypatch.setattr(Leg, "is_stable", stable)
    result = mediation(OUTCOME, MEDIATOR, panel, matrices[1], effects="none", draws=199)
    assert result.discarded == 5
    assert any(note.startswith("5 of 199 draws lie outside") for note in result.notes)


def test_opposite_signs_are_noted(panel, matrices):
    reversed_ = panel.assign(y=lambda d: d["y"] - 2.0 * d["x"])
    result = mediation(OUTCOME, MEDIATOR, reversed_, matrices[1], effects="none")
    assert any("opposite signs" in note for note in result.notes)


@pytest.mark.parametrize(
    ("outcome", "mediator", "options", "error", "words"),
    [
        ("y ~ x", "m ~ x", {}, OptionError, "must be a regressor of the outcome"),
        ("y ~ m + I(m ** 2)", "m ~ x", {}, OptionError, "several terms"),
        ("y ~ m + m:x", "m ~ x", {}, OptionError, "several terms"),
        ("y ~ m + x", "m ~ x + y", {}, OptionError, "x before m before y"),
        ("y ~ m + x", "m ~ x", {"variables": "z"}, UnknownColumnError, "got 'z'"),
        ("y ~ m + x", "m ~ x", {"time_lag": True, "method": "bootstrap"}, OptionError, "dynamic"),
        ("y ~ m + x", "m ~ x", {"effects": "random", "method": "bootstrap"}, OptionError, "random"),
        ("y ~ exp(m) + x", "exp(m) ~ x", {"method": "bootstrap"}, OptionError, "make it a column"),
        ("y ~ m + x", "m ~ x", {"draws": 20}, OptionError, "39 or more"),
        ("y ~ m + x", "m ~ x", {"mediator_options": {"modl": "sar"}}, OptionError, "mean 'model'"),
        ("y ~ m + x", "m ~ x", {"mediator_options": {"model": 1}}, OptionError, "'model'"),
        ("y ~ m + x", "m ~ x", {"mediator_options": {"formula": "m ~ z"}}, OptionError, "formula"),
        ("y ~ m + x", "m ~ x", {"mediator_options": {"panel": 1}}, OptionError, "panel"),
    ],
)
def test_errors(panel, matrices, outcome, mediator, options, error, words):
    with pytest.raises(error, match=words):
        mediation(outcome, mediator, panel, matrices[1], **{"effects": "unit", **options})
