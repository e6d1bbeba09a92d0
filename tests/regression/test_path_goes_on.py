"""The specification path with awkward data: rows without a result have a reason, and it goes on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from nqp_spatial.regression._model_data import build_model_data
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.diagnostics._lm_tests import lm_tests
from nqp_spatial.regression.spec import RegressionSpec


def make(n=16, periods=5, k=2, seed=0, spread=2.0):
    rng = np.random.default_rng(seed)
    keys = pd.MultiIndex.from_product([range(n), range(periods)], names=["unit", "period"])
    columns = {f"x{j + 1}": rng.normal(size=n * periods) for j in range(k)}
    frame = pd.DataFrame(columns, keys).reset_index()
    effects = np.repeat(spread * rng.normal(size=n), periods)
    frame["y"] = 1 + frame["x1"] + effects + rng.normal(size=n * periods)
    return nq.SpatialPanel(frame, unit="unit", period="period")


def rook(rows, columns):
    at = np.stack(np.divmod(np.arange(rows * columns), columns), axis=1)
    return (np.abs(at[:, None] - at[None]).sum(axis=2) == 1).astype(float)


def alone(matrix):
    changed = matrix.copy()
    changed[0] = changed[:, 0] = 0
    return changed


PLAIN = rook(4, 4)
CASES = {
    "island": (make(), alone(PLAIN), "row", "y ~ x1 + x2"),
    "binary": (make(), PLAIN, None, "y ~ x1 + x2"),
    "spectral": (make(), PLAIN, "spectral", "y ~ x1"),
    "everyone": (make(), (1 - np.eye(16)) / 15, None, "y ~ x1 + x2"),
    "triangular": (make(), np.tril(np.ones((16, 16)), -1), None, "y ~ x1"),
    "one pair": (make(), np.pad([[0.0, 1.0], [1.0, 0.0]], (0, 14)), None, "y ~ x1"),
    "two periods": (make(periods=2), PLAIN, "row", "y ~ x1"),
    "four units": (make(4), rook(2, 2), "row", "y ~ x1 + x2"),
    "two units": (make(2, 9), rook(1, 2), "row", "y ~ x1"),
    "many regressors": (make(6, 3, 4), rook(2, 3), "row", "y ~ x1 + x2 + x3 + x4"),
    "no unit effects": (make(spread=0.0), PLAIN, "row", "y ~ x1"),
}


@pytest.mark.parametrize(
    ("name", "effects"),
    [
        *((name, effects) for name in CASES for effects in ("unit", "two-way")),
        *((name, "period") for name in ("island", "everyone", "two units")),
        *((name, "none") for name in ("triangular", "everyone", "two units")),
    ],
)
def test_every_row_has_a_result_or_a_reason(name, effects):
    panel, matrix, standardize, formula = CASES[name]
    w = nq.weights.from_dense(matrix, panel.units, islands="keep")
    w = w.standardize(standardize) if standardize else w
    result = nq.diagnostics(formula, panel, w, effects=effects)
    for test in result.tests.values():
        if test.applicable:
            assert np.isfinite(test.statistic) and 0 <= test.p_value <= 1, test.name
        else:
            assert test.reason and "nan" not in test.reason, test.name
    assert result.recommendation
    assert "ols" in result.models
    missing = {"slx", "sar", "sem", "sdm", "sdem"} - set(result.models)
    for model in missing:
        assert any(note.startswith(f"{model.upper()} could not be fitted") for note in result.notes)


def test_collinear_lags_leave_the_models_without_them(lattice, simulate):
    w = lattice(5, 5)
    panel = simulate(w, 4)
    panel = panel.assign(lagged=(w.sparse @ panel.values("x1")).ravel())
    result = nq.diagnostics("y ~ x1 + lagged", panel, w)
    assert set(result.models) == {"ols", "sar", "sem"}
    assert result.tests["Hausman: SAR"].applicable
    assert "linear combination" in result.tests["Hausman: SDM"].reason
    assert result.tests["LR: SDM against SAR"].reason == "SDM could not be fitted"


def test_names_that_the_panel_has_already(lattice, simulate):
    w = lattice(5, 5)
    panel = simulate(w, 4)
    usual = nq.diagnostics("y ~ x1", panel, w).frame["statistic"]
    taken = panel.assign(period_=1.0, period__=lambda d: d["x1"])
    np.testing.assert_allclose(nq.diagnostics("y ~ x1", taken, w).frame["statistic"], usual)


def test_a_cross_section_refuses_effects(lattice, simulate):
    w = lattice(5, 5)
    panel = simulate(w, 4).select(periods=[0])
    for effects in ("unit", "period", "two-way"):
        with pytest.raises(OptionError, match="needs more than one period"):
            nq.diagnostics("y ~ x1", panel, w, effects=effects)
    assert nq.diagnostics("y ~ x1", panel, w, effects="none").model


def test_all_models_have_one_correction(lattice, simulate):
    w = lattice(5, 5)
    panel = simulate(w, 4)
    rows = nq.diagnostics("y ~ x1", panel, w)
    raw = nq.diagnostics("y ~ x1", panel, w.standardize("spectral"))
    assert {model.spec.correction for model in rows.models.values()} == {"transformation"}
    # Unit effects are transformed away in all of them, and periods are dummies.
    spatial = {raw.models[name].spec.correction for name in ("sar", "sem", "sdm", "sdem")}
    assert spatial == {raw.spec["correction"]} == {"bias"}
    linear = nq.fit("y ~ x1", panel, model="ols", effects="two-way", correction="none")
    squares, size = linear.sigma2 * 100, 25 * 3
    loglik = -size / 2 * (np.log(2 * np.pi * squares / size) + 1)
    assert raw.models["ols"].loglik == pytest.approx(loglik)


# -- LM tests where rows do not add to one ---------------------------------------------------------


def test_lm_tests_after_period_effects_by_dense_matrices(neighbours, simulate):
    w = neighbours(14, 4, standardize="spectral")
    panel = simulate(w, 3, seed=4)
    n, m = 14, 2
    W, J = w.sparse.toarray(), np.eye(14) - 1 / 14
    assert np.ptp(W.sum(axis=1)) < 1e-12  # nearest neighbours: the same number for all
    W = W * np.random.default_rng(0).uniform(0.5, 1.5, size=W.shape)
    w = nq.weights.from_dense(W, panel.units)
    spec = RegressionSpec("y ~ x1 + x2", "", (), (), "ols", "two-way", "transformation")
    result = lm_tests(build_model_data(panel, spec, TermWeights()), w)
    E = np.eye(3) - 1 / 3
    sweep = np.kron(J, E)
    x = np.column_stack([panel.values(name).ravel() for name in ("x1", "x2")])
    z, y = sweep @ x, panel.values("y").ravel()
    M = sweep - z @ np.linalg.pinv(z)
    e, big = M @ y, np.kron(W, np.eye(3))
    s2 = e @ e / ((n - 1) * m)
    K = J @ W @ J
    t = m * (np.trace(K @ K) + np.trace(K.T @ K) - 2 * np.trace(K) ** 2 / (n - 1))
    centre = m * np.trace(K)
    d_error = e @ big @ e / s2 - centre
    assert result["LM error"].statistic == pytest.approx(d_error**2 / t)
    v = M @ big @ (y - e)
    d_lag = e @ big @ y / s2 - centre
    assert result["LM lag"].statistic == pytest.approx(d_lag**2 / (t + v @ v / s2))


@pytest.mark.slow
def test_lm_tests_hold_their_size_where_rows_do_not_add_to_one(lattice):
    w = lattice(7, 7, "spectral")
    p_values = []
    for seed in range(600):
        rng = np.random.default_rng(seed)
        x, e = rng.normal(size=(49, 5)), rng.normal(size=(49, 5))
        y = x + e + rng.normal(size=(49, 1)) + rng.normal(size=(1, 5))
        frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()})
        frame["id"], frame["t"] = np.repeat(np.arange(49), 5), np.tile(np.arange(5), 49)
        panel = nq.SpatialPanel(frame, unit="id", period="t")
        spec = RegressionSpec("y ~ x", "", (), (), "ols", "two-way", "transformation")
        tests = lm_tests(build_model_data(panel, spec, TermWeights()), w)
        p_values.append([test.p_value for test in tests.values()])
    rates = (np.array(p_values) < 0.05).mean(axis=0)
    assert (np.abs(rates - 0.05) < 3.5 * np.sqrt(0.05 * 0.95 / 600)).all(), rates


def test_the_error_model_is_no_durbin_model_where_row_sums_differ(lattice):
    """Its period effects are d (1 - lam W 1), which the Durbin model has only with unit effects.

    Here the null is true, and yet the likelihood of the "larger" model was the lower one.
    """
    w = lattice(5, 5).standardize("spectral")
    rng, shape = np.random.default_rng(3), (25, 5)
    x, shocks = rng.normal(size=shape), rng.normal(size=shape)
    y = x + 2.0 * np.arange(5) + np.linalg.solve(np.eye(25) - 0.6 * w.sparse.toarray(), shocks)
    keys = pd.MultiIndex.from_product([w.units, range(5)], names=["unit", "period"])
    columns = {"x": x.ravel(), "y": y.ravel()}
    panel = nq.SpatialPanel(pd.DataFrame(columns, keys).reset_index(), unit="unit", period="period")
    names = ("LR: SDM against SEM", "Wald: SDM against SEM")
    for effects in ("two-way", "period", "none", "random"):
        result = nq.diagnostics("y ~ x", panel, w, effects=effects)
        for name in names:
            assert not result.tests[name].applicable
            assert "standardise W by rows" in result.tests[name].reason
        assert result.tests["LR: SDEM against SEM"].applicable
    models = nq.diagnostics("y ~ x", panel, w).models
    assert models["sdm"].loglik < models["sem"].loglik
    within = nq.diagnostics("y ~ x", panel, w, effects="unit")
    rows = nq.diagnostics("y ~ x", panel, lattice(5, 5))
    twice = nq.weights.from_dense(2 * lattice(5, 5).sparse.toarray(), panel.units)
    equal = nq.diagnostics("y ~ x", panel, twice)
    assert all(result.tests[n].applicable for result in (within, rows, equal) for n in names)


def test_without_regressors_the_lag_model_is_recommended(lattice):
    w = lattice(5, 5)
    rng = np.random.default_rng(1)
    y = np.linalg.solve(np.eye(25) - 0.7 * w.sparse.toarray(), rng.normal(size=(25, 5)))
    keys = pd.MultiIndex.from_product([w.units, range(5)], names=["unit", "period"])
    frame = pd.DataFrame({"y": y.ravel(), "noise": rng.normal(size=125)}, keys).reset_index()
    panel = nq.SpatialPanel(frame, unit="unit", period="period")
    for effects in ("two-way", "none"):
        result = nq.diagnostics("y ~ 1", panel, w, effects=effects)
        assert result.model == "sar"
        assert "Without regressors the Durbin model is the lag model." in result.recommendation
    assert nq.diagnostics("noise ~ 1", panel, w).model == "ols"
