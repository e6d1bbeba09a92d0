"""The wild cluster bootstrap beside a loop that makes each sample and estimates it anew."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError, UnknownColumnError

N, T = 18, 4
WEBB = [-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)]


@pytest.fixture(scope="module")
def clustered(lattice):
    rng = np.random.default_rng(2)
    w = lattice(3, 6)
    side = np.repeat([0, 1, 2, 3, 4], [2, 3, 4, 4, 5])
    x = rng.normal(size=(N, T)) + rng.normal(size=(5, T))[side]
    y = 0.4 * x + rng.normal(size=(N, T)) + rng.normal(size=(5, T))[side]
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel(), "z": rng.normal(size=N * T)})
    frame["id"], frame["t"] = np.repeat(np.arange(N), T), np.tile(range(T), N)
    frame["side"] = np.repeat(side, T)
    return nq.SpatialPanel(frame, unit="id", period="t"), w


def dummies(effects):
    units, periods = np.kron(np.eye(N), np.ones((T, 1))), np.kron(np.ones((N, 1)), np.eye(T))
    return {
        "none": np.ones((N * T, 1)), "unit": units, "period": periods,
        "two-way": np.column_stack([units, periods[:, 1:]]),
    }[effects]  # fmt: skip


def t_statistic(y, z, codes, column, value):
    """Clustered t statistic by least squares with dummies, without a factor."""
    inverse = np.linalg.inv(z.T @ z)
    b = inverse @ z.T @ y
    e = y - z @ b
    scores = np.array([z[codes == g].T @ e[codes == g] for g in np.unique(codes)])
    variance = inverse @ scores.T @ scores @ inverse
    return (b[column] - value) / np.sqrt(variance[column, column])


def p_by_loop(y, z, codes, column, value, samples):
    others = np.delete(z, column, axis=1)
    aim = y - value * z[:, column]
    u = aim - others @ np.linalg.lstsq(others, aim, rcond=None)[0]
    fitted = y - u
    own = t_statistic(y, z, codes, column, value)
    extreme = 0
    for weights in samples:
        other = t_statistic(fitted + np.array(weights)[codes] * u, z, codes, column, value)
        extreme += abs(other) >= abs(own) * (1 - 1e-9)
    return extreme, len(samples)


@pytest.mark.parametrize("effects", ["none", "unit", "period", "two-way"])
@pytest.mark.parametrize(("cluster", "null"), [("side", 0.0), ("t", 0.3)])
def test_all_samples_by_a_loop(clustered, effects, cluster, null):
    """Two regressors; clusters that contain units, and clusters that contain periods."""
    panel, _ = clustered
    result = nq.regression.wild_bootstrap(
        "y ~ x + z", panel, cluster=cluster, effects=effects, variables="x", null=null,
        distribution="rademacher",
    )  # fmt: skip
    codes = np.repeat([0, 1, 2, 3, 4], np.array([2, 3, 4, 4, 5]) * T)
    codes = np.tile(range(T), N) if cluster == "t" else codes
    frame = panel.frame
    z = np.column_stack([frame["x"], frame["z"], dummies(effects)])
    samples = list(itertools.product([-1.0, 1.0], repeat=codes.max() + 1))
    if effects in ("period", "two-way") and cluster == "t":
        # Weights by period: the algebra must remove period effects from each sample anew.
        assert result.spec["replications"] == 16
    extreme, count = p_by_loop(frame["y"].to_numpy(), z, codes, 0, null, samples)
    row = result.frame.iloc[0]
    assert row["p_value"] == extreme / count
    res = nq.fit(
        "y ~ x + z", panel, model="ols", effects=effects, covariance="cluster", cluster=cluster
    )
    assert row["estimate"] == pytest.approx(res.params["x", "x"])
    assert row["std_error"] == pytest.approx(res.std_errors["x", "x"])
    awaited = (res.params["x", "x"] - null) / res.std_errors["x", "x"]
    assert row["statistic"] == pytest.approx(awaited)
    assert any("exact" in note for note in result.notes)


def test_random_samples_by_a_loop(clustered):
    """The same draws of Webb's weights, in the lags of regressors."""
    panel, w = clustered
    result = nq.regression.wild_bootstrap(
        "y ~ x", panel, w, model="slx", effects="unit", cluster="side", replications=199, seed=5
    )
    assert result.spec["distribution"] == "webb"
    assert result.frame[["block", "variable"]].to_numpy().tolist() == [["x", "x"], ["wx", "x"]]
    x = panel.values("x")
    z = np.column_stack([x.ravel(), (w.sparse @ x).ravel(), dummies("unit")])
    codes = np.repeat([0, 1, 2, 3, 4], np.array([2, 3, 4, 4, 5]) * T)
    draws = np.random.default_rng(5).choice(WEBB, size=(5, 199))
    y = panel.frame["y"].to_numpy()
    for column in (0, 1):
        extreme, count = p_by_loop(y, z, codes, column, 0.0, draws.T)
        assert result.frame["p_value"][column] == pytest.approx((extreme + 1) / (count + 1))


def test_limits_are_where_the_p_value_crosses(clustered):
    panel, _ = clustered
    options = {"cluster": "id", "effects": "unit", "replications": 499, "variables": "x"}
    row = nq.regression.wild_bootstrap("y ~ x", panel, **options).frame.iloc[0]
    assert row["conf_low"] < row["estimate"] < row["conf_high"]
    for limit, side in ((row["conf_low"], -1), (row["conf_high"], 1)):
        near, far = (
            nq.regression.wild_bootstrap("y ~ x", panel, null=value, **options).frame["p_value"][0]
            for value in (limit - side * 1e-6, limit + side * 1e-6)
        )
        assert near >= 0.05 > far


def test_three_clusters_reject_nothing(clustered):
    """Eight samples: no p-value is below a quarter, and the interval has no ends."""
    panel, _ = clustered
    panel = panel.assign(third=lambda d: d["side"].clip(upper=2))
    result = nq.regression.wild_bootstrap(
        "y ~ x", panel, cluster="third", distribution="rademacher", effects="none", variables="x"
    )
    assert result.frame["p_value"][0] >= 0.25
    assert np.isinf(result.frame[["conf_low", "conf_high"]].to_numpy()).all()


def test_unknown_variables(clustered):
    panel, _ = clustered
    with pytest.raises(UnknownColumnError, match="not among the regressors"):
        nq.regression.wild_bootstrap("y ~ x", panel, variables="q")
    with pytest.raises(OptionError, match="variables= is empty"):
        nq.regression.wild_bootstrap("y ~ x", panel, variables=[])


@pytest.mark.slow
def test_size_with_six_clusters(clustered):
    """A true hypothesis is rejected in about 5 % of samples; by clustered t tests more often."""
    wild, usual = 0, 0
    side = np.repeat(np.arange(6), 3)
    for seed in range(400):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(N, T)) + rng.normal(size=(6, 1))[side]
        y = rng.normal(size=(N, T)) + rng.normal(size=(6, 1))[side]
        frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel(), "side": np.repeat(side, T)})
        frame["id"], frame["t"] = np.repeat(np.arange(N), T), np.tile(range(T), N)
        panel = nq.SpatialPanel(frame, unit="id", period="t")
        result = nq.regression.wild_bootstrap(
            "y ~ x", panel, cluster="side", effects="none", variables="x", replications=399
        )
        wild += result.frame["p_value"][0] < 0.05
        usual += abs(result.frame["statistic"][0]) > 1.96
    assert 0.025 < wild / 400 < 0.08
    assert usual / 400 > 0.12
