"""Robust standard errors of OLS and SLX: statsmodels, linearmodels, and Stock and Watson's sums."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from tests.parity import agree

PEER = {"program": "statsmodels", "data": "simulated panels"}


def unequal(n, t=1, seed=0, w=None):
    """y = 1 + x + e, where the standard deviation of e is 1.5 |x|."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, t))
    y = 1 + x + 1.5 * abs(x) * rng.normal(size=(n, t))
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()})
    frame["id"], frame["t"] = np.repeat(np.arange(n), t), np.tile(range(t), n)
    return nq.SpatialPanel(frame, unit="id", period="t")


@pytest.mark.parity
@pytest.mark.parametrize("t", [1, 4])
def test_without_effects_it_is_hc1_of_statsmodels(t):
    panel = unequal(200, t)
    ours = nq.fit("y ~ x", panel, model="ols", effects="none", covariance="robust")
    theirs = sm.OLS(panel.frame["y"], sm.add_constant(panel.frame["x"])).fit(cov_type="HC1")
    agree("OLS: HC1", ours.std_errors, theirs.bse, rtol=1e-10, case=f"T = {t}", **PEER)
    usual = nq.fit("y ~ x", panel, model="ols", effects="none")
    assert ours.std_errors["x", "x"] > 1.3 * usual.std_errors["x", "x"]


@pytest.mark.parity
def test_spatial_lags_of_regressors_are_regressors(lattice):
    w = lattice(10, 10)
    panel = unequal(100)
    x = panel.frame["x"].to_numpy()
    z = np.column_stack([np.ones(100), x, w.sparse @ x])
    ours = nq.fit("y ~ x", panel, w, model="slx", effects="none", covariance="robust")
    theirs = sm.OLS(panel.frame["y"].to_numpy(), z).fit(cov_type="HC1")
    agree("SLX: HC1", ours.std_errors, theirs.bse, rtol=1e-10, **PEER)


@pytest.mark.parity
def test_period_effects_are_dummy_variables():
    """HC1 with a dummy for each period, which K counts."""
    panel = unequal(60, 4)
    frame = panel.frame.reset_index()
    dummies = pd.get_dummies(frame["period"]).to_numpy(float)
    z = np.column_stack([frame["x"], dummies])
    ours = nq.fit("y ~ x", panel, model="ols", effects="period", covariance="robust")
    theirs = sm.OLS(frame["y"].to_numpy(), z).fit(cov_type="HC1")
    error = ours.std_errors["x", "x"]
    agree("OLS, period effects: HC1", error, theirs.bse[0], rtol=1e-10, **PEER)


@pytest.mark.parametrize("effects", ["unit", "two-way"])
def test_stock_and_watson_by_loops(effects):
    """Equation 6 of Stock and Watson (2008), written with their divisors."""
    n, t = 40, 5
    panel = unequal(n, t, seed=4)
    x, y = panel.values("x"), panel.values("y")
    if effects == "two-way":
        x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    beta = (x * y).sum() / (x * x).sum()
    e = y - beta * x
    periods = t - 1
    free = n * periods - 1 if effects == "unit" else (n - 1) * periods - 1
    plain = (x**2 * e**2).sum() / free
    bias = 0.0
    for i in range(n):
        bias += (x[i] ** 2).mean() * (e[i] ** 2).sum() / (t - 1) / n
    bias *= n * periods / free
    middle = (t - 1) / (t - 2) * (plain - bias / (t - 1))
    variance = n * t * middle / (x**2).sum() ** 2
    ours = nq.fit("y ~ x", panel, model="ols", effects=effects, covariance="robust")
    assert ours.std_errors["x", "x"] ** 2 == pytest.approx(variance, rel=1e-10)


@pytest.mark.parity
def test_two_periods_are_one_regression_of_differences():
    """HC1 of the differences, which have no intercept without period effects."""
    panel = unequal(50, 2, seed=2)
    x, y = np.diff(panel.values("x"))[:, 0], np.diff(panel.values("y"))[:, 0]
    ours = nq.fit("y ~ x", panel, model="ols", effects="unit", covariance="robust")
    theirs = sm.OLS(y, x).fit(cov_type="HC1")
    error = ours.std_errors["x", "x"]
    agree("OLS, unit effects, T = 2: HC1", error, theirs.bse[0], rtol=1e-10, **PEER)


@pytest.mark.parity
def test_dynamic_models_have_it_too():
    """Without fixed effects a lagged outcome is a regressor like others."""
    panel = unequal(50, 6, seed=3)
    ours = nq.fit(
        "y ~ x", panel, model="ols", effects="none", time_lag=True, covariance="robust",
        estimator="ml",
    )  # fmt: skip
    y, x = panel.values("y"), panel.values("x")
    z = np.column_stack([np.ones(250), x[:, 1:].ravel(), y[:, :-1].ravel()])
    theirs = sm.OLS(y[:, 1:].ravel(), z).fit(cov_type="HC1")
    agree("OLS with y(t-1): HC1", ours.std_errors, theirs.bse, rtol=1e-8, **PEER)


@pytest.mark.parametrize("effects", ["none", "unit"])
def test_intervals_contain_the_slope_where_variances_differ(effects):
    """Nominal 95 %: the usual standard errors reach some 75 % here."""
    n, t = (200, 1) if effects == "none" else (60, 5)
    hits = {"robust": 0, "observed": 0}
    for seed in range(200):
        panel = unequal(n, t, seed=1000 + seed)
        for kind in hits:
            res = nq.fit("y ~ x", panel, model="ols", effects=effects, covariance=kind)
            low, high = res.conf_int().loc[("x", "x")]
            hits[kind] += low <= 1 <= high
    assert 182 <= hits["robust"] <= 199
    assert hits["observed"] < 174


@pytest.mark.parametrize(
    ("options", "advised"),
    [
        ({"effects": "unit", "estimator": "ml"}, {"effects": "unit", "estimator": "m"}),
        ({"effects": "period", "time_lag": True}, {"effects": "unit", "time_lag": True}),
        (
            {"effects": "unit", "estimator": "ml", "time_lag": True},
            {"effects": "unit", "estimator": "m", "time_lag": True},
        ),
    ],
)
def test_what_is_advised_instead_of_robust_exists(states, options, advised):
    panel, w = states
    call = {"formula": "lgsp ~ lpc", "panel": panel, "weights": w, "model": "sar"}
    with pytest.raises(OptionError, match="robust") as caught:
        nq.fit(**call, covariance="robust", **options)
    assert ("gs2sls" in str(caught.value)) == ("time_lag" not in options)
    assert nq.fit(**call, covariance="robust", **advised).spec.estimator == "m"
