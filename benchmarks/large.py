"""Large and dense weights, in processor time: the estimates beside the numerical work they need.

The floor of a sparse W is the ordering and twelve Cholesky factors of I - rho W by CHOLMOD (extra
``cholmod``); of a million units, the stochastic log-determinant; of a dense W, all eigenvalues of
one symmetric matrix of that size by LAPACK.
"""

from __future__ import annotations

from itertools import product

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy.linalg
from scipy import sparse

import nqp_spatial as nq
from benchmarks.cases import weights
from benchmarks.durbin import BETA, PERIODS, RHO, THETA
from benchmarks.measure import measure, row
from nqp_spatial.regression.likelihood.factorization import ordered_system
from nqp_spatial.weights._spectrum import symmetrizer


def panel_of(w: sparse.csr_array, periods: int, **places) -> nq.SpatialPanel:
    """Return a panel of the spatial Durbin model; its outcome sums 40 powers of rho W."""
    n, rng = w.shape[0], np.random.default_rng(0)
    x = rng.normal(size=(n, periods, 2))
    wx = np.asarray(w @ x.reshape(n, -1)).reshape(x.shape)
    right = x @ BETA + wx @ THETA + rng.normal(size=(n, 1)) + rng.normal(size=(n, periods))
    y = right
    for _ in range(40):
        y = right + RHO * (w @ y)
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), periods),
            "t": np.tile(np.arange(periods), n),
            "y": y.ravel(),
            "x1": x[:, :, 0].ravel(),
            "x2": x[:, :, 1].ravel(),
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t", **places)


def estimate(w: nq.weights.SpatialWeights, panel: nq.SpatialPanel, method: str) -> dict:
    """Fit and effects with nothing kept from an earlier call."""
    w.cache.clear()
    effects = "unit" if panel.n_periods > 1 else "none"
    res = nq.fit("y ~ x1 + x2", panel, w, effects=effects, logdet=method)
    res.effects(draws=1000, seed=0)
    return {"rho": float(res.params["spatial", "rho"])}


def ours(kind: str, n: int, periods: int, method: str):
    """Fit and effects of a sparse W."""
    w = weights(kind, n)
    panel = panel_of(w.sparse, periods)
    return lambda: estimate(w, panel, method)


def factors(kind: str, n: int):
    """Compute the ordering and twelve factors."""
    w = weights(kind, n)
    scale = symmetrizer(w.sparse)

    def call() -> dict:
        system = ordered_system(w.sparse, scale)
        for rho in np.linspace(RHO - 0.05, RHO + 0.05, 12):
            system.logdet(float(rho))
        return {"by": type(system).__name__}

    return call


def dense(n: int):
    """Inverse distances of all pairs, fit and effects."""
    places = np.random.default_rng(2).random((n, 2)) * (30, 20) + (80, 25)
    shapes = gpd.GeoSeries(gpd.points_from_xy(*places.T), index=np.arange(n), crs="EPSG:4326")
    bare = nq.SpatialPanel(pd.DataFrame({"id": np.arange(n), "x": 0.0}), unit="id", geometry=shapes)
    panel = panel_of(nq.weights.inverse_distance(bare).sparse, PERIODS, geometry=shapes)

    def call() -> dict:
        return estimate(nq.weights.inverse_distance(panel), panel, "auto")

    return call


def eigenvalues(n: int):
    """All eigenvalues of one symmetric matrix."""
    matrix = np.random.default_rng(0).random((n, n))
    matrix += matrix.T

    def call() -> dict:
        scipy.linalg.eigvalsh(matrix, check_finite=False)
        return {}

    return call


def rows() -> list[dict]:
    """Run all cases."""
    table = []
    for n, kind in product((100_000,), ("contiguity", "nearest")):
        a = measure("benchmarks.large:ours", kind, n, PERIODS, "auto")
        b = measure("benchmarks.large:factors", kind, n)
        table.append(row(f"SDM, effects, {kind}, n = {n}", a, "ordering, 12 factors", b))
    once = {"repeats": 1, "warm": False}
    a = measure("benchmarks.large:ours", "contiguity", 1_000_000, 1, "factor", **once)
    b = measure("benchmarks.large:ours", "contiguity", 1_000_000, 1, "lanczos", **once)
    table.append(row("SDM, effects, contiguity, n = 1 000 000, exact", a, "50 probes", b))
    a = measure("benchmarks.large:dense", 3000, repeats=3)
    b = measure("benchmarks.large:eigenvalues", 3000, repeats=3)
    table.append(row("inverse distance, SDM, effects, n = 3000", a, "eigenvalues", b))
    return table
