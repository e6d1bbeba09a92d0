"""Monte Carlo of short dynamic panels: coverage of 95 % intervals by estimator "m".

``python -m benchmarks.calibrate --part short-panels`` writes
benchmarks/calibration_short_panels.csv. Dynamic spatial Durbin models with unit and period effects
on a lattice; errors are normal, chi-square (3) or have variances that differ by unit and grow with
the number of its neighbours. With unequal variances the estimator is the robust one. Every panel
has a seed of its own, so that any number of workers gives the same table.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from functools import lru_cache
from itertools import product
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

import nqp_spatial as nq
from benchmarks.cases import lattice

BETA, THETA, RHO = 1.0, 0.3, 0.3
LATTICES = {100: (10, 10), 300: (15, 20)}
BURN_IN = 40
HORIZONS, KINDS = ("short-run", "long-run"), ("direct", "indirect", "total")
Outcome = tuple[np.ndarray, bool]
NEAR = "the adjusted scores have no root"
KEYS = {
    ("x", "x"): "beta",
    ("wx", "x"): "theta",
    ("spatial", "rho"): "rho",
    ("dynamic", "tau"): "tau",
    ("dynamic", "eta"): "eta",
}


@dataclass(frozen=True)
class ShortPanel:
    """One cell of the table; ``periods`` counts those after the first."""

    units: int
    periods: int
    tau: float
    errors: str
    covariance: str

    @property
    def eta(self) -> float:
        """Of W y_(t-1)."""
        return -self.tau * RHO

    def rng(self, replication: int) -> np.random.Generator:
        """Return the generator of one replication; estimators share their panels."""
        name = repr(astuple(self)[:-1])
        return np.random.default_rng([crc32(name.encode()), replication])


@lru_cache
def weights_of(units: int) -> nq.weights.SpatialWeights:
    """Return queen contiguity on a lattice."""
    return lattice(*LATTICES[units])


@lru_cache
def inverse_of(units: int, rho: float) -> np.ndarray:
    """Return (I - rho W)^-1."""
    return np.linalg.inv(np.eye(units) - rho * weights_of(units).sparse.toarray())


def innovations(cell: ShortPanel, rng: np.random.Generator, length: int) -> np.ndarray:
    """Draw errors of mean zero and variance one; where they differ, one on average."""
    shape = (cell.units, length)
    if cell.errors == "normal":
        return rng.normal(size=shape)
    if cell.errors == "chi-square":
        return (rng.chisquare(3, size=shape) - 3) / np.sqrt(6)
    neighbours = np.diff(weights_of(cell.units).sparse.indptr)
    scale = neighbours / neighbours.mean() * np.exp(0.4 * rng.normal(size=cell.units))
    return scale[:, None] / np.sqrt((scale**2).mean()) * rng.normal(size=shape)


def simulate(cell: ShortPanel, replication: int) -> nq.SpatialPanel:
    """Draw one panel."""
    rng, n = cell.rng(replication), cell.units
    length = cell.periods + 1 + BURN_IN
    w, spread = weights_of(n).sparse, inverse_of(n, RHO)
    mu = rng.normal(size=(n, 1))
    x = rng.normal(size=(n, length)) + 0.5 * mu
    right = innovations(cell, rng, length) + mu + rng.normal(size=(1, length))
    right += BETA * x + THETA * (w @ x)
    y = np.zeros((n, length))
    for now in range(1, length):
        past = y[:, now - 1]
        y[:, now] = spread @ (right[:, now] + cell.tau * past + cell.eta * (w @ past))
    periods = cell.periods + 1
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(n), periods),
            "period": np.tile(np.arange(periods), n),
            "y": y[:, -periods:].ravel(),
            "x": x[:, -periods:].ravel(),
        }
    )
    return nq.SpatialPanel(frame, unit="unit", period="period")


@lru_cache
def truth(cell: ShortPanel) -> dict[str, float]:
    """Return the true parameters and effects, by name."""
    values = {"beta": BETA, "theta": THETA, "rho": RHO, "tau": cell.tau, "eta": cell.eta}
    n = cell.units
    w = weights_of(n).sparse.toarray()
    away = (1 - cell.tau) * np.eye(n) - (RHO + cell.eta) * w
    for horizon, inverse in (
        ("short-run", inverse_of(n, RHO)),
        ("long-run", np.linalg.inv(away)),
    ):
        s = inverse @ (BETA * np.eye(n) + THETA * w)
        direct, total = np.trace(s) / n, s.sum() / n
        values |= {
            f"{horizon} direct": direct,
            f"{horizon} indirect": total - direct,
            f"{horizon} total": total,
        }
    return values


@lru_cache
def rows_of(methods: tuple[str, ...]) -> pd.DataFrame:
    """Return the parameter and method of each row of the table of a cell."""
    effects = [f"{horizon} {effect}" for horizon in HORIZONS for effect in KINDS]
    rows = [(name, "") for name in KEYS.values()]
    rows += [(name, method) for method in methods for name in effects]
    return pd.DataFrame(rows, columns=["parameter", "method"])


def estimate(cell: ShortPanel, replication: int, methods: tuple[str, ...]) -> Outcome | None:
    """Estimate one panel; None if there is no estimate.

    Returns an array of estimates, standard errors and coverage, missing for effects in the long run
    where the estimate is not stable, and whether the scores have a root.
    """
    warnings.simplefilter("ignore", nq.errors.NqpWarning)
    panel = simulate(cell, replication)
    try:
        res = nq.fit(
            "y ~ x", panel, weights_of(cell.units), model="sdm", effects="two-way",
            time_lag=True, space_time_lag=True, estimator="m", covariance=cell.covariance,
        )  # fmt: skip
    except nq.errors.NqpError:
        return None
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    positions = [list(res.params.index).index(key) for key in KEYS]
    blocks = [res.frame[columns].to_numpy(float)[positions]]
    for method in methods:
        effects = res.effects(draws=1000, seed=replication, method=method).frame
        block = np.full((len(HORIZONS) * len(KINDS), 4), np.nan)
        block[: len(effects)] = effects[columns].to_numpy(float)
        blocks.append(block)
    values = np.vstack(blocks)
    aim = rows_of(methods)["parameter"].map(truth(cell)).to_numpy()
    low, high = values[:, 2] <= aim, aim <= values[:, 3]
    # A Fieller set may be the outside of an interval: its lower bound is then above the upper one.
    covered = np.where(values[:, 2] > values[:, 3], low | high, low & high).astype(float)
    covered[np.isnan(values[:, 0])] = np.nan
    near = any(NEAR in note for note in res.notes)
    return np.column_stack([values[:, :2], covered]), near


def summarise(
    cell: ShortPanel, outcomes: list[Outcome | None], methods: tuple[str, ...]
) -> pd.DataFrame:
    """Return bias in standard deviations, ratio of standard errors and coverage."""
    good = [outcome for outcome in outcomes if outcome is not None]
    values = np.stack([array for array, _ in good])
    estimates, std_errors, covered = np.moveaxis(values, 2, 0)
    names = rows_of(methods)
    aim = names["parameter"].map(truth(cell)).to_numpy()
    spread = np.nanstd(estimates, axis=0, ddof=1)
    table = names.assign(
        truth=aim,
        bias_in_sd=(np.nanmean(estimates, axis=0) - aim) / spread,
        # A long-run effect near tau = 1 has no finite variance: medians say where the middle lies.
        median_bias=np.nanmedian(estimates, axis=0) - aim,
        se_over_sd=np.nanmedian(std_errors, axis=0) / spread,
        coverage=np.nanmean(covered, axis=0),
        replications=np.isfinite(estimates).sum(axis=0),
        # Without a root: the nearest point to one is the estimate, or there is none.
        near_root=sum(near for _, near in good),
        no_estimate=len(outcomes) - len(good),
    ).round(4)
    for position, field in enumerate(fields(ShortPanel)):
        table.insert(position, field.name, getattr(cell, field.name))
    return table


def cells() -> list[ShortPanel]:
    """Return all cells; the robust estimator where variances differ."""
    return [
        ShortPanel(units, periods, tau, errors, "robust" if errors == "unequal" else "observed")
        for errors, periods, tau, units in product(
            ("normal", "chi-square", "unequal"), (4, 5, 7, 10), (0.0, 0.3, 0.5, 0.7), (100, 300)
        )
    ]


def _batch(cell: ShortPanel, replications: range, methods: tuple[str, ...]) -> list:
    return [estimate(cell, replication, methods) for replication in replications]


def run(
    folder: Path,
    *,
    replications: int,
    n_jobs: int,
    chosen: Sequence[ShortPanel] | None = None,
    methods: tuple[str, ...] = ("delta", "draws", "fieller"),
) -> None:
    """Run the cells and write their table; lines are there as soon as a cell is done."""
    step, parts, start = 50, [], time.perf_counter()
    chosen = cells() if chosen is None else chosen
    for number, cell in enumerate(chosen, start=1):
        batches = Parallel(n_jobs=n_jobs)(
            delayed(_batch)(cell, range(first, min(first + step, replications)), methods)
            for first in range(0, replications, step)
        )
        outcomes = [outcome for batch in batches for outcome in batch]
        parts.append(summarise(cell, outcomes, methods))
        pd.concat(parts).to_csv(folder / "calibration_short_panels.csv", index=False)
        print(f"{number}/{len(chosen)} {cell}, {time.perf_counter() - start:.0f} s", flush=True)
