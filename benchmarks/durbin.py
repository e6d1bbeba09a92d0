"""Spatial Durbin model with unit effects, and effects with 1 000 draws, beside spreg and a floor.

The peer, `spreg.ML_LagFE(slx_lags=1)`, gives coefficients and standard errors; ours also gives
effects with inference. Above n = 3 000 spreg needs more than this benchmark's memory, and the floor
takes its place: twenty SuperLU factorisations of I - rho W and the two projections of y and W y on
the regressors, which any likelihood by sparse factorisations has to pay.
"""

from __future__ import annotations

import contextlib
import io
from itertools import product

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import linalg as sla

import nqp_spatial as nq
from benchmarks.cases import weights
from benchmarks.measure import measure, row

PERIODS = 10
RHO, BETA, THETA = 0.4, (1.0, 0.5), (0.3, -0.2)


def data(kind: str, n: int) -> tuple[nq.weights.SpatialWeights, nq.SpatialPanel]:
    """Weights and a panel from the model."""
    w = weights(kind, n)
    n = w.n_units
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, PERIODS, 2))
    wx = (w.sparse @ x.reshape(n, -1)).reshape(x.shape)
    right = x @ BETA + wx @ THETA + rng.normal(size=(n, 1)) + rng.normal(size=(n, PERIODS))
    factor = sla.splu(sparse.csc_matrix(sparse.eye_array(n) - RHO * w.sparse))
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), PERIODS),
            "t": np.tile(np.arange(PERIODS), n),
            "y": factor.solve(right).ravel(),
            "x1": x[:, :, 0].ravel(),
            "x2": x[:, :, 1].ravel(),
        }
    )
    return w, nq.SpatialPanel(frame, unit="id", period="t")


def ours(kind: str, n: int):
    """Fit and effects, from the formula on; nothing kept from an earlier call."""
    w, panel = data(kind, n)

    def call() -> dict:
        w.cache.clear()
        res = nq.fit("y ~ x1 + x2", panel, w, effects="unit")
        res.effects(draws=1000, seed=0)
        return {"rho": float(res.params["spatial", "rho"])}

    return call


def peer(kind: str, n: int):
    """Spreg on the same data; its weights object and arrays are made beforehand."""
    import spreg

    w, panel = data(kind, n)
    old = w.to_W()
    old.transform = "r"
    y = panel.wide("y").to_numpy()
    x = np.hstack([panel.wide("x1").to_numpy(), panel.wide("x2").to_numpy()])

    def call() -> dict:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its name
            res = spreg.ML_LagFE(y, x, old, slx_lags=1)
        return {"rho": float(res.rho)}

    return call


def floor(kind: str, n: int):
    """Twenty factorisations and the two projections."""
    w, panel = data(kind, n)
    system = sparse.csc_matrix(sparse.eye_array(w.n_units) - RHO * w.sparse)
    x = np.stack([panel.values("x1"), panel.values("x2")], axis=-1)
    z = np.concatenate([x, (w.sparse @ x.reshape(w.n_units, -1)).reshape(x.shape)], axis=2)
    z = (z - z.mean(axis=1, keepdims=True)).reshape(-1, 4)
    y = panel.values("y")
    both = np.stack([y, w.sparse @ y], axis=-1).reshape(-1, 2)

    def call() -> dict:
        for _ in range(20):
            sla.splu(
                system,
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True},
            )
        np.linalg.lstsq(z, both, rcond=None)
        return {}

    return call


def rows() -> list[dict]:
    """Run all cases."""
    kinds = ("contiguity", "nearest")
    table = []
    for n, kind in product((287, 1000, 3000), kinds):
        a = measure("benchmarks.durbin:ours", kind, n)
        small = n <= 1000
        b = measure("benchmarks.durbin:peer", kind, n, repeats=3 if small else 1, warm=small)
        assert abs(a.facts["rho"] - b.facts["rho"]) < 1e-4, "the two do not fit the same model"
        table.append(row(f"SDM, unit effects, {kind}, n = {n}", a, "spreg ML_LagFE", b))
    for n, kind in product((10_000, 100_000), kinds):
        once = {"repeats": 3 if n < 100_000 else 1, "warm": False}
        a = measure("benchmarks.durbin:ours", kind, n, **once)
        b = measure("benchmarks.durbin:floor", kind, n, **once)
        table.append(row(f"SDM, unit effects, {kind}, n = {n}", a, "floor", b))
    return table
