"""Moran's I of residuals against spdep, dense projections and simulations."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

import nqp_spatial as nq
from nqp_spatial.regression._model_data import build_model_data
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.diagnostics._moran_tests import moran_by_period, moran_test
from nqp_spatial.regression.spec import RegressionSpec
from tests.parity import agree


def linear(panel, formula, effects):
    spec = RegressionSpec(formula, "", (), (), "ols", effects, "none")
    return build_model_data(panel, spec, TermWeights())


@pytest.mark.parity
@pytest.mark.parametrize("name", ["boston", "afcon", "usedcars", "eire", "baltimore"])
def test_cross_sections_are_those_of_lm_morantest(nqp_data, name):
    folder = nqp_data / "reference" / "spatialreg"
    truth = json.loads((folder / "results.json").read_text())[f"{name}_W"]
    frame = pd.read_csv(folder / f"{name}.csv")
    frame.columns = frame.columns.str.replace(".", "_")
    panel = nq.SpatialPanel(frame, unit="id")
    edges = pd.read_csv(folder / f"{name}_W_weights.csv")
    w = nq.weights.from_edges(edges, focal="focal", neighbor="neighbor", weight="weight")
    w = w.reordered(panel.units)
    data = linear(panel, truth["formula"].replace(".", "_"), "none")
    row = moran_by_period(data, w.sparse, panel.periods).iloc[0]
    moran, expected, variance = truth["lmmoran"]["I"]
    z = truth["lmmoran"]["z"][0][0]
    other = {"program": "spdep", "version": "1.2.7", "data": name, "rtol": 1e-9}
    for key, value in (("moran_i", moran), ("expected", expected), ("z", z)):
        agree(f"Moran's I of residuals: {key}", row[key], value, **other)
    assert (moran - expected) / z == pytest.approx(np.sqrt(variance))
    test = moran_test(data, w.sparse)
    assert test.statistic == pytest.approx(z, rel=1e-9)
    assert test.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-7)
    assert f"I = {moran:.4f}, expected {expected:.4f}" in test.rule


def projection(panel, effects, columns):
    """Return the dense projection off effects and regressors, units by periods."""
    n, periods = panel.n_units, panel.n_periods
    x = np.column_stack([panel.values(name).ravel() for name in columns])
    blocks = [np.ones((n * periods, 1)), x]
    if effects in ("unit", "two-way"):
        blocks.append(np.kron(np.eye(n), np.ones((periods, 1))))
    if effects in ("period", "two-way"):
        blocks.append(np.kron(np.ones((n, 1)), np.eye(periods)))
    z = np.column_stack(blocks)
    return np.eye(n * periods) - z @ np.linalg.pinv(z)


@pytest.mark.parametrize("standardize", ["row", "spectral"])
@pytest.mark.parametrize("effects", ["none", "unit", "period", "two-way"])
def test_panels_by_dense_projections(neighbours, simulate, effects, standardize):
    w = neighbours(12, 3, standardize=standardize)
    panel = simulate(w, 4, seed=5)
    W, n, periods = w.sparse.toarray(), 12, 4
    M = projection(panel, effects, ["x1", "x2"])
    y = panel.values("y").ravel()
    e, p = M @ y, round(np.trace(M))
    D = np.kron((W + W.T) / 2, np.eye(periods))
    MD = M @ D
    ratio, mean = e @ D @ e / (e @ e), np.trace(MD) / p
    variance = 2 * (p * np.trace(MD @ MD) - np.trace(MD) ** 2) / (p**2 * (p + 2))
    data = linear(panel, "y ~ x1 + x2", effects)
    test = moran_test(data, w.sparse)
    assert test.statistic == pytest.approx((ratio - mean) / np.sqrt(variance), rel=1e-9)
    assert f"I = {n / W.sum() * ratio:.4f}" in test.rule
    rows = moran_by_period(data, w.sparse, panel.periods)
    J, A = np.eye(n) - 1 / n, (W + W.T) / 2
    for period in range(periods):
        at = np.arange(n) * periods + period
        S = J @ M[np.ix_(at, at)] @ J
        df = np.trace(S) ** 2 / np.trace(S @ S)
        P = S * df / np.trace(S)
        mean = np.trace(P @ A) / df
        variance = 2 * (df * np.trace(P @ A @ P @ A) - np.trace(P @ A) ** 2) / (df**2 * (df + 2))
        v = J @ e[at]
        ratio = v @ A @ v / (v @ v)
        scale = n / W.sum()
        assert rows.iloc[period].tolist() == pytest.approx(
            [scale * ratio, scale * mean, z := (ratio - mean) / np.sqrt(variance),
             2 * stats.norm.sf(abs(z))], rel=1e-9,
        )  # fmt: skip


@pytest.mark.parametrize("effects", ["none", "two-way"])
def test_moments_are_those_of_simulated_errors(neighbours, simulate, effects):
    """Mean and variance of I over 20 000 draws of errors, with a sampling error of 1 %."""
    w = neighbours(15, 4)
    panel = simulate(w, 3, seed=6, rho=0.0)
    W = w.sparse.toarray()
    errors = np.random.default_rng(0).normal(size=(45, 20_000))
    cubes = (projection(panel, effects, ["x1", "x2"]) @ errors).reshape(15, 3, -1)
    data = linear(panel, "y ~ x1 + x2", effects)
    own = data.projection.left_y.reshape(15, 3, 1)

    def ratios(cube, axis):
        products = cube * np.einsum("ij,jtr->itr", W, cube)
        return products.sum(axis=axis) / (cube**2).sum(axis=axis)

    draws, value = ratios(cubes, (0, 1)), float(ratios(own, (0, 1))[0])
    z = (value - draws.mean()) / draws.std()
    assert moran_test(data, w.sparse).statistic == pytest.approx(z, rel=0.03, abs=0.03)
    centred = (cubes - cubes.mean(axis=0), own - own.mean(axis=0))
    draws, values = ratios(centred[0], 0), ratios(centred[1], 0)[:, 0]
    z = (values - draws.mean(axis=1)) / draws.std(axis=1)
    ours = moran_by_period(data, w.sparse, panel.periods)["z"]
    np.testing.assert_allclose(ours, z, rtol=0.03, atol=0.03)


def test_what_cannot_be_computed(lattice, simulate):
    w = lattice(4, 4)
    panel = simulate(w, 3)
    data = linear(panel, "y ~ x1", "unit")
    nothing = sparse.csr_array((16, 16))
    assert moran_test(data, nothing).reason == "no unit has a neighbour"
    assert moran_by_period(data, nothing, panel.periods)["z"].isna().all()
    everyone = sparse.csr_array((np.ones((16, 16)) - np.eye(16)) / 15)
    # With period effects I is -1 / 15 whatever the residuals.
    test = moran_test(linear(panel, "y ~ x1", "two-way"), everyone)
    assert test.reason == "the data do not determine the statistic"
