"""Hausman and Mundlak tests against explicit likelihoods, splm and simulations."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import nqp_spatial as nq
from nqp_spatial.regression.diagnostics._random_effects_tests import random_effects_tests
from tests.parity import agree


def slopes(params, model):
    names = ("x1", "x2")
    blocks = ("x", "wx") if model == "sdm" else ("x",)
    return [(block, name) for block in blocks for name in names]


def dense_random(panel, w, model, kind):
    """Maximise the full likelihood of a model with random unit effects and period dummies.

    ``A y = Z b + v``, ``B v = 1 mu + e`` (mu follows the spatial process, as in Kapoor, Kelejian
    and Prucha), variance ``s2 (phi^-2 Jbar + E)`` of filtered errors; unit effects as dummies if
    `kind` is "unit". Returns slopes and their covariance from the information of (b, rho or lam,
    phi, s2) by definition, with s2 one.
    """
    n, T = panel.n_units, panel.n_periods
    W = np.kron(w.sparse.toarray(), np.eye(T))
    y = panel.values("y").ravel()
    x = np.column_stack([panel.values(name).ravel() for name in ("x1", "x2")])
    z = np.column_stack([x, W @ x]) if model == "sdm" else x
    wide = np.kron(np.eye(n), np.ones((T, T)) / T)
    dummies = np.kron(np.ones((n, 1)), np.eye(T))
    if kind == "unit":
        dummies = np.column_stack([dummies, np.kron(np.eye(n), np.ones((T, 1)))[:, 1:]])
    k, z = z.shape[1], np.column_stack([z, dummies])
    eye, size = np.eye(n * T), n * T

    def pieces(c, phi):
        a, b = (eye, eye - c * W) if model == "sem" else (eye - c * W, eye)
        half = eye - (1 - phi) * wide
        return a, half @ b

    def minus(at):
        c, phi = at
        a, f = pieces(c, phi)
        target, design = f @ a @ y, f @ z
        e = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
        logdet = np.linalg.slogdet(eye - c * W)[1] + n * np.log(phi)
        return size / 2 * np.log(e @ e / size) - logdet

    if kind == "unit":
        c = minimize(lambda c: minus((c[0], 1.0)), [0.2], method="Nelder-Mead",
                     options={"xatol": 1e-10, "fatol": 1e-12}).x[0]  # fmt: skip
        phi = 1.0
    else:
        c, phi = minimize(minus, [0.2, 0.6], method="Nelder-Mead",
                          options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000}).x  # fmt: skip
    a, f = pieces(c, phi)
    design = f @ z
    coefs = np.linalg.lstsq(design, f @ a @ y, rcond=None)[0]
    residuals = f @ a @ y - design @ coefs
    s2 = float(residuals @ residuals) / size
    if model == "sem":
        return coefs[:k], s2 * np.linalg.pinv(design.T @ design)[:k, :k], s2
    # y = A^-1 (Z b + v): derivative of the mean and of the covariance of y, both filtered by A.
    g = W @ np.linalg.inv(a)
    mean, cov = f @ g @ z @ coefs, f @ g @ np.linalg.inv(f)
    left = np.column_stack([design, mean])
    info = left.T @ left / s2
    info[-1, -1] += np.trace(cov @ cov) + np.trace(cov.T @ cov)
    # (rho, phi, s2): of the filtered covariance, dlog/dphi = -(2 / phi) Jbar, dlog/ds2 = I / s2.
    extra = np.zeros((len(info) + 2, len(info) + 2))
    extra[: len(info), : len(info)] = info
    r = len(info) - 1
    extra[r, -1] = extra[-1, r] = np.trace(cov) / s2
    extra[-1, -1] = size / (2 * s2**2)
    if kind == "random":
        extra[r, -2] = extra[-2, r] = -2 * np.trace(cov @ wide) / phi
        extra[-2, -2] = 2 * n / phi**2
        extra[-2, -1] = extra[-1, -2] = -n / (phi * s2)
    else:
        extra = np.delete(np.delete(extra, -2, 0), -2, 1)
    return coefs[:k], np.linalg.pinv(extra)[:k, :k], s2


@pytest.mark.parametrize("model", ["sar", "sem", "sdm"])
def test_hausman_with_period_effects_by_dense_likelihoods(neighbours, simulate, model):
    w = neighbours(18, 4)
    panel = simulate(w, 4, seed=3)
    test = random_effects_tests("y ~ x1 + x2", panel, w, "two-way")[f"Hausman: {model.upper()}"]
    fixed, v_fixed, s_fixed = dense_random(panel, w, model, "unit")
    random, v_random, s_random = dense_random(panel, w, model, "random")
    gap, v = fixed - random, v_fixed * s_random / s_fixed - v_random
    assert test.df == len(gap) == (4 if model == "sdm" else 2)
    assert test.statistic == pytest.approx(gap @ np.linalg.solve(v, gap), rel=1e-4)


@pytest.mark.parity
def test_unscaled_hausman_is_sphtest(nqp_data):
    """With each model's own error variance (dummy variables), as splm has it: 31.1531, 499.523.

    The package takes one variance for both, which keeps the difference positive definite.
    """
    folder = nqp_data / "reference" / "splm"
    truth = json.loads((folder / "results.json").read_text())
    cases = {
        "rice": ("id", "time", "lq ~ ls + ll + lz"),
        "ins": ("code", "year", "lp ~ lg + lb + school"),
    }
    for name, (unit, period, formula) in cases.items():
        panel = nq.SpatialPanel(pd.read_csv(folder / f"{name}.csv"), unit=unit, period=period)
        edges = pd.read_csv(folder / f"{name}_weights.csv")
        w = nq.weights.from_edges(edges, focal="focal", neighbor="neighbor", weight="weight")
        w = w.reordered(panel.units)
        options = {"model": "sem", "covariance": "expected"}
        fixed = nq.fit(formula, panel, w, effects="unit", correction="none", **options)
        random = nq.fit(formula, panel, w, effects="random", **options)
        keys = [key for key in fixed.params.index if key[0] == "x"]
        gap = (fixed.params[keys] - random.params[keys]).to_numpy()
        own = (fixed.cov.loc[keys, keys] - random.cov.loc[keys, keys]).to_numpy()
        statistic = gap @ np.linalg.solve(own, gap)
        agree(
            "Hausman test, each model's own variance", statistic,
            truth[name]["haus_err"]["stat"][0][0], rtol=1e-5, program="splm", version="1.6.5",
            data=name, reason="splm's optimiser stops at about 1e-7",
        )  # fmt: skip
        joint = fixed.cov.loc[keys, keys] * random.sigma2 / fixed.sigma2
        joint = (joint - random.cov.loc[keys, keys]).to_numpy()
        test = random_effects_tests(formula, panel, w, "unit")["Hausman: SEM"]
        if name == "ins":
            # Variances between and within units differ so much that no common one fits both.
            assert np.linalg.eigvalsh(joint).min() < 0
            assert "not positive definite" in test.reason
            continue
        assert test.statistic == pytest.approx(gap @ np.linalg.solve(joint, gap), rel=1e-6)
        assert test.df == 3


@pytest.mark.parametrize("standardize", ["row", "spectral"])
def test_period_effects_are_those_of_dummies_in_the_formula(lattice, simulate, standardize):
    w = lattice(6, 6, standardize)
    panel = simulate(w, 5, seed=1).assign(year=lambda d: d.index.get_level_values("period"))
    swept = random_effects_tests("y ~ x1 + x2", panel, w, "two-way")
    written = random_effects_tests("y ~ x1 + x2 + C(year)", panel, w, "unit")
    for model in ("SAR", "SEM") if standardize == "spectral" else ("SAR", "SEM", "SDM"):
        name = f"Hausman: {model}"
        assert swept[name].statistic == pytest.approx(written[name].statistic, rel=1e-8)
        assert swept[name].df == written[name].df
    assert swept["Mundlak: SDM"].applicable
    assert "period dummies" in swept["Hausman: SDM"].rule


def test_mundlak_with_period_effects_by_hand(lattice, simulate):
    w = lattice(6, 6)
    panel = simulate(w, 5, seed=2).assign(year=lambda d: d.index.get_level_values("period"))
    test = random_effects_tests("y ~ x1 + x2", panel, w, "two-way")["Mundlak: SAR"]
    means = nq.fit("y ~ x1 + x2 + C(year)", panel, w, model="sar", effects="correlated-random",
                   covariance="expected")  # fmt: skip
    values, v = means.params["mean"].to_numpy(), means.cov.loc["mean", "mean"].to_numpy()
    # beta, the means and the constant: five coefficients, beside the period dummies
    statistic = values @ np.linalg.solve(v, values) * (1 - 5 / 36)
    assert (test.statistic, test.df) == (pytest.approx(statistic), 2)


def test_correlated_random_effects_with_period_dummies():
    panel = nq.datasets.us_public_capital()
    panel = panel.assign(yr=lambda d: d.index.get_level_values("period"))
    w = nq.weights.contiguity(panel)
    res = nq.fit("lgsp ~ lpc + lemp + C(yr)", panel, w, model="sar", effects="correlated-random")
    assert res.params["mean"].index.tolist() == ["lpc", "lemp"]
    assert "the unit means of 16 regressors are equal for all units" in " ".join(res.notes)
    assert "C(yr)[T.1971]" in " ".join(res.notes)


@pytest.mark.slow
def test_tests_hold_their_size_with_period_effects(lattice):
    """The comparison of transformed with dummy period effects rejects 85 % here."""
    w = lattice(7, 7)
    dense, n, periods, rejected = w.sparse.toarray(), 49, 20, []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(2, n, periods)) + 0.7 * rng.normal(size=(2, n, 1))
        x = x + rng.normal(size=(2, 1, periods))
        right = x[0] - 0.5 * x[1] + dense @ (0.3 * x[0] + 0.2 * x[1]) + rng.normal(size=(n, 1))
        right = right + rng.normal(size=(1, periods)) + rng.normal(size=(n, periods))
        y = np.linalg.solve(np.eye(n) - 0.4 * dense, right)
        frame = pd.DataFrame({"y": y.ravel(), "x1": x[0].ravel(), "x2": x[1].ravel()})
        frame["id"], frame["t"] = np.repeat(np.arange(n), periods), np.tile(np.arange(periods), n)
        panel = nq.SpatialPanel(frame, unit="id", period="t")
        tests = random_effects_tests("y ~ x1 + x2", panel, w, "two-way")
        rejected.append([tests[f"{name}: SDM"].p_value < 0.05 for name in ("Hausman", "Mundlak")])
    rates = np.mean(rejected, axis=0)
    assert (np.abs(rates - 0.05) < 3.5 * np.sqrt(0.05 * 0.95 / 150)).all(), rates
