"""R2 with effects and the squared correlation: Elhorst's table, dense matrices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from tests.parity import agree
from tests.regression.test_error_components import simulated


@pytest.mark.parity
def test_elhorsts_cigarettes(nqp_data):
    """Elhorst (2014), table 3.3: R2 .901 and corr2 .400, plain and corrected for bias."""
    folder = nqp_data / "reference" / "cigar"
    edges = pd.read_csv(folder / "weights.csv")
    panel = nq.SpatialPanel(pd.read_csv(folder / "panel.csv"), unit="state", period="year")
    dense = np.zeros((panel.n_units,) * 2)
    rows, columns = (panel.units.get_indexer(edges[name]) for name in ("origin", "dest"))
    dense[rows, columns] = edges["weight"]
    w = nq.weights.from_dense(dense, panel.units).standardize("row")
    for correction, digits in (("none", 0.901), ("bias", 0.902)):
        res = nq.fit("logc ~ logp + logy", panel, w, correction=correction)
        other = {
            "program": "published", "version": "Elhorst (2014), table 3.3", "case": correction,
            "data": "cigarettes (Cigar)", "reason": "rounded to the printed 3 decimals",
        }  # fmt: skip
        agree("SDM: R2", round(res.rsquared, 3), digits, **other)
        agree("SDM: squared correlation", round(res.squared_correlation, 3), 0.400, **other)


def demeaned(array, effects):
    if effects in ("unit", "two-way"):
        array = array - array.mean(axis=1, keepdims=True)
    return array - array.mean(axis=0) if effects in ("period", "two-way") else array


@pytest.mark.parametrize("effects", ["none", "unit", "period", "two-way", "random"])
@pytest.mark.parametrize("model", ["sar", "sac", "gns", "sem"])
def test_by_dense_matrices(neighbours, model, effects):
    w = neighbours(15, 4, seed=1)
    panel = simulated(w, model, seed=2)
    res = nq.fit("y ~ x", panel, w, model=model, effects=effects)
    y, x, dense = panel.values("y"), panel.values("x"), w.sparse.toarray()
    rho = res.params.get(("spatial", "rho"), 0.0)
    structural = res.params["x", "x"] * x + res.params.get(("wx", "x"), 0.0) * (dense @ x)
    structural = structural + res.params.get(("x", "Intercept"), 0.0)
    expected = np.linalg.solve(np.eye(15) - rho * dense, structural)
    pair = [demeaned(series, effects).ravel() for series in (y, expected)]
    correlation = np.corrcoef(*pair)[0, 1]
    assert res.squared_correlation == pytest.approx(correlation**2, rel=1e-9)
    squares = (res.resid**2).sum() / ((y - y.mean()) ** 2).sum()
    assert res.rsquared == pytest.approx(1 - squares, rel=1e-12)
    assert f"R2: {res.rsquared:.4f}" in repr(res)
    assert f"corr2: {res.squared_correlation:.4f}" in repr(res)


@pytest.mark.parametrize("errors", ["bsk", "kkp"])
def test_error_components(neighbours, errors):
    w = neighbours(15, 4, seed=1)
    panel = simulated(w, "sac", seed=2, psi=0.4)
    res = nq.fit(
        "y ~ x", panel, w, model="sac", effects="random", random_errors=errors, serial=True
    )
    rho, dense = res.params["spatial", "rho"], w.sparse.toarray()
    expected = np.linalg.solve(np.eye(15) - rho * dense, panel.values("x"))
    correlation = np.corrcoef(panel.values("y").ravel(), expected.ravel())[0, 1]
    constant = np.linalg.solve(np.eye(15) - rho * dense, np.ones(15))
    assert np.ptp(constant) < 1e-12
    assert res.squared_correlation == pytest.approx(correlation**2, rel=1e-9)


def test_least_squares_and_nothing_to_explain(states, tmp_path):
    panel, w = states
    res = nq.fit("lgsp ~ lpc + lemp", panel, model="ols", effects="none")
    assert res.rsquared == pytest.approx(res.rsquared_within, rel=1e-12)
    assert res.squared_correlation == pytest.approx(res.rsquared, rel=1e-9)
    pure = nq.fit("lgsp ~ 1", panel, w, model="sar", effects="unit")
    assert np.isnan(pure.squared_correlation)
    path = tmp_path / "table.html"
    nq.report.regression_table({"SAR": pure, "OLS": res}, path)
    text = path.read_text(encoding="utf-8")
    assert ">R²</th>" in text and "corr²" in text and ">nan<" not in text
