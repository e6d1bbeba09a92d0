"""Spatial Markov chain over 20 periods, beside giddy: 3 000 units with permutations, 100 000."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pandas as pd

import nqp_spatial as nq
from benchmarks.durbin import weights
from benchmarks.measure import measure, row

PERIODS = 20


def data(units: int) -> tuple[nq.weights.SpatialWeights, np.ndarray]:
    """Queen contiguity and persistent incomes."""
    w = weights("contiguity", units)
    rng = np.random.default_rng(0)
    steps = 0.1 * rng.normal(size=(w.n_units, PERIODS))
    return w, np.exp(np.cumsum(steps, axis=1) + rng.normal(size=(w.n_units, 1)))


def ours(units: int, permutations: int):
    """Ours, from the panel on."""
    w, values = data(units)
    n = w.n_units
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), PERIODS),
            "t": np.tile(np.arange(PERIODS), n),
            "y": values.ravel(),
        }
    )
    panel = nq.SpatialPanel(frame, unit="id", period="t")

    def call() -> dict:
        chain = nq.dynamics.spatial_markov(panel, "y", w, permutations=permutations, seed=0)
        return {"lr": chain.tests["lr"].statistic}

    return call


def peer(units: int, permutations: int):
    """giddy's, from its weights object and array on; what it prints is kept off the screen."""
    from giddy.markov import Spatial_Markov

    w, values = data(units)
    old = w.to_W()
    old.transform = "r"

    def call() -> dict:
        with contextlib.redirect_stdout(io.StringIO()):
            chain = Spatial_Markov(
                values, old, fixed=True, k=4, m=4, permutations=permutations, variable_name="y"
            )
            return {"lr": float(chain.LR)}

    return call


def rows() -> list[dict]:
    """Run all cases."""
    table = []
    for units, permutations in ((3_000, 0), (3_000, 999), (100_000, 0)):
        a = measure("benchmarks.spatial_markov:ours", units, permutations)
        few = permutations > 0
        b = measure(
            "benchmarks.spatial_markov:peer", units, permutations,
            repeats=1 if few else 3, warm=not few,
        )  # fmt: skip
        assert abs(a.facts["lr"] / b.facts["lr"] - 1) < 1e-8, "the two count different moves"
        case = f"spatial Markov, n = {units}, T = {PERIODS}, {permutations} permutations"
        table.append(row(case, a, "giddy Spatial_Markov", b))
    return table
