"""Spatial Markov chain of 3 000 units over 20 periods, beside giddy, also with permutations."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pandas as pd

import nqp_spatial as nq
from benchmarks.durbin import weights
from benchmarks.measure import measure, row

UNITS, PERIODS = 3000, 20


def data() -> tuple[nq.weights.SpatialWeights, np.ndarray]:
    """Queen contiguity and persistent incomes."""
    w = weights("contiguity", UNITS)
    rng = np.random.default_rng(0)
    steps = 0.1 * rng.normal(size=(w.n_units, PERIODS))
    return w, np.exp(np.cumsum(steps, axis=1) + rng.normal(size=(w.n_units, 1)))


def ours(permutations: int):
    """Ours, from the panel on."""
    w, values = data()
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


def peer(permutations: int):
    """giddy's, from its weights object and array on; what it prints is kept off the screen."""
    from giddy.markov import Spatial_Markov

    w, values = data()
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
    for permutations in (0, 99):
        a = measure("benchmarks.spatial_markov:ours", permutations)
        b = measure(
            "benchmarks.spatial_markov:peer", permutations, repeats=1 if permutations else 3
        )
        assert abs(a.facts["lr"] / b.facts["lr"] - 1) < 1e-8, "the two count different moves"
        case = f"spatial Markov, n = {UNITS}, T = {PERIODS}, {permutations} permutations"
        table.append(row(case, a, "giddy Spatial_Markov", b))
    return table
