"""Random effects that are not spatial, and serial correlation: dense likelihoods, splm."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from nqp_spatial.regression.likelihood import error_components as module
from tests.parity import agree

SPATIAL = {
    "ols": (0, 0, 0),
    "sar": (1, 0, 0),
    "sem": (0, 0, 1),
    "sdem": (0, 1, 1),
    "sac": (1, 0, 1),
    "gns": (1, 1, 1),
}


def simulated(
    w, model, periods=5, seed=0, *, psi=0.0, sigma_mu=1.0, errors="bsk", rho=0.3, lam=0.4
):
    """A panel whose unit effects are spatial ("kkp") or not ("bsk")."""
    has_rho, has_lags, has_lam = SPATIAL[model]
    rng = np.random.default_rng(seed)
    n, dense = w.n_units, w.sparse.toarray()
    a, b = np.eye(n) - has_rho * rho * dense, np.eye(n) - has_lam * lam * dense
    x = rng.normal(size=(n, periods)) + rng.normal(size=(n, 1))
    e = rng.normal(size=(n, periods))
    e[:, 0] /= np.sqrt(1 - psi**2)
    for t in range(1, periods):
        e[:, t] += psi * e[:, t - 1]
    mu = sigma_mu * rng.normal(size=(n, 1))
    u = np.linalg.solve(b, mu + e) if errors == "kkp" else mu + np.linalg.solve(b, e)
    y = np.linalg.solve(a, 1 + x + has_lags * 0.5 * dense @ x + u)
    index = {"u": np.repeat(np.arange(n), periods), "t": np.tile(np.arange(periods), n)}
    frame = pd.DataFrame(index | {"x": x.ravel(), "y": y.ravel()})
    return nq.SpatialPanel(frame, unit="u", period="t")


def gaussian(panel, w, model, *, errors, has_phi=True, serial=True):
    """The log-likelihood of (coefs, rho, lam, phi, psi, sigma2), with the covariance of y."""
    has_rho, has_lags, has_lam = SPATIAL[model]
    y, x, dense = panel.values("y"), panel.values("x"), w.sparse.toarray()
    n, t = y.shape
    columns = [np.ones(n * t), x.ravel(), *([(dense @ x).ravel()] if has_lags else [])]
    z, k = np.column_stack(columns), len(columns)

    def split(params):
        others = list(params[k:-1])
        values = [
            others.pop(0) if has else default
            for has, default in ((has_rho, 0.0), (has_lam, 0.0), (has_phi, 1.0), (serial, 0.0))
        ]
        return params[:k], *values, params[-1]

    def loglik(params):
        coefs, rho, lam, phi, psi, sigma2 = split(params)
        variance = sigma2 * (1 / phi**2 - 1) / t
        gaps = np.abs(np.subtract.outer(np.arange(t), np.arange(t)))
        serial_part = sigma2 * psi**gaps / (1 - psi**2)
        inverse = np.linalg.inv(np.eye(n) - lam * dense)
        spatial = inverse @ inverse.T
        if errors == "kkp":
            cov = np.kron(spatial, variance * np.ones((t, t)) + serial_part)
        else:
            cov = np.kron(np.eye(n), variance * np.ones((t, t))) + np.kron(spatial, serial_part)
        gap = (y - rho * dense @ y).ravel() - z @ coefs
        jacobian = t * np.linalg.slogdet(np.eye(n) - rho * dense)[1]
        square = gap @ np.linalg.solve(cov, gap)
        return jacobian - 0.5 * (np.linalg.slogdet(2 * np.pi * cov)[1] + square)

    return loglik


def derivatives(function, at, size=1e-4):
    """Gradient and Hessian by central differences."""
    steps = size * np.maximum(0.1, np.abs(at)) * np.eye(len(at))
    scale = np.diag(steps)
    gradient = np.array([function(at + s) - function(at - s) for s in steps]) / (2 * scale)
    hessian = np.empty((len(at), len(at)))
    for i, one in enumerate(steps):
        for j, two in enumerate(steps[: i + 1]):
            corners = [function(at + a * one + b * two) for a in (1, -1) for b in (1, -1)]
            change = corners[0] - corners[1] - corners[2] + corners[3]
            hessian[i, j] = hessian[j, i] = change / (4 * scale[i] * scale[j])
    return gradient, hessian


CASES = [
    ("sem", "bsk", False, "random"),
    ("gns", "bsk", False, "random"),
    ("sac", "bsk", False, "random"),
    ("sdem", "bsk", False, "random"),
    ("sem", "bsk", True, "random"),
    ("sac", "kkp", True, "random"),
    ("sem", "kkp", True, "random"),
    ("sar", "kkp", True, "random"),
    ("ols", "kkp", True, "random"),
    ("sem", "kkp", True, "none"),
    ("ols", "kkp", True, "none"),
    ("gns", "bsk", True, "random"),
]


@pytest.mark.parametrize(("model", "errors", "serial", "effects"), CASES)
def test_likelihood_and_hessian_by_brute_force(neighbours, model, errors, serial, effects):
    w = neighbours(20, 4, seed=1)
    psi = 0.4 if serial else 0.0
    sigma_mu = float(effects == "random")
    panel = simulated(w, model, seed=5, psi=psi, errors=errors, sigma_mu=sigma_mu)
    res = nq.fit(
        "y ~ x", panel, None if model == "ols" else w, model=model, effects=effects,
        random_errors=errors if effects == "random" else "kkp", serial=serial,
    )  # fmt: skip
    loglik = gaussian(panel, w, model, errors=errors, has_phi=effects == "random", serial=serial)
    estimates = np.array([*res.params, res.sigma2])
    assert res.loglik == pytest.approx(loglik(estimates), abs=1e-9)
    gradient, hessian = derivatives(loglik, estimates)
    cov = np.linalg.inv(-hessian)
    assert np.abs(gradient * np.sqrt(np.diag(cov))).max() < 2e-5
    assert res.cov.to_numpy() == pytest.approx(cov[:-1, :-1], rel=2e-4, abs=2e-6)
    assert res.sigma2_std_error == pytest.approx(np.sqrt(cov[-1, -1]), rel=1e-4)


@pytest.mark.parametrize(("errors", "serial"), [("bsk", False), ("bsk", True), ("kkp", True)])
def test_predicted_effects_and_innovations(neighbours, errors, serial):
    """E(mu | u) = sigma2_mu (1' x I) V^-1 u by dense matrices; then e, then v."""
    w = neighbours(12, 4, seed=1)
    panel = simulated(w, "sem", seed=3, psi=0.4 * serial, errors=errors)
    options = {"effects": "random", "random_errors": errors, "serial": serial}
    res = nq.fit("y ~ x", panel, w, model="sem", **options)
    n, t = 12, 5
    lam, phi = res.params["spatial", "lam"], res.params["random", "phi"]
    psi = res.params["random", "psi"] if serial else 0.0
    variance = res.sigma2 * (1 / phi**2 - 1) / t
    assert res.fixed_effects.variance == pytest.approx(variance)
    b = np.eye(n) - lam * w.sparse.toarray()
    spatial = np.linalg.inv(b.T @ b)
    gaps = np.abs(np.subtract.outer(np.arange(t), np.arange(t)))
    serial_part = np.kron(spatial, res.sigma2 * psi**gaps / (1 - psi**2))
    shared = spatial if errors == "kkp" else np.eye(n)
    common = np.kron(shared, variance * np.ones((t, t)))
    u = panel.values("y") - res.params["x", "Intercept"] - res.params["x", "x"] * panel.values("x")
    weights = np.linalg.solve(common + serial_part, u.ravel())
    mu = (common @ weights).reshape(n, t)[:, 0]
    expected = b @ mu if errors == "kkp" else mu
    assert res.fixed_effects.unit.to_numpy() == pytest.approx(expected, abs=1e-8)
    e = b @ (u - mu[:, None])
    v = np.column_stack([e[:, 0], e[:, 1:] - psi * e[:, :-1]])
    assert res.resid.to_numpy() == pytest.approx(v.ravel(), abs=1e-8)
    trend = (panel.values("y") - np.linalg.solve(b, e)).ravel()
    assert res.predict(kind="trend").to_numpy() == pytest.approx(trend, abs=1e-8)
    other = res.predict(panel)
    assert other.to_numpy() == pytest.approx(trend, abs=1e-8)


@pytest.mark.parity
@pytest.mark.parametrize(
    ("name", "unit", "period"), [("rice", "id", "time"), ("ins", "code", "year")]
)
def test_splm_with_errors_of_baltagi_song_and_koh(nqp_data, name, unit, period):
    """spml(spatial.error = "b"): its optimiser stops at about 1e-7; log-likelihoods agree."""
    folder = nqp_data / "reference" / "splm"
    entry = json.loads((folder / "results.json").read_text())[name]
    frame, edges = (pd.read_csv(folder / f"{name}{end}.csv") for end in ("", "_weights"))
    ids = pd.Index(frame[unit].unique())
    dense = np.zeros((len(ids), len(ids)))
    dense[ids.get_indexer(edges["focal"]), ids.get_indexer(edges["neighbor"])] = edges["weight"]
    w = nq.weights.from_dense(dense, ids).standardize("row")
    panel = nq.SpatialPanel(frame, unit=unit, period=period)
    options = {"model": "sem", "effects": "random", "random_errors": "bsk"}
    res, theirs = nq.fit(entry["formula"], panel, w, **options), entry["re_b"]
    other = {"program": "splm", "version": "1.6.5", "data": name}
    stops = "splm's optimiser stops at about 1e-7"
    coefs, parts = list(theirs["coef"].values()), theirs["errcomp"]
    agree("SEM, random effects: log-likelihood", res.loglik, theirs["ll"], atol=1e-8, **other)
    label = "SEM, random effects: coefficients"
    agree(label, res.params["x"], coefs, rtol=2e-7, atol=1e-12, reason=stops, **other)
    lam, ratio = res.params["spatial", "lam"], res.fixed_effects.variance / res.sigma2
    agree("SEM, random effects: lam", lam, parts["rho"], atol=1e-7, reason=stops, **other)
    agree("SEM, random effects: phi", ratio, parts["phi"], rtol=1e-6, reason=stops, **other)


def test_many_units_by_sparse_factors(neighbours, monkeypatch):
    w = neighbours(40, 4, seed=1)
    panel = simulated(w, "sac", seed=2, psi=0.3)
    options = {"model": "sac", "effects": "random", "random_errors": "bsk", "serial": True}
    dense = nq.fit("y ~ x", panel, w, **options)
    monkeypatch.setattr(module, "_DENSE_UP_TO", 0)
    sparse = nq.fit("y ~ x", panel, w, **options)
    assert sparse.params.to_numpy() == pytest.approx(dense.params.to_numpy(), abs=1e-7)
    assert sparse.loglik == pytest.approx(dense.loglik, abs=1e-9)
    assert sparse.cov.to_numpy() == pytest.approx(dense.cov.to_numpy(), rel=1e-5, abs=1e-9)


@pytest.mark.slow
def test_parameters_are_recovered_with_their_standard_errors(neighbours):
    w = neighbours(60, 5, seed=2)
    truth = pd.Series({"lam": 0.4, "psi": 0.5, "x": 1.0})
    rows = []
    for seed in range(30):
        panel = simulated(w, "sem", periods=6, seed=seed, psi=0.5)
        res = nq.fit(
            "y ~ x", panel, w, model="sem", effects="random", random_errors="bsk", serial=True
        )
        keys = [("spatial", "lam"), ("random", "psi"), ("x", "x")]
        rows.append((res.params[keys].to_numpy() - truth.to_numpy()) / res.std_errors[keys])
    z = np.array(rows)
    assert np.abs(z.mean(axis=0)).max() < 3.2 / np.sqrt(30) + 0.15  # the usual bias of lam
    assert np.all((z.std(axis=0) > 0.65) & (z.std(axis=0) < 1.4))


def test_without_unit_variance_the_effects_are_dropped(neighbours):
    w = neighbours(40, 5, seed=2)
    options = {"model": "sem", "random_errors": "bsk"}
    for seed in range(6):
        panel = simulated(w, "sem", periods=4, seed=seed, sigma_mu=0.0)
        res = nq.fit("y ~ x", panel, w, effects="random", **options)
        if ("random", "phi") not in res.params.index:
            break
    assert any("estimated as zero: phi = 1" in note for note in res.notes)
    pooled = nq.fit("y ~ x", panel, w, model="sem", effects="none")
    assert res.params.to_numpy() == pytest.approx(pooled.params.to_numpy(), abs=1e-7)
    assert res.loglik == pytest.approx(pooled.loglik, abs=1e-9)
    assert res.cov.to_numpy() == pytest.approx(pooled.cov.to_numpy(), rel=1e-5, abs=1e-9)


def test_effects_words_and_correlated_random_effects(neighbours):
    w = neighbours(40, 5, seed=2)
    panel = simulated(w, "gns", seed=1, psi=0.3)
    res = nq.fit(
        "y ~ x", panel, w, model="gns", effects="correlated-random", random_errors="bsk",
        serial=True,
    )  # fmt: skip
    words = res.spec.describe()
    assert "unit effects not spatial (Baltagi, Song and Koh), serially correlated errors" in words
    assert ("mean", "x") in res.params.index
    assert np.isfinite(res.effects(seed=1).frame["std_error"]).all()
    # Without spatial errors both forms would be the same model.
    with pytest.raises(OptionError, match="model='sar' has none; use model='sem', 'sdem', 'sac'"):
        nq.fit("y ~ x", panel, w, model="sar", effects="random", random_errors="bsk")


def test_options(neighbours):
    w = neighbours(20, 4, seed=1)
    panel = simulated(w, "sem", periods=4)
    with pytest.raises(OptionError, match="says where random unit effects enter"):
        nq.fit("y ~ x", panel, w, model="sem", random_errors="bsk")
    options = {"model": "sem", "effects": "random", "random_errors": "bsk"}
    with pytest.raises(OptionError, match="has covariance='observed' only"):
        nq.fit("y ~ x", panel, w, covariance="expected", **options)
    with pytest.raises(OptionError, match="is estimated by likelihood"):
        nq.fit("y ~ x", panel, w, estimator="gs2sls", **options)
    with pytest.raises(OptionError, match="removing fixed effects mixes the errors"):
        nq.fit("y ~ x", panel, w, model="sem", serial=True)
    with pytest.raises(OptionError, match="needs 3 periods or more, this panel has 2"):
        nq.fit("y ~ x", panel.select(periods=[0, 1]), w, serial=True, **options)
    with pytest.raises(OptionError, match="they model the past"):
        nq.fit("y ~ x", panel, w, model="sem", effects="none", time_lag=True, serial=True)
    res = nq.fit("y ~ x", panel, w, serial=True, **options)
    with pytest.raises(OptionError, match="is predicted by kind='trend' only"):
        res.predict(panel, kind="blup")
