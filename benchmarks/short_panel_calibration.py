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


def estimate(cell: ShortPanel, replication: int, methods: Sequence[str]) -> pd.DataFrame | str:
    """Return estimates, standard errors and coverage of one panel, or the name of its error.

    Where the estimate is not stable, there are no effects in the long run.
    """
    warnings.simplefilter("ignore", nq.errors.NqpWarning)
    panel = simulate(cell, replication)
    try:
        res = nq.fit(
            "y ~ x", panel, weights_of(cell.units), model="sdm", effects="two-way",
            time_lag=True, space_time_lag=True, estimator="m", covariance=cell.covariance,
        )  # fmt: skip
    except nq.errors.NqpError as error:
        return type(error).__name__
    near = any(NEAR in note for note in res.notes)
    columns = ["parameter", "method", "estimate", "std_error", "conf_low", "conf_high"]
    table = res.frame.loc[list(KEYS)].assign(parameter=list(KEYS.values()), method="")
    tables = [table[columns]]
    for method in methods:
        try:
            effects = res.effects(draws=1000, seed=replication, method=method).frame
        except nq.errors.NqpError:
            continue
        effects["parameter"] = effects["horizon"] + " " + effects["effect"]
        tables.append(effects.assign(method=method)[columns])
    rows = pd.concat(tables, ignore_index=True)
    aim = rows["parameter"].map(truth(cell))
    # A Fieller set may be the outside of an interval: its lower bound is then above the upper one.
    low, high = rows["conf_low"] <= aim, aim <= rows["conf_high"]
    inside_out = rows["conf_low"] > rows["conf_high"]
    rows["covered"] = np.where(inside_out, low | high, low & high)
    return rows[["parameter", "method", "estimate", "std_error", "covered"]].assign(near=near)


def summarise(cell: ShortPanel, outcomes: list[pd.DataFrame | str]) -> pd.DataFrame:
    """Return bias in standard deviations, ratio of standard errors and coverage."""
    good = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    groups = pd.concat(good).groupby(["parameter", "method"], sort=False)
    # A long-run effect near tau = 1 has no finite variance: medians say where the middle lies.
    spread, median = groups["estimate"].std(), groups["estimate"].median()
    table = groups["covered"].mean().rename("coverage").reset_index()
    aim = table["parameter"].map(truth(cell)).to_numpy()
    table.insert(2, "truth", aim.round(4))
    table.insert(3, "bias_in_sd", ((groups["estimate"].mean() - aim) / spread).to_numpy())
    table.insert(4, "median_bias", (median - aim).to_numpy())
    table.insert(5, "se_over_sd", (groups["std_error"].median() / spread).to_numpy())
    table["replications"] = groups.size().to_numpy()
    # Without a root: the nearest point to one is the estimate, or there is none.
    table["near_root"] = groups["near"].sum().to_numpy()
    table["no_estimate"] = len(outcomes) - len(good)
    table = table.round(4)
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


def _batch(cell: ShortPanel, replications: range, methods: Sequence[str]) -> list:
    return [estimate(cell, replication, methods) for replication in replications]


def run(
    folder: Path,
    *,
    replications: int,
    n_jobs: int,
    chosen: Sequence[ShortPanel] | None = None,
    methods: Sequence[str] = ("delta", "draws", "fieller"),
) -> None:
    """Run the cells and write their table; lines are there as soon as a cell is done."""
    step, parts, start = 50, [], time.perf_counter()
    chosen = cells() if chosen is None else chosen
    for number, cell in enumerate(chosen, start=1):
        batches = Parallel(n_jobs=n_jobs)(
            delayed(_batch)(cell, range(first, min(first + step, replications)), methods)
            for first in range(0, replications, step)
        )
        parts.append(summarise(cell, [outcome for batch in batches for outcome in batch]))
        pd.concat(parts).to_csv(folder / "calibration_short_panels.csv", index=False)
        print(f"{number}/{len(chosen)} {cell}, {time.perf_counter() - start:.0f} s", flush=True)
