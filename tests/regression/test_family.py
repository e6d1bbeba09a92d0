"""Error models, weights of their own for each term, and dynamics: by brute force and references."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, optimize

import nqp_spatial as nq
from nqp_spatial.errors import ConvergenceError, OptionError, PanelError
from nqp_spatial.regression.covariance import information as info
from nqp_spatial.regression.covariance.dynamic_bias import score_bias_of_units
from nqp_spatial.regression.likelihood.concentrated import ConcentratedLikelihood, CrossProducts
from nqp_spatial.regression.likelihood.log_determinant import log_determinant
from tests.parity import agree

MODELS = {"sem": (0, 0, 1), "sdem": (0, 1, 1), "sac": (1, 0, 1), "sdm": (1, 1, 0)}
TRUTH = {"rho": 0.35, "lam": 0.4, "beta": (1.0, -0.5), "theta": (0.4, 0.2)}


def simulated(model, w_y, w_x, w_u, periods=6, seed=0, tau=0.0, eta=0.0, burn=40):
    """A panel from the model, unit and period effects in it; dynamics start long before."""
    has_rho, has_lags, has_lam = MODELS[model]
    rng = np.random.default_rng(seed)
    n = w_y.n_units
    lags = burn if tau or eta else 0
    total = periods + lags
    mu, nu = rng.normal(size=(n, 1)), rng.normal(size=(1, total))
    x = rng.normal(size=(n, total, 2)) + 0.4 * mu[:, :, None]
    wx = (w_x.sparse @ x.reshape(n, -1)).reshape(x.shape)
    a = np.linalg.inv(np.eye(n) - has_rho * TRUTH["rho"] * w_y.sparse.toarray())
    b = np.linalg.inv(np.eye(n) - has_lam * TRUTH["lam"] * w_u.sparse.toarray())
    right = x @ np.array(TRUTH["beta"]) + has_lags * (wx @ np.array(TRUTH["theta"])) + mu + nu
    right = right + b @ rng.normal(size=(n, total))
    y = np.zeros((n, total))
    for t in range(total):
        past = y[:, t - 1] if t and lags else np.zeros(n)
        y[:, t] = a @ (right[:, t] + tau * past + eta * (w_y.sparse @ past))
    y, x = y[:, lags:], x[:, lags:]
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


def weights_for(model, w_y, w_x, w_u):
    keys = zip("yxu", MODELS[model], (w_y, w_x, w_u), strict=True)
    return {key: w for key, yes, w in keys if yes}


def dummies(n, t, effects):
    unit, period = np.kron(np.eye(n), np.ones((t, 1))), np.kron(np.ones((n, 1)), np.eye(t))
    return {"none": np.ones((n * t, 1)), "unit": unit, "period": period}.get(
        effects, np.column_stack([unit, period[:, 1:]])
    )


@pytest.mark.parametrize("effects", ["none", "unit", "period", "two-way"])
@pytest.mark.parametrize("model", ["sem", "sdem", "sac", "sdm"])
def test_dummy_variable_likelihood_by_brute_force(neighbours, model, effects):
    """Estimates maximise the dense likelihood with all dummies in it; its Hessian is ours."""
    w_y, w_x, w_u = (neighbours(13, k, seed=k) for k in (3, 4, 5))
    panel = simulated(model, w_y, w_x, w_u, 5, seed=4)
    res = nq.fit(
        "y ~ x1 + x2",
        panel,
        weights_for(model, w_y, w_x, w_u),
        model=model,
        effects=effects,
        correction="none",
    )
    has_rho, has_lags, has_lam = MODELS[model]
    y = panel.values("y")
    n, t = y.shape
    x = np.stack([panel.values("x1"), panel.values("x2")], axis=-1)
    wx = (w_x.sparse @ x.reshape(n, -1)).reshape(x.shape)
    z = np.concatenate([x, wx] if has_lags else [x], axis=2).reshape(n * t, -1)
    design = np.column_stack([z, dummies(n, t, effects)])
    dense_y, dense_u = w_y.sparse.toarray(), w_u.sparse.toarray()
    spatial = [name for name, yes in (("rho", has_rho), ("lam", has_lam)) if yes]

    def filtered(array, lam):
        wide = array.reshape(n, -1)
        return (wide - lam * dense_u @ wide).reshape(array.shape)

    def loglik(params):
        coefs, at, sigma2 = params[: design.shape[1]], params[design.shape[1] : -1], params[-1]
        values = dict(zip(spatial, at, strict=True))
        rho, lam = values.get("rho", 0.0), values.get("lam", 0.0)
        u = (y - rho * dense_y @ y).ravel() - design @ coefs
        e = filtered(u.reshape(n, t), lam).ravel()
        logdets = [
            np.linalg.slogdet(np.eye(n) - value * dense)[1]
            for value, dense in ((rho, dense_y), (lam, dense_u))
        ]
        return t * sum(logdets) - n * t / 2 * np.log(2 * np.pi * sigma2) - e @ e / (2 * sigma2)

    def best_given(at):
        values = dict(zip(spatial, at, strict=True))
        rho, lam = values.get("rho", 0.0), values.get("lam", 0.0)
        target = filtered(y - rho * dense_y @ y, lam).ravel()
        turned = filtered(design.reshape(n, t, -1), lam).reshape(n * t, -1)
        coefs = linalg.lstsq(turned, target)[0]
        e = target - turned @ coefs
        return np.array([*coefs, *at, e @ e / (n * t)])

    outcome = min(
        (
            optimize.minimize(
                lambda at: -loglik(best_given(at)),
                start,
                method="Nelder-Mead",
                bounds=[(-0.97, 0.97)] * len(spatial),
                options={"xatol": 1e-9, "fatol": 1e-12},
            )
            for start in ([0.1] * len(spatial), [0.6, -0.3][: len(spatial)])
        ),
        key=lambda result: result.fun,
    )
    assert res.loglik == pytest.approx(-outcome.fun, rel=1e-9)
    ours = res.params["spatial"]
    np.testing.assert_allclose([ours[name] for name in spatial], outcome.x, atol=1e-5)
    at = best_given(np.array([ours[name] for name in spatial]))
    single = 1 if effects == "none" else 0
    np.testing.assert_allclose(
        res.params.iloc[single : single + z.shape[1]], at[: z.shape[1]], rtol=1e-6
    )
    cov = np.linalg.inv(-numerical_hessian(loglik, at))
    keep = [*range(z.shape[1]), *range(design.shape[1], design.shape[1] + len(spatial))]
    np.testing.assert_allclose(
        np.sqrt(np.diag(res.cov))[single:], np.sqrt(np.diag(cov))[keep], rtol=5e-4
    )


def numerical_hessian(function, at):
    steps = 1e-4 * np.maximum(np.abs(at), 0.1)
    size = len(at)
    result = np.empty((size, size))
    for i in range(size):
        for j in range(i, size):
            a, b = np.zeros(size), np.zeros(size)
            a[i], b[j] = steps[i], steps[j]
            high = function(at + a + b) + function(at - a - b)
            low = function(at + a - b) + function(at - a + b)
            result[i, j] = result[j, i] = (high - low) / (4 * steps[i] * steps[j])
    return result


def test_slopes_of_the_concentrated_likelihood(neighbours):
    """Gradient and Hessian in (rho, lam) against differences."""
    w, v = neighbours(30, 4), neighbours(30, 6, seed=3)
    panel = simulated("sac", w, w, v, 5, seed=1)
    res = nq.fit("y ~ x1 + x2", panel, {"y": w, "u": v}, model="sac", effects="two-way")
    estimate = _estimate_of(res, panel, w, v)
    likelihood = ConcentratedLikelihood(
        estimate.counts,
        CrossProducts(estimate.projection),
        (log_determinant(w, "exact"), log_determinant(v, "exact")),
    )
    point = np.array([0.2, -0.3, 1.0])
    gradient, hessian = likelihood.derivatives(point)
    for j in range(2):
        step = np.zeros(3)
        step[j] = 1e-5
        difference = (likelihood.value(point + step) - likelihood.value(point - step)) / 2e-5
        assert gradient[j] == pytest.approx(difference, rel=1e-6)
        up, down = (
            likelihood.derivatives(point + step)[0],
            likelihood.derivatives(point - step)[0],
        )
        np.testing.assert_allclose(hessian[j], (up - down) / 2e-5, rtol=1e-6)


def _estimate_of(res, panel, w, v):
    """The estimate behind a result, made again from its parts."""
    from nqp_spatial.regression._demeaning import counts_of, project
    from nqp_spatial.regression._design import build_design

    spec = res.spec
    design = build_design(
        spec.formula,
        panel,
        w.sparse,
        w.sparse if spec.has_lags else None,
        keep_intercept=spec.keeps_intercept,
        durbin=None,
        dynamics=spec.dynamics,
    )
    projection = project(design, spec, v.sparse if spec.has_lam else None)
    counts = counts_of(spec, *design.y.shape)
    count = design.z.shape[2]
    spatial = res.params["spatial"] if "spatial" in res.params.index.levels[0] else {}
    rho, lam = float(spatial.get("rho", 0.0)), float(spatial.get("lam", 0.0))
    active = (0,) * spec.has_rho + (1,) * spec.has_lam
    return info.Estimate(
        res.params.to_numpy()[:count], np.array([rho]), lam, res.sigma2, projection, counts, active
    )


@pytest.mark.parametrize("effects", ["none", "unit", "two-way"])
@pytest.mark.parametrize("model", ["sem", "sac"])
def test_expected_information_by_dense_matrices(neighbours, model, effects):
    """E of minus the Hessian from F = B W A^-1 B^-1 and H = W B^-1 as dense, projected matrices."""
    w, v = neighbours(14, 3, seed=1), neighbours(14, 4, seed=2)
    panel = simulated(model, w, w, v, 4, seed=6)
    named = {"y": w, "u": v} if model == "sac" else {"u": v}
    res = nq.fit("y ~ x1 + x2", panel, named, model=model, effects=effects, covariance="expected")
    estimate = _estimate_of(res, panel, w, v)
    n, t = panel.n_units, panel.n_periods
    basis_t = linalg.null_space(np.ones((1, t))) if effects != "none" else np.eye(t)
    basis_n = linalg.null_space(np.ones((1, n))) if effects == "two-way" else np.eye(n)
    eye = np.eye(n)
    a = eye - estimate.rho[0] * w.sparse.toarray()
    b = eye - estimate.lam * v.sparse.toarray()
    f = b @ w.sparse.toarray() @ np.linalg.inv(a) @ np.linalg.inv(b)
    h = v.sparse.toarray() @ np.linalg.inv(b)
    # The transformed errors are iid; F and H act on what is left of the units.
    inner = {"rho": basis_n.T @ f @ basis_n, "lam": basis_n.T @ h @ basis_n}
    m, s2 = basis_t.shape[1], estimate.sigma2
    z = estimate.filtered[0].reshape(n, t, -1)
    z = np.einsum("ni,ntk,ts->isk", basis_n, z, basis_t).reshape(-1, z.shape[2])
    structural = panel.values("y") - estimate.rho[0] * (w.sparse @ panel.values("y"))
    structural = structural - estimate.disturbances.reshape(n, t)
    spill = b @ w.sparse.toarray() @ np.linalg.solve(a, structural)
    spill = (basis_n.T @ spill @ basis_t).ravel()
    k = z.shape[1]
    names = ["rho", "lam"] if model == "sac" else ["lam"]
    size = k + len(names) + 1
    truth = np.zeros((size, size))
    truth[:k, :k] = z.T @ z / s2
    for i, first in enumerate(names):
        if first == "rho":
            truth[:k, k + i] = truth[k + i, :k] = z.T @ spill / s2
        trace = m * np.trace(inner[first]) / s2
        truth[k + i, -1] = truth[-1, k + i] = trace
        for j, other in enumerate(names):
            p, q = inner[first], inner[other]
            truth[k + i, k + j] = m * (np.trace(p @ q) + np.trace(p.T @ q))
            truth[k + i, k + j] += spill @ spill / s2 * (first == other == "rho")
    truth[-1, -1] = len(spill) / (2 * s2**2)
    cov = np.linalg.inv(truth)
    np.testing.assert_allclose(res.cov, cov[:-1, :-1], rtol=1e-7, atol=1e-12)
    assert res.sigma2_std_error == pytest.approx(np.sqrt(cov[-1, -1]), rel=1e-7)


def test_probes_agree_with_exact_traces(lattice, monkeypatch):
    w = lattice(15, 15)
    panel = simulated("sac", w, w, w, 4, seed=2)
    exact = nq.fit("y ~ x1 + x2", panel, w, model="sac", covariance="expected")
    monkeypatch.setattr(info, "DENSE_UP_TO", 10)
    probed = nq.fit("y ~ x1 + x2", panel, w, model="sac", covariance="expected")
    np.testing.assert_allclose(probed.std_errors, exact.std_errors, rtol=0.05)
    assert any("traces of squares estimated from 200 probes" in note for note in probed.notes)


@pytest.mark.parity
def test_columbus_error_model(columbus, reference):
    """Against spatialreg's errorsarlm."""
    panel, w = columbus
    truth = reference("columbus")["models"]["sem"]
    res = nq.fit(
        "CRIME ~ INC + HOVAL", panel, w, model="sem", effects="none", covariance="expected"
    )
    other = {
        "program": "spatialreg", "version": reference("columbus")["meta"]["spatialreg"],
        "data": "Columbus",
        "reason": "spatialreg's optimiser stops at about 1e-7; log-likelihoods agree",
    }  # fmt: skip
    names = ["INC", "HOVAL"]
    coefs = [truth["coefficients"][name] for name in names]
    errors = [truth["std_errors"][f"I(x - lambda * WX){name}"] for name in names]
    agree("SEM: coefficients", res.params["x"][names], coefs, rtol=1e-6, **other)
    agree("SEM: standard errors", res.std_errors["x"][names], errors, rtol=1e-6, **other)
    lam, se = res.params["spatial", "lam"], res.std_errors["spatial", "lam"]
    agree("SEM: lam", lam, truth["lambda"], rtol=1e-6, **other)
    agree("SEM: standard error of lam", se, truth["lambda_se"], rtol=1e-6, **other)
    agree("SEM: sigma2", res.sigma2, truth["sigma2"], rtol=1e-6, **other)
    agree("SEM: log-likelihood", res.loglik, truth["loglik"], rtol=1e-9, **other)
    ols = nq.fit("CRIME ~ INC + HOVAL", panel, model="ols", effects="none")
    statistic = 2 * (res.loglik - ols.loglik)
    agree("SEM: LR against OLS", statistic, truth["LR_vs_ols"]["stat"], rtol=1e-7, **other)


def _panel(folder):
    panel = nq.SpatialPanel(pd.read_csv(folder / "panel.csv"), unit="state", period="year")
    edges = pd.read_csv(folder / "weights.csv")
    return panel, nq.weights.from_edges(edges, focal="origin", neighbor="dest", weight="weight")


@pytest.mark.parity
@pytest.mark.parametrize("model", ["sem", "sdem"])
@pytest.mark.parametrize("effects", ["individual", "time", "twoways"])
def test_cigar_error_models(nqp_data, model, effects):
    """splm, with unit effects; with period effects it demeans first and lags then.

    J W_u J is not J W_u unless W_u is doubly stochastic, so that what splm maximises with period
    effects is not the dummy-variable likelihood: the latter, which test_dummy_variable_likelihood
    pins down, is larger at our estimate than at any other point, and larger than splm's value.
    """
    folder = nqp_data / "reference" / "cigar"
    panel, w = _panel(folder)
    result = json.loads((folder / "observed_hessian_and_splm.json").read_text())["splm"]
    truth = result[f"{model}_{effects}"]
    chosen = {"individual": "unit", "time": "period", "twoways": "two-way"}[effects]
    res = nq.fit(
        "logc ~ logp + logy",
        panel,
        w,
        model=model,
        effects=chosen,
        correction="none",
        covariance="expected",
    )
    names = {"rho": ("spatial", "lam"), "Wlogp": ("wx", "logp"), "Wlogy": ("wx", "logy")}
    exact = effects == "individual"
    other = {
        "program": "splm", "version": "1.5.2", "data": "cigarettes (Cigar)",
        "case": f"{chosen} effects",
    }  # fmt: skip
    keys = [names.get(name, ("x", name)) for name in truth["coefficients"]]
    errors = [truth["std_errors"][name] for name in truth["coefficients"]]
    # splm's optimiser leaves some 1e-8 in rho.
    tolerance = {"rtol": 2e-7, "reason": "splm's optimiser stops at 1e-8"}
    if not exact:
        lagged = "splm demeans y and then lags it, which is not the dummy-variable likelihood"
        tolerance = {"rtol": 5e-3, "reason": lagged}
    name, coefs = model.upper(), list(truth["coefficients"].values())
    name += "" if exact else ", period or two-way effects"
    agree(f"{name}: coefficients", res.params[keys], coefs, atol=1e-9, **tolerance, **other)
    agree(f"{name}: standard errors", res.std_errors[keys], errors, **tolerance, **other)
    if exact:
        agree(f"{name}: log-likelihood", res.loglik, truth["loglik"], rtol=1e-10, **other)
        stops = tolerance["reason"]
        agree(f"{name}: sigma2", res.sigma2, truth["sigma2"], rtol=1e-7, reason=stops, **other)
    else:
        assert truth["loglik"] < res.loglik < truth["loglik"] + 0.1


@pytest.mark.parity
@pytest.mark.parametrize("model", ["error_b", "sdem"])
def test_produc_error_models(nqp_data, model):
    folder = nqp_data / "reference" / "produc"
    panel, w = _panel(folder)
    result = json.loads((folder / "splm_fixed_effects.json").read_text())["models"]
    for ending, correction in (("", "none"), ("_LeeYu", "transformation")):
        truth = result[f"fe_{model}_individual{ending}"]
        res = nq.fit(
            "lgsp ~ lpcap + lpc + lemp + unemp",
            panel,
            w,
            model="sem" if model == "error_b" else "sdem",
            effects="unit",
            correction=correction,
            covariance="expected",
        )
        keys = [
            ("spatial", "lam") if name == "rho"
            else ("wx", name[2:]) if name.startswith("W_") else ("x", name)
            for name in truth["coefficients"]
        ]  # fmt: skip
        other = {
            "program": "splm", "version": "1.5.2", "data": "US public capital (plm)",
            "case": f"unit effects, {correction}", "reason": "splm's optimiser stops at 1e-8",
        }  # fmt: skip
        coefs = list(truth["coefficients"].values())
        errors = [truth["std_errors"][name] for name in truth["coefficients"]]
        name = res.spec.model.upper()
        agree(f"{name}: coefficients", res.params[keys], coefs, rtol=1e-6, **other)
        agree(f"{name}: standard errors", res.std_errors[keys], errors, rtol=1e-6, **other)
        agree(f"{name}: sigma2", res.sigma2, truth["sigma2"], rtol=1e-7, **other)


# -- weights of their own --------------------------------------------------------------------------


@pytest.mark.parametrize("standardize", ["row", "spectral"])
def test_effects_with_two_matrices_by_brute_force(neighbours, standardize):
    w = neighbours(30, 4, standardize=standardize)
    v = neighbours(30, 7, seed=5, standardize=standardize)
    panel = simulated("sdm", w, v, w, 6, seed=3)
    res = nq.fit("y ~ x1 + x2", panel, {"y": w, "x": v}, effects="unit", durbin="x1")
    dense, other = w.sparse.toarray(), v.sparse.toarray()
    rho, beta, theta = res.params["spatial", "rho"], res.params["x", "x1"], res.params["wx", "x1"]
    s = np.linalg.solve(np.eye(30) - rho * dense, beta * np.eye(30) + theta * other)
    truth = [np.trace(s) / 30, s.sum() / 30 - np.trace(s) / 30, s.sum() / 30]
    np.testing.assert_allclose(res.effects(method="delta").wide().loc["x1"], truth, rtol=1e-9)
    by_unit = res.unit_effects("x1")
    np.testing.assert_allclose(by_unit["own"], np.diag(s), rtol=1e-9)
    np.testing.assert_allclose(by_unit["sent"], s.sum(axis=0) - np.diag(s), rtol=1e-8)
    draws = res.effects(draws=4000, seed=1).frame
    delta = res.effects(method="delta").frame
    np.testing.assert_allclose(draws["std_error"], delta["std_error"], rtol=0.25)
    assert "Wy: nearest" in res.spec.weights
    assert "WX: nearest" in res.spec.weights


def test_traces_with_a_second_matrix_from_probes(lattice, neighbours, monkeypatch):
    from nqp_spatial.regression import _trace_functions

    w, v = lattice(12, 12), neighbours(144, 5)
    exact = _trace_functions._cross_curve(w, v, 0.2, 0.6).value(np.array([0.3, 0.5]))
    monkeypatch.setattr(_trace_functions, "DENSE_CROSS_UP_TO", 10)
    probed = _trace_functions._cross_curve(w, v, 0.2, 0.6).value(np.array([0.3, 0.5]))
    np.testing.assert_allclose(probed, exact, atol=0.02)


def test_one_matrix_named_three_times_is_one_matrix(lattice):
    w = lattice(6, 6)
    panel = simulated("sdem", w, w, w, 5)
    single = nq.fit("y ~ x1 + x2", panel, w, model="sdem")
    named = nq.fit("y ~ x1 + x2", panel, {"x": w, "u": w}, model="sdem")
    pd.testing.assert_series_equal(single.params, named.params)
    assert named.spec.weights == single.spec.weights


def test_error_models_have_no_spillovers(lattice):
    w = lattice(6, 6)
    res = nq.fit("y ~ x1 + x2", simulated("sem", w, w, w, 5), w, model="sem")
    table = res.effects().wide()
    assert table.loc["x1"].tolist() == [res.params["x", "x1"], 0.0, res.params["x", "x1"]]


# -- dynamics --------------------------------------------------------------------------------------


@pytest.mark.parity
@pytest.mark.parametrize("effects", ["individual", "twoways"])
@pytest.mark.parametrize("corrected", [False, True])
def test_cigar_dynamic(nqp_data, effects, corrected):
    """SDPDmod's algorithm with an exact log-determinant and scaled inverses.

    With two-way effects and no correction it demeans y before lagging it, which is not the
    dummy-variable likelihood (reference README, point 1): ours is larger, and rho differs.
    """
    folder = nqp_data / "reference" / "cigar"
    panel, w = _panel(folder)
    models = json.loads((folder / "sdpdmod_exact.json").read_text())["models"]
    truth = models[f"dynamic_sdm_{effects}_{'LY' if corrected else 'noLY'}"]
    exact = truth["exact"]
    chosen = exact["bias_corrected"] if corrected else exact
    res = nq.fit(
        "logc ~ logp + logy",
        panel,
        w,
        effects={"individual": "unit", "twoways": "two-way"}[effects],
        correction="bias" if corrected else "none",
        covariance="expected",
        time_lag=True,
        space_time_lag=True,
    )
    keys = {
        "logc(t-1)": ("dynamic", "tau"),
        "W*logc(t-1)": ("dynamic", "eta"),
        "W*logp": ("wx", "logp"),
        "W*logy": ("wx", "logy"),
        "logp": ("x", "logp"),
        "logy": ("x", "logy"),
    }
    pairs = [(res.params[keys[name]], value) for name, value in chosen["coefficients"].items()]
    pairs += [(res.params["spatial", "rho"], chosen["rho"]), (res.sigma2, chosen["sigma2"])]
    ours, theirs = np.array(pairs).T
    other = {
        "program": "SDPDmod", "version": "0.0.5", "data": "cigarettes (Cigar)",
        "case": f"{res.spec.effects} effects, {'bias corrected' if corrected else 'not corrected'}",
    }  # fmt: skip
    name = "Dynamic SDM"
    if effects == "twoways" and not corrected:
        assert exact["loglik"] < res.loglik < exact["loglik"] + 0.1
        agree(
            f"{name}, two-way: parameters", ours[[0, 2, 3, 7]], theirs[[0, 2, 3, 7]], rtol=1e-3,
            reason="SDPDmod demeans y and then lags it, which is not the dummy-variable likelihood",
            **other,
        )  # fmt: skip
        return
    agree(f"{name}: parameters, sigma2", ours, theirs, rtol=1e-7, **other)
    if not corrected:
        agree(f"{name}: log-likelihood", res.loglik, exact["loglik"], rtol=1e-10, **other)
    agree(
        f"{name}: standard errors", [res.std_errors[keys[key]] for key in chosen["std_errors"]],
        list(chosen["std_errors"].values()), rtol=0.01,
        reason="theirs are a sandwich with a fourth-moment term, ours the inverse information",
        **other,
    )  # fmt: skip
    if "point_impacts_exact" not in truth or (effects == "individual" and corrected):
        return
    table = res.effects(method="delta").wide()
    for run, by_name in truth["point_impacts_exact"].items():
        for variable, impact in by_name.items():
            row = table.loc[(variable, run.replace("_", "-"))]
            values = list(impact.values())
            agree(f"{name}: effects", row[list(impact)], values, rtol=1e-6, **other)


def test_cigar_with_unit_effects_is_not_stable_once_corrected(nqp_data):
    """tau + rho + eta = 1.018: the reference prints long-run effects of +26.7 and -26.0."""
    panel, w = _panel(nqp_data / "reference" / "cigar")
    res = nq.fit("logc ~ logp + logy", panel, w, effects="unit", time_lag=True, space_time_lag=True)
    assert any("1.0179: not stable" in note for note in res.notes)
    effects = res.effects()
    assert set(effects.frame["horizon"]) == {"short-run"}
    assert any("no effects in the long run" in note for note in effects.notes)
    with pytest.raises(OptionError, match="not stable at horizon 'long-run'"):
        res.effects(horizons=[0, 1])
    with pytest.raises(OptionError, match="not stable at horizon 'long-run'"):
        res.unit_effects("logp", horizon="long-run")


@pytest.mark.parametrize("model", ["sdm", "sac"])
@pytest.mark.parametrize("effects", ["unit", "two-way"])
def test_the_dynamic_bias_by_dense_matrices(lattice, model, effects):
    """Traces of D^-1, W D^-1, G D^-1, G W D^-1 on the space that is left."""
    w = lattice(5, 6)
    panel = simulated(model, w, w, w, 8, seed=1, tau=0.3, eta=0.1)
    res = nq.fit(
        "y ~ x1 + x2", panel, w, model=model, effects=effects, time_lag=True, space_time_lag=True,
        estimator="ml",
    )  # fmt: skip
    estimate = _estimate_of(res, panel, w, w)
    ours = score_bias_of_units(
        estimate,
        res.spec,
        30,
        log_determinant(w, "exact"),
        log_determinant(w, "exact") if model == "sac" else None,
    )
    basis = linalg.null_space(np.ones((1, 30))) if effects == "two-way" else np.eye(30)
    tau, eta = res.params["dynamic"][["tau", "eta"]]
    rho, lam, dense = estimate.rho[0], estimate.lam, w.sparse.toarray()
    inverse = np.linalg.inv((1 - tau) * np.eye(30) - (rho + eta) * dense)
    g = dense @ np.linalg.inv(np.eye(30) - rho * dense)
    h = dense @ np.linalg.inv(np.eye(30) - lam * dense)

    def trace(matrix):
        return np.trace(basis.T @ matrix @ basis)

    k = len(estimate.coefs)
    truth = np.zeros(k + 4)
    truth[k - 2], truth[k - 1] = trace(inverse), trace(dense @ inverse)
    truth[k] = trace(g @ (tau * np.eye(30) + eta * dense) @ inverse) + trace(g)
    truth[k + 1] = trace(h) if model == "sac" else 0.0
    truth[k + 3] = basis.shape[1] / (2 * res.sigma2)
    np.testing.assert_allclose(ours, truth, rtol=1e-8, atol=1e-9)


def test_the_bias_formula_is_smooth_where_its_partial_fractions_meet(lattice):
    """r = rho where eta = -tau rho: the limit is taken there."""
    w = lattice(5, 5)
    panel = simulated("sdm", w, w, w, 6, tau=0.3)
    res = nq.fit("y ~ x1 + x2", panel, w, time_lag=True, space_time_lag=True, effects="unit")
    estimate = _estimate_of(res, panel, w, w)
    tau = res.params["dynamic", "tau"]
    scores = []
    for shift in (-2e-4, 0.0, 2e-4):
        coefs = estimate.coefs.copy()
        coefs[-1] = -tau * estimate.rho[0] + shift
        moved = info.Estimate(
            coefs, estimate.rho, 0.0, 1.0, estimate.projection, estimate.counts, (0,)
        )
        scores.append(score_bias_of_units(moved, res.spec, 25, log_determinant(w), None))
    np.testing.assert_allclose(scores[1], (scores[0] + scores[2]) / 2, rtol=1e-5)


def test_dynamic_effects_by_brute_force(lattice):
    """Short run, long run and each horizon are what the recursion gives."""
    w = lattice(5, 6)
    panel = simulated("sdm", w, w, w, 9, seed=2, tau=0.4, eta=0.1)
    res = nq.fit("y ~ x1 + x2", panel, w, time_lag=True, space_time_lag=True)
    n, dense = 30, w.sparse.toarray()
    tau, eta = res.params["dynamic"][["tau", "eta"]]
    rho = res.params["spatial", "rho"]
    beta, theta = res.params["x", "x1"], res.params["wx", "x1"]
    impulse = beta * np.eye(n) + theta * dense
    a = np.linalg.inv(np.eye(n) - rho * dense)
    step = a @ (tau * np.eye(n) + eta * dense)
    effects = res.effects(draws=300, seed=0, horizons=range(200))

    def summary(s):
        return [np.trace(s) / n, s.sum() / n - np.trace(s) / n, s.sum() / n]

    table = effects.wide()
    np.testing.assert_allclose(table.loc[("x1", "short-run")], summary(a @ impulse), rtol=1e-9)
    long = np.linalg.solve((1 - tau) * np.eye(n) - (rho + eta) * dense, impulse)
    np.testing.assert_allclose(table.loc[("x1", "long-run")], summary(long), rtol=1e-9)
    response = a @ impulse
    for h in range(5):
        np.testing.assert_allclose(table.loc[("x1", h)], summary(response), rtol=1e-9)
        response = step @ response
    path = effects.frame[
        (effects.frame["variable"] == "x1")
        & (effects.frame["effect"] == "total")
        & ~effects.frame["horizon"].isin(["short-run", "long-run"])
    ]
    assert path["estimate"].sum() == pytest.approx(table.loc[("x1", "long-run"), "total"], rel=1e-6)
    short = effects.frame[effects.frame["horizon"] == "short-run"]
    now = effects.frame[effects.frame["horizon"] == 0]
    np.testing.assert_allclose(now["std_error"], short["std_error"], rtol=1e-8)
    assert effects.at("long-run").wide().shape == (2, 3)
    with pytest.raises(OptionError, match="no effects at horizon 'static'"):
        effects.at("static")
    by_unit = res.unit_effects("x1", horizon="long-run")
    np.testing.assert_allclose(by_unit["own"], np.diag(long), rtol=1e-9)


@pytest.mark.parametrize("horizon", ["short-run", "long-run"])
def test_delta_gradient_of_dynamic_effects(lattice, horizon):
    from tests.regression.test_effects import gradient_by_differences

    w = lattice(5, 6)
    panel = simulated("sdm", w, w, w, 9, seed=2, tau=0.4, eta=0.1)
    res = nq.fit("y ~ x1 + x2", panel, w, time_lag=True, space_time_lag=True, durbin="x2")
    ours, numerical = gradient_by_differences(res, horizon)
    np.testing.assert_allclose(ours, numerical, rtol=1e-5, atol=1e-8)


def test_a_dynamic_model_loses_its_first_period(lattice):
    w = lattice(5, 5)
    panel = simulated("sdm", w, w, w, 6, tau=0.3)
    res = nq.fit("y ~ x1 + x2", panel, w, time_lag=True)
    assert res.n_periods == 5
    assert res.nobs == 125
    assert sorted(set(res.resid.index.get_level_values("period"))) == [1, 2, 3, 4, 5]
    assert res.fixed_effects.period.index.tolist() == [1, 2, 3, 4, 5]
    rebuilt = res.fitted + res.resid
    wanted = panel.frame["y"].loc[rebuilt.index]
    np.testing.assert_allclose(rebuilt, wanted)
    assert "Dynamic spatial Durbin model" in res.summary


def test_recovery_of_a_large_dynamic_panel(lattice):
    w = lattice(20, 20)
    panel = simulated("sdm", w, w, w, 20, seed=5, tau=0.5, eta=-0.1)
    res = nq.fit("y ~ x1 + x2", panel, w, time_lag=True, space_time_lag=True)
    truth = {"tau": 0.5, "eta": -0.1}
    for name, value in truth.items():
        miss = res.params["dynamic", name] - value
        assert abs(miss) < 4 * res.std_errors["dynamic", name]
    assert abs(res.params["spatial", "rho"] - 0.35) < 4 * res.std_errors["spatial", "rho"]


def test_options_of_the_family(lattice):
    w = lattice(5, 5)
    panel = simulated("sdm", w, w, w, 6, tau=0.3)
    with pytest.raises(OptionError, match="cannot be transformed away, the past being among"):
        nq.fit("y ~ x1", panel, w, time_lag=True, correction="transformation")
    with pytest.raises(OptionError, match="needs 3 periods or more, this panel has 2"):
        nq.fit("y ~ x1", panel.select(periods=[0, 1]), w, time_lag=True)
    with pytest.raises(PanelError, match=r"a dynamic model .* equal steps.*the step is not 1"):
        nq.fit("y ~ x1", panel.select(periods=[0, 1, 3, 4]), w, time_lag=True)
    with pytest.raises(OptionError, match=r"has weights of y, x; got them for y"):
        nq.fit("y ~ x1", panel, {"y": w})
    with pytest.raises(OptionError, match=r"has weights of u; got them for y, u"):
        nq.fit("y ~ x1", panel, {"y": w, "u": w}, model="sem")
    with pytest.raises(OptionError, match="needs weights whose rows add to one"):
        nq.fit("y ~ x1", panel, w.standardize("spectral"), correction="transformation")
    with pytest.raises(OptionError, match="horizons are of dynamic models"):
        nq.fit("y ~ x1", panel, w).effects(horizons=[1])
    res = nq.fit("y ~ x1 + x2", panel, w, time_lag=True)
    with pytest.raises(OptionError, match="horizons must be whole numbers from 0"):
        res.effects(horizons=[-1])
    spectral = nq.fit(
        "y ~ x1", panel, w.standardize("spectral"), time_lag=True, effects="unit", estimator="ml"
    )
    with pytest.raises(OptionError, match="need one W whose rows add to one"):
        spectral.effects(horizons=[1])
    with pytest.raises(OptionError, match="horizon must be one of short-run, long-run"):
        res.unit_effects("x1", horizon="static")


def test_an_explosive_panel_cannot_be_corrected(lattice):
    w = lattice(5, 5)
    panel = simulated("sdm", w, w, w, 8, tau=0.7, eta=0.1, burn=30)
    with pytest.raises(ConvergenceError, match="does not return to where it was"):
        nq.fit(
            "y ~ x1 + x2", panel, w, time_lag=True, space_time_lag=True, effects="unit",
            estimator="ml",
        )  # fmt: skip
