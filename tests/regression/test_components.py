"""LM tests of random effects, spatial errors and serial correlation against the full likelihood.

The likelihood of (sm2, lam, r, s2) is written with dense matrices; its score and the derivatives of
its covariance are taken numerically, at estimates maximised here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import minimize_scalar

import nqp_spatial as nq
from nqp_spatial.regression.diagnostics._component_tests import component_tests
from nqp_spatial.regression.diagnostics._residual_tests import serial_correlation_test
from tests.parity import agree

N, T = 11, 4


def covariance(at, W, periods=T):
    """Return V of (sm2, lam, r, s2), units by periods."""
    sm2, lam, r, s2 = at
    n = len(W)
    b = np.linalg.inv(np.eye(n) - lam * W)
    lags = np.abs(np.subtract.outer(np.arange(periods), np.arange(periods)))
    over_time = r**lags / (1 - r**2)
    return sm2 * np.kron(np.eye(n), np.ones((periods, periods))) + s2 * np.kron(b @ b.T, over_time)


def loglik(at, y, z, W):
    v = covariance(at, W)
    inverse = np.linalg.inv(v)
    e = y - z @ np.linalg.solve(z.T @ inverse @ z, z.T @ inverse @ y)
    return -(np.linalg.slogdet(v)[1] + e @ inverse @ e) / 2


def statistic(at, y, z, W, tested, free):
    """Return the signed root (one parameter) or the quadratic form of the score of `tested`."""
    which, step = [*tested, *free], 1e-4
    scores, slopes = [], []
    for k in which:
        up, down = np.array(at, dtype=float), np.array(at, dtype=float)
        up[k] += step
        down[k] -= step
        scores.append((loglik(up, y, z, W) - loglik(down, y, z, W)) / (2 * step))
        slopes.append((covariance(up, W) - covariance(down, W)) / (2 * step))
    inverse = np.linalg.inv(covariance(at, W))
    information = np.array(
        [[np.trace(inverse @ a @ inverse @ b) / 2 for b in slopes] for a in slopes]
    )
    assert (
        np.abs(np.array(scores[len(tested) :])).max() < 1e-3
    )  # free parameters are at the maximum
    cov = np.linalg.inv(information)
    scores = np.array(scores)
    if len(tested) == 1:
        return scores[0] * np.sqrt(cov[0, 0])
    scores[len(tested) :] = 0
    return scores @ cov @ scores


@pytest.fixture
def world(neighbours):
    w = neighbours(N, 3, seed=2)
    rng = np.random.default_rng(1)
    W = w.sparse.toarray()
    x = rng.normal(size=(N, T))
    noise = rng.normal(size=(N, T))
    for period in range(1, T):
        noise[:, period] += 0.3 * noise[:, period - 1]
    y = 1 + x + 0.9 * rng.normal(size=(N, 1)) + np.linalg.solve(np.eye(N) - 0.3 * W, noise)
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()})
    frame["id"], frame["t"] = np.repeat(np.arange(N), T), np.tile(np.arange(T), N)
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    return panel, w, W, y.ravel(), x.ravel()


def regressors(x, effects):
    if effects == "none":
        return np.column_stack([np.ones(N * T), x])
    return np.column_stack([x, np.kron(np.ones((N, 1)), np.eye(T))])


@pytest.mark.parametrize("effects", ["none", "two-way"])
def test_by_the_full_likelihood(world, effects):
    panel, w, W, y, x = world
    z = regressors(x, effects)
    tests = component_tests("y ~ x", panel, w, effects)
    e = y - z @ np.linalg.lstsq(z, y, rcond=None)[0]
    null = [0.0, 0.0, 0.0, e @ e / (N * T)]
    joint = statistic(null, y, z, W, [0, 1, 2], [3])
    assert tests["BSJK joint"].statistic == pytest.approx(joint, rel=1e-5)
    assert tests["BSJK joint"].p_value == pytest.approx(stats.chi2.sf(joint, 3), rel=1e-4)

    def scaled(ratio, lam):
        """Maximise over s2, given sm2 / s2 and lam."""
        v = covariance([ratio, lam, 0.0, 1.0], W)
        inverse = np.linalg.inv(v)
        u = y - z @ np.linalg.solve(z.T @ inverse @ z, z.T @ inverse @ y)
        s2 = u @ inverse @ u / (N * T)
        return (np.linalg.slogdet(v)[1] + N * T * np.log(s2)) / 2, s2

    options = {"method": "bounded", "options": {"xatol": 1e-10}}
    ratio = minimize_scalar(lambda x: scaled(x, 0.0)[0], bounds=(0.0, 5.0), **options).x
    s2 = scaled(ratio, 0.0)[1]
    given_random = [ratio * s2, 0.0, 0.0, s2]
    z_spatial = statistic(given_random, y, z, W, [1], [0, 3])
    assert tests["BSK LM-lambda"].statistic == pytest.approx(z_spatial, rel=1e-4)
    z_serial = statistic(given_random, y, z, W, [2], [0, 3])
    assert tests["BSJK serial"].statistic == pytest.approx(z_serial, rel=1e-4)
    assert tests["BSJK serial"].p_value == pytest.approx(2 * stats.norm.sf(abs(z_serial)), rel=1e-3)
    lam = minimize_scalar(lambda x: scaled(0.0, x)[0], bounds=(-0.9, 0.95), **options).x
    assert abs(lam) > 0.05
    z_random = statistic([0.0, lam, 0.0, scaled(0.0, lam)[1]], y, z, W, [0], [1, 3])
    assert tests["BSK LM-mu"].statistic == pytest.approx(z_random, rel=1e-4)
    assert tests["BSK LM-mu"].p_value == pytest.approx(stats.norm.sf(z_random), rel=1e-3)


@pytest.mark.parametrize("effects", ["none", "period"])
def test_marginal_tests_by_dense_projections(world, effects):
    panel, w, W, y, x = world
    z = regressors(x, effects)
    M = np.eye(N * T) - z @ np.linalg.pinv(z)
    e, p = M @ y, round(np.trace(M))
    scores = []
    for D in (np.kron(np.eye(N), np.ones((T, T))), np.kron((W + W.T) / 2, np.eye(T))):
        MD, ratio = M @ D, e @ D @ e / (e @ e)
        mean = np.trace(MD) / p
        variance = 2 * (p * np.trace(MD @ MD) - np.trace(MD) ** 2) / (p**2 * (p + 2))
        scores.append((ratio - mean) / np.sqrt(variance))
    tests = component_tests("y ~ x", panel, w, effects)
    assert tests["BSK LM1"].statistic == pytest.approx(scores[0])
    assert tests["BSK LM1"].p_value == pytest.approx(stats.norm.sf(scores[0]))
    assert tests["BSK LM2"].statistic == pytest.approx(scores[1])
    joint = max(scores[0], 0) ** 2 + scores[1] ** 2
    assert tests["BSK joint"].statistic == pytest.approx(joint)
    mixture = (stats.chi2.sf(joint, 1) + stats.chi2.sf(joint, 2)) / 2
    assert tests["BSK joint"].p_value == pytest.approx(mixture)


def test_negative_variance_does_not_count(world):
    panel, w, W, _, x = world
    within = panel.assign(y=lambda d: d["y"] - 1.2 * d.groupby("unit")["y"].transform("mean"))
    tests = component_tests("y ~ x", within, w, "none")
    assert tests["BSK LM1"].statistic < 0
    assert tests["BSK joint"].statistic == pytest.approx(tests["BSK LM2"].statistic ** 2)
    # The variance of the unit effects is at its bound, zero, and is not estimated.
    y, z = within.values("y").ravel(), regressors(x, "none")
    e = y - z @ np.linalg.lstsq(z, y, rcond=None)[0]
    z_serial = statistic([0.0, 0.0, 0.0, e @ e / (N * T)], y, z, W, [2], [3])
    assert tests["BSJK serial"].statistic == pytest.approx(z_serial, rel=1e-5)


def test_what_short_panels_have(world):
    panel, w, *_ = world
    assert not component_tests("y ~ x", panel.select(periods=[0]), w, "none")
    two = component_tests("y ~ x", panel.select(periods=[0, 1]), w, "two-way")
    assert [name for name, test in two.items() if not test.applicable] == [
        "BSJK joint", "BSJK serial",
    ]  # fmt: skip
    assert two["BSJK serial"].reason == "needs three periods, this panel has 2"
    gap = component_tests("y ~ x", panel.select(periods=[0, 1, 3]), w, "none")
    assert "serial correlation" in gap["BSJK joint"].reason
    assert gap["BSK joint"].applicable


@pytest.mark.slow
@pytest.mark.parametrize("effects", ["none", "two-way"])
def test_tests_hold_their_size(lattice, effects):
    """49 units, 5 periods; conditional tests with the component that they allow for."""
    w, n, periods = lattice(7, 7), 49, 5
    W, names = w.sparse.toarray(), {}
    filtered = np.linalg.inv(np.eye(n) - 0.4 * W)
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x, e, mu = (
            rng.normal(size=(n, periods)),
            rng.normal(size=(n, periods)),
            rng.normal(size=(n, 1)),
        )
        common = rng.normal(size=(1, periods)) if effects == "two-way" else 0.0
        cases = {
            ("BSK joint", "BSK LM1", "BSK LM2", "BSJK joint"): e,
            ("BSK LM-mu",): filtered @ e,
            ("BSK LM-lambda", "BSJK serial"): mu + e,
        }
        for tested, errors in cases.items():
            frame = pd.DataFrame({"y": (x + common + errors).ravel(), "x": x.ravel()})
            frame["id"] = np.repeat(np.arange(n), periods)
            frame["t"] = np.tile(np.arange(periods), n)
            panel = nq.SpatialPanel(frame, unit="id", period="t")
            tests = component_tests("y ~ x", panel, w, effects)
            for name in tested:
                names.setdefault(name, []).append(tests[name].p_value < 0.05)
    rates = {name: np.mean(values) for name, values in names.items()}
    bound = 3.5 * np.sqrt(0.05 * 0.95 / 200)
    assert all(abs(rate - 0.05) < bound for rate in rates.values()), rates


# -- serial correlation after unit effects ---------------------------------------------------------


@pytest.mark.parity
def test_wooldridge_by_statsmodels(world):
    import statsmodels.api as sm

    panel, w, *_ = world
    res = nq.fit("y ~ x", panel, model="ols", effects="unit")
    e = res.resid.to_numpy().reshape(N, T)
    units = np.repeat(np.arange(N), T - 1)
    regression = sm.OLS(e[:, 1:].ravel(), e[:, :-1].ravel()).fit(
        cov_type="cluster", cov_kwds={"groups": units, "use_correction": False}
    )
    z = (regression.params[0] + 1 / (T - 1)) / (regression.bse[0] * np.sqrt(N / (N - 1)))
    test = nq.diagnostics("y ~ x", panel, w, effects="unit").tests["Wooldridge"]
    agree(
        "Wooldridge's test of serial correlation", test.statistic, z, rtol=1e-6,
        program="statsmodels", data="simulated panel",
    )  # fmt: skip
    assert test.p_value == pytest.approx(2 * stats.norm.sf(abs(z)))
    assert "Wooldridge" not in nq.diagnostics("y ~ x", panel, w, effects="period").tests


def test_wooldridge_holds_its_size_and_finds_correlation():
    rng = np.random.default_rng(0)
    periods = pd.RangeIndex(6)
    p_values = {0.0: [], 0.3: []}
    for _ in range(600):
        noise = rng.normal(size=(60, 6))
        for r, values in p_values.items():
            e = noise.copy()
            for period in range(1, 6):
                e[:, period] += r * e[:, period - 1]
            e = e - e.mean(axis=1, keepdims=True)
            values.append(serial_correlation_test(e, periods).p_value)
    size, power = (np.mean(np.array(values) < 0.05) for values in p_values.values())
    assert abs(size - 0.05) < 3.5 * np.sqrt(0.05 * 0.95 / 600)
    assert power > 0.8


def test_wooldridge_needs_three_even_periods():
    e = np.random.default_rng(0).normal(size=(9, 3))
    assert "needs 2 units" in serial_correlation_test(e[:, :2], pd.RangeIndex(2)).reason
    uneven = serial_correlation_test(e, pd.Index([2010, 2011, 2015]))
    assert "a test of serial correlation" in uneven.reason
