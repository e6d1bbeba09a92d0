"""What right inference costs: adjusted scores and effects at values, beside what is simpler."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

import nqp_spatial as nq
from benchmarks.cases import lattice
from benchmarks.measure import measure, row

SIDES = {332: (4, 83), 3_000: (50, 60), 30_000: (150, 200)}
RHO, TAU, ETA = 0.3, 0.5, -0.15
STEPS = 40  # of the series of (I - rho W)^-1
DYNAMIC = {"model": "sdm", "time_lag": True, "space_time_lag": True}
OPTIONS = {
    "likelihood, bias corrected": DYNAMIC | {"estimator": "ml"},
    "adjusted scores": DYNAMIC | {"estimator": "m"},
    "adjusted scores, robust": DYNAMIC | {"estimator": "m", "covariance": "robust"},
    "likelihood, static": {"model": "sdm"},
    "adjusted scores, static": {"model": "sdm", "covariance": "robust"},
}


@lru_cache
def weights(n: int) -> nq.weights.SpatialWeights:
    """Queen contiguity on a lattice."""
    return lattice(*SIDES[n])


def panel_of(n: int, periods: int) -> nq.SpatialPanel:
    """Draw a dynamic panel with unit effects."""
    w, rng = weights(n).sparse, np.random.default_rng(0)

    def spread(right: np.ndarray) -> np.ndarray:
        y = right
        for _ in range(STEPS):
            y = right + RHO * (w @ y)
        return y

    x = rng.normal(size=(n, periods))
    z = rng.uniform(1, 3, size=(n, periods))
    y = np.zeros((n, periods))
    mu, past = rng.normal(size=n), np.zeros(n)
    for now in range(periods):
        right = x[:, now] + mu + TAU * past + ETA * (w @ past) + rng.normal(size=n)
        y[:, now] = past = spread(right)
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel(), "z": z.ravel()})
    frame["id"] = np.repeat(np.asarray(weights(n).units), periods)
    frame["t"] = np.tile(np.arange(periods), n)
    return nq.SpatialPanel(frame, unit="id", period="t")


def fitted(n: int, periods: int, name: str):
    """Fit one of the models."""
    panel, w = panel_of(n, periods + 1), weights(n)

    def call() -> dict:
        res = nq.fit("y ~ x", panel, w, **OPTIONS[name])
        return {"rho": float(res.params["spatial", "rho"])}

    return call


def effects(n: int, periods: int, formula: str, at: dict | None):
    """Effects of a model, average ones or at stated values."""
    res = nq.fit(formula, panel_of(n, periods), weights(n), model="sdm")

    def call() -> dict:
        return {"rows": len(res.effects(draws=1000, at=at).frame)}

    return call


def rows() -> list[dict]:
    """Run the cases; the peer of each is the simpler estimate of the same panel."""
    table = []
    for n, periods in ((332, 9), (3_000, 10), (30_000, 10)):
        once = {"repeats": 1 if n > 10_000 else 3}
        size = f"n = {n}, T = {periods}"
        for base, names in (
            ("likelihood, bias corrected", ("adjusted scores", "adjusted scores, robust")),
            ("likelihood, static", ("adjusted scores, static",)),
        ):
            plain = measure("benchmarks.inference:fitted", n, periods, base, **once)
            for name in names:
                ours = measure("benchmarks.inference:fitted", n, periods, name, **once)
                table.append(row(f"{name}, {size}", ours, base, plain))
    for n in (332, 3_000):
        at = {"x": [0.0], "z": [1.0, 2.0, 3.0]}
        ours = measure("benchmarks.inference:effects", n, 10, "y ~ x*z", at)
        for formula, base in (
            ("y ~ x*z", "average effects of the same model"),
            ("y ~ x + z", "effects of a model without products"),
        ):
            plain = measure("benchmarks.inference:effects", n, 10, formula, None)
            table.append(row(f"effects at three values, n = {n}", ours, base, plain))
    return table
