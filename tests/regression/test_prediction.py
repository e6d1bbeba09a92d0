"""Predictions beside dense matrices: in sample, of missing outcomes, of new units and periods."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import MissingValuesError, OptionError, PanelError, UnmatchedIdsError

FORMULA = "lgsp ~ lpc + np.log(lemp) + unemp"


def dense(res, w):
    n = w.n_units
    rho = res.params.get(("spatial", "rho"), 0.0)
    lam = res.params.get(("spatial", "lam"), 0.0)
    m = w.sparse.toarray()
    return np.eye(n) - rho * m, np.eye(n) - lam * m


def structural(res, panel, w):
    """Eta from the coefficients and the fixed effects."""
    shape = (panel.n_units, panel.n_periods)
    columns = {
        "lpc": panel.values("lpc"),
        "np.log(lemp)": np.log(panel.values("lemp")),
        "unemp": panel.values("unemp"),
    }
    eta = np.full(shape, res.fixed_effects.constant or 0.0)
    if ("x", "Intercept") in res.params.index:
        eta = eta + res.params["x", "Intercept"]
    for name, column in columns.items():
        v = column.reshape(shape)
        eta = eta + res.params["x", name] * v
        eta = eta + res.params.get(("wx", name), 0.0) * (w.sparse @ v)
    for kind, axis in (("unit", 1), ("period", 0)):
        if (effects := getattr(res.fixed_effects, kind)) is not None:
            eta = eta + np.expand_dims(effects.to_numpy(), axis)
    return eta


CASES = [
    ("sdm", "two-way"),
    ("sdm", "none"),
    ("sar", "unit"),
    ("sem", "unit"),
    ("sac", "two-way"),
    ("sdem", "two-way"),
    ("sem", "period"),
    ("slx", "period"),
]


@pytest.mark.parametrize(("model", "effects"), CASES)
def test_in_sample_by_dense_matrices(states, model, effects):
    panel, w = states
    res = nq.fit(FORMULA, panel, w, model=model, effects=effects)
    a, b = dense(res, w)
    y = panel.values("lgsp").reshape(panel.n_units, -1)
    trend = np.linalg.solve(a, structural(res, panel, w))
    shape = y.shape
    result = {k: res.predict(kind=k).to_numpy().reshape(shape) for k in ("trend", "direct", "blup")}
    np.testing.assert_allclose(result["trend"], trend, atol=1e-9)
    np.testing.assert_allclose(result["direct"], y - b @ (a @ (y - trend)), atol=1e-9)
    # Each given all others, by the partition of the covariance.
    cov = np.linalg.inv(a.T @ b.T @ b @ a)
    for i in (0, 17, 47):
        others = np.arange(len(y)) != i
        slope = np.linalg.solve(cov[np.ix_(others, others)], cov[others, i])
        np.testing.assert_allclose(
            result["blup"][i], trend[i] + slope @ (y - trend)[others], atol=1e-9
        )


@pytest.mark.parametrize(("model", "effects"), CASES)
def test_the_same_panel_given_again(states, model, effects):
    panel, w = states
    res = nq.fit(FORMULA, panel, w, model=model, effects=effects)
    for kind in ("trend", "direct"):
        again = res.predict(panel, kind=kind)
        np.testing.assert_allclose(again, res.predict(kind=kind), atol=1e-9)
        assert again.index.equals(res.resid.index)


@pytest.mark.parametrize("model", ["sar", "sem", "sdm", "sac"])
def test_missing_outcomes_given_the_others(states, model):
    panel, w = states
    res = nq.fit(FORMULA, panel, w, model=model, effects="unit")
    gone = np.zeros(len(panel.frame), dtype=bool)
    gone[np.random.default_rng(0).choice(len(gone), 60, replace=False)] = True
    holes = panel.assign(lgsp=panel.frame["lgsp"].where(~gone))
    result = res.predict(holes, kind="blup").to_numpy().reshape(panel.n_units, -1)
    a, b = dense(res, w)
    cov = np.linalg.inv(a.T @ b.T @ b @ a)
    trend = np.linalg.solve(a, structural(res, panel, w))
    y, gone = panel.values("lgsp").reshape(trend.shape), gone.reshape(trend.shape)
    for t in range(panel.n_periods):
        o = gone[:, t]
        slope = cov[np.ix_(o, ~o)] @ np.linalg.inv(cov[np.ix_(~o, ~o)])
        np.testing.assert_allclose(
            result[o, t], trend[o, t] + slope @ (y - trend)[~o, t], atol=1e-8
        )
        assert (result[~o, t] == y[~o, t]).all()


def test_neighbours_help(lattice, simulate):
    """Missing outcomes are predicted better with neighbours than without."""
    w = lattice(12, 12)
    panel = simulate(w, 4, rho=0.7, seed=3)
    res = nq.fit("y ~ x1 + x2", panel, w)
    y = panel.frame["y"]
    gone = pd.Series(np.random.default_rng(1).random(len(y)) < 0.1, index=y.index)
    holes = panel.assign(y=y.where(~gone))
    error = {k: (res.predict(holes, kind=k) - y)[gone].std() for k in ("trend", "blup")}
    assert error["blup"] < 0.9 * error["trend"]


def test_new_units(lattice, simulate):
    """A model without unit effects, fitted on one map and used on another."""
    small, large = lattice(8, 8), lattice(9, 11)
    res = nq.fit("y ~ x1 + x2", simulate(small, 4, seed=1), small, effects="none")
    other = simulate(large, 3, seed=2)
    trend = res.predict(other, large).to_numpy().reshape(99, 3)
    x = np.stack([other.values("x1"), other.values("x2")], axis=-1).reshape(99, 3, 2)
    m = large.sparse.toarray()
    eta = res.params["x", "Intercept"] + x @ res.params["x"][["x1", "x2"]].to_numpy()
    eta = eta + np.einsum("ij,jt->it", m, x @ res.params["wx"].to_numpy())
    np.testing.assert_allclose(
        trend, np.linalg.solve(np.eye(99) - res.params["spatial", "rho"] * m, eta), atol=1e-10
    )
    with pytest.raises(UnmatchedIdsError):
        res.predict(other)
    fixed = nq.fit("y ~ x1 + x2", simulate(small, 4, seed=1), small, effects="unit")
    with pytest.raises(PanelError, match="unit effects, and none for 64, 65"):
        fixed.predict(other, large)


def test_new_periods_step_by_step(states):
    """A dynamic model goes on from what it predicts; by recursion with dense matrices."""
    panel, w = states
    past = panel.select(periods=panel.periods[:12])
    res = nq.fit("unemp ~ lpc", past, w, model="sar", effects="unit", time_lag=True, estimator="ml")
    ahead = panel.select(periods=panel.periods[11:])
    known = ahead.frame.index.get_level_values("period") == panel.periods[11]
    holes = ahead.assign(unemp=ahead.frame["unemp"].where(known))
    result = res.predict(holes)
    assert set(result.index.get_level_values("period")) == set(panel.periods[12:])
    a, _ = dense(res, w)
    y = ahead.wide("unemp").iloc[:, 0].to_numpy()
    unit = res.fixed_effects.unit.to_numpy() + res.fixed_effects.constant
    for period in panel.periods[12:]:
        eta = res.params["dynamic", "tau"] * y + unit
        eta = eta + res.params["x", "lpc"] * ahead.wide("lpc")[period].to_numpy()
        y = np.linalg.solve(a, eta)
        np.testing.assert_allclose(result.xs(period, level="period"), y, atol=1e-10)


def test_random_effects_and_levels_of_factors(states):
    panel, w = states
    res = nq.fit(
        "lgsp ~ lpc + C(period)",
        panel.assign(period=lambda d: d.index.get_level_values("period").astype(str)),
        w,
        model="sar",
        effects="random",
    )
    short = panel.assign(period=lambda d: d.index.get_level_values("period").astype(str)).select(
        periods=panel.periods[3:5]
    )
    again = res.predict(short)
    full = res.predict()
    np.testing.assert_allclose(again, full.loc[again.index], atol=1e-9)
    sem = nq.fit("lgsp ~ lpc", panel, w, model="sem", effects="random")
    np.testing.assert_allclose(sem.predict(panel), sem.predict(), atol=1e-9)


def test_refused(states):
    panel, w = states
    res = nq.fit(FORMULA, panel, w)
    with pytest.raises(
        OptionError, match="kind must be one of 'trend', 'direct', 'blup', got 'best'"
    ):
        res.predict(kind="best")
    with pytest.raises(OptionError, match="weights and period_effects are for another panel"):
        res.predict(weights=w)
    later = nq.SpatialPanel(
        panel.frame.reset_index().assign(period=lambda d: d["period"] + 100),
        unit="unit",
        period="period",
    )
    with pytest.raises(
        OptionError,
        match=r"period effects, and none for .* period_effects=",
    ):
        res.predict(later)
    held = res.predict(later, period_effects=dict.fromkeys(later.periods, 0.1))
    shift = (
        held.to_numpy()
        - res.predict(later, period_effects=dict.fromkeys(later.periods, 0.0)).to_numpy()
    )
    np.testing.assert_allclose(shift, 0.1 / (1 - res.params["spatial", "rho"]))
    holes = panel.assign(lgsp=panel.frame["lgsp"].where(np.arange(len(panel.frame)) > 0))
    with pytest.raises(MissingValuesError, match="have no outcome"):
        res.predict(holes, kind="direct")
    with pytest.raises(MissingValuesError):
        res.predict(panel.assign(lpc=np.nan))
    mean = nq.fit(FORMULA, panel, w, effects="correlated-random")
    with pytest.raises(OptionError, match="not offered for correlated random"):
        mean.predict(panel)
