"""Monte Carlo of covariances: coverage of 95 % intervals where errors are not independent.

Three hundred units on a lattice, in provinces of ten, with one regressor that depends on place and
time as the errors do. Written by ``python -m benchmarks.calibrate --part covariances``.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any
from zlib import crc32

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from joblib import Parallel, delayed

import nqp_spatial as nq
from benchmarks.cases import lattice

SIDES, BETA, RHO = (15, 20), 1.0, 0.4
KM = 30.0  # between the points of the lattice, in degrees of the equator
FORMULA = "y ~ x"


@dataclass(frozen=True)
class Design:
    """One cell: how errors depend on each other, the model, and its covariance."""

    dependence: str
    model: str
    estimator: str = "ml"
    effects: str = "unit"
    periods: int = 5
    options: tuple[tuple[str, Any], ...] = field(default=(("covariance", "observed"),))


@lru_cache
def weights() -> nq.weights.SpatialWeights:
    """Queen contiguity."""
    return lattice(*SIDES)


@lru_cache
def places() -> gpd.GeoDataFrame:
    """Points of the lattice, with their provinces of ten."""
    units = weights().units
    row, column = np.divmod(np.arange(len(units)), SIDES[1])
    degrees = KM / 111.195
    points = shapely.points(column * degrees, row * degrees)
    province = row // 5 * 10 + column // 2
    return gpd.GeoDataFrame({"id": units, "province": province}, geometry=points, crs=4326)


def persistent(rng: np.random.Generator, count: int, periods: int) -> np.ndarray:
    """Return autoregressions of variance one, with coefficient 0.7."""
    series = rng.normal(size=(count, periods))
    for now in range(1, periods):
        series[:, now] = 0.7 * series[:, now - 1] + np.sqrt(1 - 0.49) * series[:, now]
    return series


def dependent(kind: str, rng: np.random.Generator, periods: int) -> np.ndarray:
    """Return a series by unit and period with dependence of a kind."""
    n = len(weights().units)
    province = places()["province"].to_numpy()
    e = rng.normal(size=(n, periods))
    if kind == "serial":
        e = persistent(rng, n, periods)
    elif kind in ("province", "two-way"):
        e = e + persistent(rng, province.max() + 1, periods)[province]
    if kind == "two-way":
        e = e + 0.5 * rng.normal(size=(1, periods))
    if kind == "moving average":
        e = e + 0.9 * (weights().sparse @ e)
    return e


def simulate(design: Design, replication: int) -> nq.SpatialPanel:
    """Draw y = rho W y + x + effects + e."""
    seed = crc32(f"{design.dependence}, {design.model}, {design.periods}".encode())
    rng = np.random.default_rng([seed, replication])
    w, periods = weights(), design.periods
    n = len(w.units)
    x, e = (dependent(design.dependence, rng, periods) for _ in range(2))
    if design.dependence == "heteroskedastic":
        e = e * (0.3 + abs(x))
    right = BETA * x + e
    if design.effects == "unit":
        right = right + rng.normal(size=(n, 1))
    if design.model in ("sar", "sdm"):
        right = np.linalg.solve(np.eye(n) - RHO * w.sparse.toarray(), right)
    frame = pd.DataFrame(
        {
            "id": np.repeat(w.units, periods),
            "t": np.tile(np.arange(periods), n),
            "y": right.ravel(),
            "x": x.ravel(),
            "province": np.repeat(places()["province"].to_numpy(), periods),
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t", geometry=places()[["id", "geometry"]])


def estimate(design: Design, replication: int) -> pd.DataFrame | str:
    """Fit one panel: estimate, standard error and whether each interval contains the truth."""
    warnings.simplefilter("ignore", nq.errors.NqpWarning)
    panel = simulate(design, replication)
    w = None if design.model == "ols" else weights()
    try:
        res = nq.fit(
            FORMULA, panel, w, model=design.model, effects=design.effects,
            estimator=design.estimator, **dict(design.options),
        )  # fmt: skip
    except nq.errors.NqpError as error:
        return type(error).__name__
    true = {"beta": (("x", "x"), BETA), "rho": (("spatial", "rho"), RHO)}
    rows = {}
    for name, (key, value) in true.items():
        if key in res.params.index:
            row = res.frame.loc[key]
            covered = row["conf_low"] <= value <= row["conf_high"]
            rows[name] = [value, row["estimate"], row["std_error"], float(covered)]
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["truth", "estimate", "std_error", "covered"]
    )


def summarise(design: Design, estimates: list[pd.DataFrame | str]) -> pd.DataFrame:
    """Return bias in standard deviations, ratio of standard errors and coverage."""
    good = [table for table in estimates if not isinstance(table, str)]
    values = np.stack([table.to_numpy() for table in good])
    std_dev = values[:, :, 1].std(axis=0, ddof=1)
    table = pd.DataFrame(
        {
            "parameter": good[0].index,
            "bias_in_sd": (values[:, :, 1] - values[:, :, 0]).mean(axis=0) / std_dev,
            "se_over_sd": values[:, :, 2].mean(axis=0) / std_dev,
            "coverage": values[:, :, 3].mean(axis=0),
            "replications": len(good),
            "failed": len(estimates) - len(good),
        }
    ).round(4)
    for position, entry in enumerate(fields(Design)):
        value = getattr(design, entry.name)
        if entry.name == "options":
            value = ", ".join(f"{name}={option}" for name, option in value)
        table.insert(position, entry.name, value)
    return table


def designs() -> list[Design]:
    """Return the cells; the usual covariance stands beside the one that is right."""
    robust = (("covariance", "robust"),)
    units = (("covariance", "cluster"),)
    province = (*units, ("cluster", "province"))
    two_way = (*units, ("cluster", ["province", "t"]))
    # Moving averages reach two steps, also diagonally; Bartlett's weights are near one there only
    # if they end much farther away.
    conley = (("covariance", "conley"), ("cutoff_km", 8 * KM))
    uniform = (("covariance", "conley"), ("cutoff_km", 3 * KM), ("kernel", "uniform"))
    linear = [("ols", "ml"), ("slx", "ml"), ("sar", "gs2sls")]
    cells = []
    for model, estimator in [*linear, ("sar", "m")]:
        for effects, periods in (("none", 1), ("unit", 5)):
            cells.append(Design("heteroskedastic", model, estimator, effects, periods, robust))
    for model, estimator in [*linear, ("sar", "ml"), ("sdm", "ml"), ("sem", "ml")]:
        cells.append(Design("serial", model, estimator, options=units))
    cells.append(Design("serial", "sar", "m", options=units))
    for model, estimator in [*linear, ("sem", "ml")]:
        cells.append(Design("province", model, estimator, options=province))
        cells.append(Design("moving average", model, estimator, options=conley))
        cells.append(Design("moving average", model, estimator, options=uniform))
    for model, estimator in linear:
        cells.append(Design("two-way", model, estimator, "unit", 30, two_way))
    usual = {cell.dependence: cell for cell in cells if cell.model == "ols"}
    cells += [
        Design(cell.dependence, "ols", "ml", cell.effects, cell.periods) for cell in usual.values()
    ]
    return cells


def _batch(design: Design, replications: range) -> list[pd.DataFrame | str]:
    return [estimate(design, replication) for replication in replications]


def run(folder: Path, *, replications: int, n_jobs: int) -> None:
    """Run all cells and write ``calibration_covariances.csv``, as soon as each cell is done."""
    step, parts, start = 50, [], time.perf_counter()
    cells = designs()
    for number, design in enumerate(cells, start=1):
        batches = Parallel(n_jobs=n_jobs)(
            delayed(_batch)(design, range(first, min(first + step, replications)))
            for first in range(0, replications, step)
        )
        parts.append(summarise(design, [table for batch in batches for table in batch]))
        pd.concat(parts).to_csv(folder / "calibration_covariances.csv", index=False)
        print(f"{number}/{len(cells)} {design}, {time.perf_counter() - start:.0f} s", flush=True)
