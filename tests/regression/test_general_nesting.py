"""The model with W y, W X and W u: numbers of spatialreg, its special cases, several maxima."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from tests.parity import agree

NAMES = ("afcon", "eire", "usedcars", "baltimore", "boston")


def cross_section(folder, name):
    """Data and weights of one reference, with columns that a formula can name."""
    frame = pd.read_csv(folder / f"{name}.csv").rename(
        columns=lambda column: column.replace(".", "_")
    )
    edges = pd.read_csv(folder / f"{name}_W_weights.csv")
    ids = np.arange(1, len(frame) + 1)
    dense = np.zeros((len(ids), len(ids)))
    dense[edges["focal"] - 1, edges["neighbor"] - 1] = edges["weight"]
    panel = nq.SpatialPanel(frame.assign(uid=ids), unit="uid")
    return panel, nq.weights.from_dense(dense, ids).standardize("row")


@pytest.mark.parity
@pytest.mark.parametrize("name", NAMES)
def test_sacsarlm_with_durbin_terms(nqp_data, name):
    """Its optimiser stops at about 1e-6; log-likelihoods agree to rounding."""
    folder = nqp_data / "reference" / "spatialreg"
    entry = json.loads((folder / "results.json").read_text())[f"{name}_W"]
    panel, w = cross_section(folder, name)
    formula = entry["formula"].replace("price.1960", "price_1960").replace("tax.ch", "tax_ch")
    res = nq.fit(formula, panel, w, model="gns", effects="none")
    theirs = entry["gns"]
    other = {"program": "spatialreg", "version": "1.2.6", "data": name}
    stops = "spatialreg's optimiser stops at about 1e-6"
    agree("GNS: log-likelihood", res.loglik, theirs["ll"], atol=1e-9, **other)
    rho, lam = res.params["spatial", "rho"], res.params["spatial", "lam"]
    agree("GNS: rho", rho, theirs["rho"], atol=1e-6, reason=stops, **other)
    agree("GNS: lam", lam, theirs["lambda"], atol=1.2e-6, reason=stops, **other)
    coefs = list(theirs["coef"].values())
    agree("GNS: coefficients", res.params.iloc[:-2], coefs, atol=2e-6, reason=stops, **other)
    sar, sdem = (nq.fit(formula, panel, w, model=m, effects="none") for m in ("sdm", "sdem"))
    assert res.loglik >= max(sar.loglik, sdem.loglik) - 1e-9


def test_parameters_are_recovered(lattice, simulate):
    w = lattice(20, 20)
    estimates = {"ml": [], "gs2sls": []}
    rng = np.random.default_rng(0)
    dense = w.sparse.toarray()
    a, b = (np.linalg.inv(np.eye(400) - x * dense) for x in (0.4, 0.5))
    for _ in range(6):
        x = rng.normal(size=(400, 3))
        y = a @ (x + 1.5 * dense @ x + b @ rng.normal(size=(400, 3)))
        index = {"u": np.repeat(np.arange(400), 3), "t": np.tile(np.arange(3), 400)}
        frame = pd.DataFrame(index | {"x": x.ravel(), "y": y.ravel()})
        panel = nq.SpatialPanel(frame, unit="u", period="t")
        for estimator, values in estimates.items():
            res = nq.fit(
                "y ~ x", panel, w, model="gns", effects="none", estimator=estimator
            ).params  # fmt: skip
            values.append([*res["spatial"], res["x", "x"], res["wx", "x"]])
    for estimator, values in estimates.items():
        gaps = np.mean(values, axis=0) - [0.4, 0.5, 1.0, 1.5]
        assert np.abs(gaps).max() < (0.06 if estimator == "ml" else 0.12), estimator


def test_words_effects_and_notes(states):
    panel, w = states
    res = nq.fit("lgsp ~ lpc + lemp", panel, w, model="gns", effects="unit")
    assert res.spec.describe() == "General nesting spatial model (GNS), unit fixed effects"
    rho, (beta, theta) = res.params["spatial", "rho"], res.params.xs("lpc", level=1)
    total = (
        res.effects(method="delta").frame.set_index(["variable", "effect"]).loc[("lpc", "total")]
    )
    assert total["estimate"] == pytest.approx((beta + theta) / (1 - rho), rel=1e-9)
    dynamic = nq.fit("lgsp ~ lpc", panel, w, model="gns", time_lag=True, correction="none")
    assert dynamic.spec.describe().startswith("Dynamic general nesting spatial model (GNS)")


@pytest.mark.parametrize("model", ["sac", "gns"])
def test_notes_where_rho_and_lam_substitute_for_each_other(lattice, model):
    """Without a regressor that matters, the data know only the sum of rho and lam."""
    w = lattice(12, 12)
    rng = np.random.default_rng(3)
    y = np.linalg.solve(np.eye(144) - 0.6 * w.sparse.toarray(), rng.normal(size=144))
    frame = pd.DataFrame({"u": np.arange(144), "x": rng.normal(size=144), "y": y})
    res = nq.fit("y ~ x", nq.SpatialPanel(frame, unit="u"), w, model=model, effects="none")
    correlation = res.cov.loc[("spatial", "rho"), ("spatial", "lam")]
    correlation = correlation / np.prod(res.std_errors["spatial"])
    noted = any("hardly identified separately" in note for note in res.notes)
    assert noted == (abs(correlation) >= 0.9) == (model == "gns")
    assert any("2 different maxima were found" in note for note in res.notes)
    assert res.convergence.n_maxima == 2
    # Each maximum is one that an ascent from the exchanged values reaches too.
    exchanged = nq.fit("y ~ 1", nq.SpatialPanel(frame, unit="u"), w, model="sac", effects="none")
    assert exchanged.convergence.n_maxima == 2


# -- no regressors ---------------------------------------------------------------------------------


def pure(panel, w, effects, *, lam=False):
    """Rho (lam) that maximises the likelihood of demeaned data without regressors, by a grid."""
    from scipy.optimize import minimize_scalar

    y, dense = panel.values("y"), w.sparse.toarray()
    n, t = y.shape

    def demeaned(array):
        array = array - array.mean(axis=1, keepdims=True)
        return array - array.mean(axis=0) if effects == "two-way" else array

    left, lag_y = demeaned(y), demeaned(dense @ (demeaned(y) if lam else y))
    size, periods = (n - (effects == "two-way")) * (t - 1), t - 1

    def loss(x):
        logdet = np.linalg.slogdet(np.eye(n) - x * dense)[1]
        logdet -= np.log(1 - x) if effects == "two-way" else 0.0
        return size / 2 * np.log(((left - x * lag_y) ** 2).sum()) - periods * logdet

    return minimize_scalar(loss, bounds=(-0.95, 0.95), method="bounded", options={"xatol": 1e-10}).x


@pytest.mark.parametrize("effects", ["unit", "two-way"])
@pytest.mark.parametrize("model", ["sar", "sem"])
def test_spatial_autoregression_without_regressors(lattice, simulate, model, effects):
    w = lattice(5, 5)
    panel = simulate(w, 6, seed=2)
    res = nq.fit("y ~ 1", panel, w, model=model, effects=effects)
    assert res.params.to_numpy() == pytest.approx(
        [pure(panel, w, effects, lam=model == "sem")], abs=1e-6
    )
    assert 0 < res.std_errors.iloc[0] < 0.2
    dynamic = nq.fit("y ~ 1", panel, w, model=model, effects=effects, time_lag=True)
    assert dynamic.params.index.tolist()[0] == ("dynamic", "tau")


def test_models_of_lags_without_regressors(lattice, simulate):
    w = lattice(5, 5)
    panel = simulate(w, 6, seed=2)
    durbin, plain = (nq.fit("y ~ 1", panel, w, model=model) for model in ("sdm", "sar"))
    assert durbin.params.equals(plain.params)
    assert "no regressors have a spatial lag: the model has no W X" in durbin.notes
    for model in ("slx", "ols"):
        with pytest.raises(OptionError, match="has no coefficients to estimate; name regressors"):
            nq.fit("y ~ 1", panel, w, model=model)
    with pytest.raises(OptionError, match="1 coefficients need as many instruments, there are 0"):
        nq.fit("y ~ 1", panel, w, model="sar", estimator="gs2sls")
    moments = nq.fit("y ~ 1", panel, w, model="sem", estimator="gs2sls")
    likelihood = nq.fit("y ~ 1", panel, w, model="sem")
    gap = abs(moments.params.iloc[0] - likelihood.params.iloc[0])
    assert gap < 2 * likelihood.std_errors.iloc[0]
