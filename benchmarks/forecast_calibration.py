"""Monte Carlo of forecasts of chains: coverage of planted futures, size of the tests of scores.

Written by ``python -m benchmarks.calibrate --part forecast``. Each replication draws a panel and
ten further periods from the same chain, forecasts these from the panel with 399 simulated futures,
and counts the shares of states inside their 95 % intervals.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import stats

import nqp_spatial as nq
from benchmarks.cases import lattice
from benchmarks.dynamics_calibration import frame_of
from nqp_spatial.dynamics._forecast_scores import long_waves, standard_error

SIDES = {100: (10, 10), 300: (15, 20), 400: (20, 20)}
HORIZONS = (1, 5, 10)
CUTS, LAG_CUTS = [1.0, 2.0], [1.25, 1.75]
BURN_IN, PAST, FUTURE = 20, 10, 10

#: Probabilities by neighbours' state: the richer the neighbours, the more units move up.
NEAR = np.array(
    [
        [[0.88, 0.10, 0.02], [0.25, 0.70, 0.05], [0.08, 0.27, 0.65]],
        [[0.75, 0.20, 0.05], [0.12, 0.74, 0.14], [0.04, 0.18, 0.78]],
        [[0.62, 0.28, 0.10], [0.05, 0.68, 0.27], [0.02, 0.10, 0.88]],
    ]
)
#: Probabilities by group, without neighbours.
FAR = np.array([NEAR[1], [[0.6, 0.3, 0.1], [0.1, 0.6, 0.3], [0.02, 0.13, 0.85]]])


@dataclass(frozen=True)
class Cell:
    """One cell of the table.

    The place of a value within its state is drawn anew each period (``fresh``), keeps nine tenths
    of its normal score (``lasting``), or is the middle (``none``).
    """

    chain: str
    units: int
    within: str = "fresh"
    discretize: str = "cuts"

    def rng(self, replication: int) -> np.random.Generator:
        """Return the generator of one replication."""
        return np.random.default_rng([crc32(repr(self).encode()), replication])


@lru_cache
def weights_of(units: int) -> nq.weights.SpatialWeights:
    """Return queen contiguity on a lattice."""
    return lattice(*SIDES[units])


def planted(cell: Cell, rng: np.random.Generator) -> np.ndarray:
    """Return values of units in the past and the future, shape (units, periods)."""
    n, w = cell.units, weights_of(cell.units).sparse
    state, score = rng.integers(0, 3, n), rng.normal(size=n)
    path = []
    for _ in range(BURN_IN + PAST + FUTURE):
        fresh = rng.normal(size=n)
        score = 0.9 * score + np.sqrt(1 - 0.81) * fresh if cell.within == "lasting" else fresh
        place = np.full(n, 0.5) if cell.within == "none" else stats.norm.cdf(score)
        path.append(state + place)
        if cell.chain == "spatial":
            near = (w @ path[-1] > np.array(LAG_CUTS)[:, None]).sum(axis=0)
            rows = NEAR[near, state]
        else:
            rows = FAR[(np.arange(n) % 2) * (cell.chain == "groups"), state]
        state = (rng.random(n)[:, None] > np.cumsum(rows, axis=1)[:, :2]).sum(axis=1)
    return np.stack(path[BURN_IN:], axis=1)


def forecast_of(
    cell: Cell, values: np.ndarray, seed: int, **options: int
) -> nq.dynamics.ForecastResult:
    """Return the forecast from the past of planted values."""
    panel = frame_of(values[:, :PAST])
    how = CUTS if cell.discretize == "cuts" else cell.discretize
    lag_how = LAG_CUTS if cell.discretize == "cuts" else cell.discretize
    dynamics = nq.dynamics
    group = None
    if cell.chain == "spatial":
        chain = dynamics.spatial_markov(
            panel, "y", weights_of(cell.units), states=3, lag_states=3, discretize=how,
            lag_discretize=lag_how,
        )  # fmt: skip
    elif cell.chain == "groups":
        group = pd.Series(np.arange(cell.units) % 2, panel.units)
        chain = dynamics.markov_by_group(panel, "y", group=group, states=3, discretize=how)
    else:
        chain = dynamics.markov(panel, "y", states=3, discretize=how)
    return dynamics.forecast(
        chain, panel, horizon=FUTURE, holdout=0, group=group, seed=seed, **options
    )


def covered(cell: Cell, replication: int) -> np.ndarray:
    """Return whether shares of the future are inside their intervals, and widths of these."""
    values = planted(cell, cell.rng(replication))
    found = forecast_of(cell, values, replication, replications=399)
    low, high, share = (
        found.frame[name].to_numpy().reshape(FUTURE, 3) for name in ("low", "high", "share")
    )
    cuts = np.asarray(CUTS)
    if cell.discretize != "cuts":
        cuts = np.quantile(values[:, :PAST], [1 / 3, 2 / 3])
    states = (values[:, PAST:, None] > cuts).sum(axis=2)
    actual = np.stack([(states == j).mean(axis=0) for j in range(3)], axis=1)
    inside = (low <= actual) & (actual <= high)
    places = np.array(HORIZONS) - 1
    return np.stack([inside, high - low, share - actual])[:, places].astype(float)


def coverage_table(cell: Cell, results: list[np.ndarray]) -> pd.DataFrame:
    """Return coverage, mean width and bias of the shares, by horizon and state."""
    stacked = np.stack(results)
    rows = [
        {
            "chain": cell.chain, "units": cell.units, "within": cell.within,
            "discretize": cell.discretize, "horizon": horizon, "state": state + 1,
            "coverage": stacked[:, 0, place, state].mean(),
            "width": stacked[:, 1, place, state].mean(),
            "bias": stacked[:, 2, place, state].mean(),
            "replications": len(results),
        }
        for place, horizon in enumerate(HORIZONS)
        for state in range(3)
    ]  # fmt: skip
    return pd.DataFrame(rows).round(4)


def rejections(units: int, lam: float, replications: int) -> pd.DataFrame:
    """Return how often equal scores are rejected at 5 %, with and without neighbours.

    Differences of scores are spatially autocorrelated: ``d = (I - lam W)^-1 e``.
    """
    w = weights_of(units).sparse
    inverse = np.linalg.inv(np.eye(units) - lam * w.toarray())
    waves = long_waves(w)
    rng = np.random.default_rng([units, round(100 * lam)])
    rejected = np.zeros(2)
    for _ in range(replications):
        gaps = inverse @ rng.normal(size=units)
        for position, option in enumerate((None, waves)):
            error, df = standard_error(gaps, option)
            rejected[position] += 2 * stats.t.sf(np.abs(gaps.mean()) / error, df) < 0.05
    share = rejected / replications
    columns = {"units": units, "lam": lam, "errors": ["independent", "in space"]}
    return pd.DataFrame({**columns, "rejects": share.round(4), "replications": replications})


def cells() -> list[Cell]:
    """Return the cells of the table of coverage."""
    return [
        Cell("spatial", 100, "lasting"),
        Cell("plain", 300),
        Cell("groups", 300),
        Cell("plain", 100),
        Cell("spatial", 300, "lasting"),
        Cell("plain", 300, discretize="pooled-quantiles"),
        Cell("spatial", 100, "fresh"),
        Cell("spatial", 300, "none"),
        Cell("spatial", 300, "lasting", "pooled-quantiles"),
    ]


def _batch(cell: Cell, replications: range) -> list[np.ndarray]:
    return [covered(cell, replication) for replication in replications]


def run(folder: Path, *, replications: int, n_jobs: int) -> None:
    """Write calibration_forecast.csv; calibration_forecast_tests.csv has four times as many."""
    start, parts = time.perf_counter(), []
    sizes = [rejections(n, lam, 4 * replications) for n in SIDES for lam in (0.0, 0.3, 0.6)]
    pd.concat(sizes).to_csv(folder / "calibration_forecast_tests.csv", index=False)
    for cell in cells():
        batches = Parallel(n_jobs=n_jobs)(
            delayed(_batch)(cell, range(low, min(low + 25, replications)))
            for low in range(0, replications, 25)
        )
        parts.append(coverage_table(cell, [result for batch in batches for result in batch]))
        pd.concat(parts).to_csv(folder / "calibration_forecast.csv", index=False)
        print(cell, f"{time.perf_counter() - start:.0f} s", flush=True)
