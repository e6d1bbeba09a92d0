"""Monte Carlo of policies: coverage of own and spilled effects, sizes of pre-trends and placebos.

Units on a lattice, three dates of adoption drawn at random, own effects that grow with event time
and effects on neighbours. Written by ``python -m benchmarks.calibrate --part policy``.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import geopandas as gpd
import numpy as np
import pandas as pd
from joblib import Parallel, delayed

import nqp_spatial as nq
from benchmarks.cases import nearest

SIDES, PERIODS, DATES, TREATED = (15, 20), 10, (4, 6, 7), 60
#: Own effect at adoption and its growth; spilled effects on untreated and on treated units.
OWN, GROWTH, SPILLED, ON_TREATED = 1.0, 0.1, 0.6, 0.3
BLOCK = 10  # units of a province


@dataclass(frozen=True)
class Cell:
    """One cell of the table."""

    exposure: str
    errors: str
    covariance: str
    effects: str = "planted"

    @property
    def size(self) -> float:
        """Of the planted effects, relative to the constants."""
        return 1.0 if self.effects == "planted" else 0.0


@lru_cache
def _places() -> tuple[nq.weights.SpatialWeights, gpd.GeoDataFrame]:
    """Return the weights of up to four neighbours, and points 10 km apart."""
    n = SIDES[0] * SIDES[1]
    rows, columns = np.divmod(np.arange(n), SIDES[1])
    points = gpd.points_from_xy(500_000 + 10_000 * columns, 3_500_000 + 10_000 * rows)
    table = gpd.GeoDataFrame({"id": np.arange(n)}, geometry=points, crs=32650)
    panel = nq.SpatialPanel(pd.DataFrame({"id": np.arange(n)}), unit="id", geometry=table)
    return nq.weights.distance_band(panel, cutoff_km=12), table


def errors_of(kind: str, rng: np.random.Generator, n: int, periods: int) -> np.ndarray:
    """Draw errors: independent, correlated over time, common to provinces, or unequal."""
    e = rng.normal(size=(n, periods))
    if kind == "over time":
        for place in range(1, periods):
            e[:, place] = 0.6 * e[:, place - 1] + 0.8 * e[:, place]
    if kind == "in provinces":
        shocks = rng.normal(size=(-(-n // BLOCK), periods))
        e = 0.8 * e + 0.6 * np.repeat(shocks, BLOCK, axis=0)[:n]
    if kind == "unequal":
        e *= rng.uniform(0.3, 1.7, size=(n, 1))
    return e


def simulate(cell: Cell, replication: int) -> nq.SpatialPanel:
    """Draw a panel."""
    rng = np.random.default_rng([crc32(repr(cell).encode()), replication])
    weights, points = _places()
    n = len(points)
    adoption = np.full(n, PERIODS)
    adoption[rng.choice(n, TREATED, replace=False)] = rng.permutation(
        np.repeat(DATES, TREATED // 3)
    )
    since = np.arange(PERIODS) - adoption[:, None]
    d = (since >= 0).astype(float)
    s = weights.sparse @ d
    if cell.exposure == "rings":  # the same units, within 12 km
        s = (s > 0).astype(float)
    x = rng.normal(size=(n, PERIODS)) + 0.3 * d
    effects = (OWN + GROWTH * since) * d + s * np.where(d > 0, ON_TREATED, SPILLED)
    y = cell.size * effects + 0.5 * x + rng.normal(size=(n, 1)) + rng.normal(size=PERIODS)
    y = y + errors_of(cell.errors, rng, n, PERIODS)
    frame = {
        "id": np.repeat(points["id"].to_numpy(), PERIODS), "t": np.tile(np.arange(PERIODS), n),
        "province": np.repeat(np.arange(n) // BLOCK, PERIODS),
        "d": d.ravel().astype(int), "x": x.ravel(), "y": y.ravel(),
    }  # fmt: skip
    return nq.SpatialPanel(pd.DataFrame(frame), unit="id", period="t", geometry=points)


def estimate(cell: Cell, replication: int) -> pd.DataFrame | str:
    """Return estimates, standard errors, whether intervals hold the truth, and p-values."""
    warnings.simplefilter("ignore", nq.errors.NqpWarning)
    panel = simulate(cell, replication)
    by_weights = cell.exposure == "weights"
    options = {"exposure": _places()[0]} if by_weights else {"rings_km": [0, 12]}
    cluster = "province" if cell.covariance == "province" else None
    planted = cell.effects == "planted"
    try:
        result = nq.spillovers.policy(
            panel, "y", treatment="d", controls="x", cluster=cluster, seed=replication,
            placebo=0 if planted else 199, **options,
        )  # fmt: skip
    except nq.errors.NqpError as error:
        return type(error).__name__
    frame = result.frame[result.frame["kind"] != "total"]
    overall = result.overall[result.overall["kind"] != "total"].assign(event_time="all")
    table = pd.concat([frame, overall])
    table["truth"] = cell.size * _truth(table, frame)
    if planted:
        table["p_value"] = np.nan
        table = pd.concat([table, _ignoring(panel, table)])
    else:
        table = pd.concat([table, _tests(result)])
    columns = ["kind", "on", "event_time", "truth", *_NUMBERS]
    return table[columns].reset_index(drop=True)


_NUMBERS = ["estimate", "std_error", "conf_low", "conf_high", "p_value"]


def _truth(table: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    """Return planted effects by event time; the average of own effects weighted by cells."""
    own = frame[(frame["kind"] == "own") & (frame["event_time"] >= 0)]
    mean = float(np.average(OWN + GROWTH * own["event_time"].astype(float), weights=own["cells"]))
    times = pd.to_numeric(table["event_time"], errors="coerce")
    growing = np.where(times.isna(), mean, OWN + GROWTH * times.fillna(0))
    spilled = np.where(table["on"] == "treated", ON_TREATED, SPILLED)
    effects = np.where(table["kind"] == "own", growing, spilled)
    return np.where(times.fillna(0) < 0, 0.0, effects)


def _ignoring(panel: nq.SpatialPanel, table: pd.DataFrame) -> pd.DataFrame:
    """Return the two-way regression that knows of no spillovers, against the own effect."""
    model = nq.fit("y ~ d + x", panel, model="ols", effects="two-way", covariance="cluster")
    key = ("x", "d")
    low, high = model.conf_int().loc[key]
    truth = table.loc[(table["kind"] == "own") & (table["event_time"] == "all"), "truth"]
    row = ["two-way, ignoring", "treated", "all", float(truth.iloc[0]), model.params[key],
           model.std_errors[key], low, high, np.nan]  # fmt: skip
    return pd.DataFrame([row], columns=["kind", "on", "event_time", "truth", *_NUMBERS])


def _tests(result: nq.spillovers.PolicyResult) -> pd.DataFrame:
    """Return p-values of all tests."""
    rows = [{"kind": name, "p_value": test.p_value} for name, test in result.tests.items()]
    return pd.DataFrame(rows)


def summarise(cell: Cell, results: list[pd.DataFrame | str]) -> pd.DataFrame:
    """Return bias in standard deviations, coverage, and rejections at 5 %."""
    frames = [result for result in results if not isinstance(result, str)]
    stacked = pd.concat(frames)
    stacked["covered"] = (stacked["conf_low"] <= stacked["truth"]) & (
        stacked["truth"] <= stacked["conf_high"]
    )
    stacked["gap"] = stacked["estimate"] - stacked["truth"]
    stacked["rejects"] = (stacked["p_value"] <= 0.05).where(stacked["p_value"].notna())
    groups = stacked.groupby(["kind", "on", "event_time"], sort=False, dropna=False)
    spread = groups["gap"].std()
    frame = pd.DataFrame(
        {
            "truth": groups["truth"].mean(),
            "bias_in_sd": groups["gap"].mean() / spread,
            "se_over_sd": groups["std_error"].mean() / spread,
            "coverage": groups["covered"].mean().where(groups["truth"].count() > 0),
            "rejects": groups["rejects"].mean(),
            "replications": groups.size(),
        }
    ).astype(float)
    frame = frame.round(4).reset_index()
    frame["failed"] = len(results) - len(frames)
    for position, name in enumerate(("exposure", "errors", "covariance", "effects")):
        frame.insert(position, name, getattr(cell, name))
    return frame


def cells() -> list[Cell]:
    """Return the cells of the table."""
    units, provinces = ("independent", "unit"), ("in provinces", "province")
    over_time, unequal = ("over time", "unit"), ("unequal", "unit")
    return [
        Cell("weights", *units), Cell("rings", *units),
        Cell("weights", *units, "none"), Cell("weights", *over_time, "none"),
        Cell("weights", *over_time), Cell("weights", *unequal), Cell("weights", *provinces),
        Cell("rings", *over_time), Cell("rings", *units, "none"),
    ]  # fmt: skip


def placebo(errors: str, replication: int) -> dict[str, float]:
    """Return the p-values of the placebo in space of a policy without effects, 96 units."""
    rng = np.random.default_rng([crc32(errors.encode()), replication])
    n, periods, treated = 96, 8, 12
    weights = nearest(n, 4)
    adoption = np.full(n, periods)
    adoption[rng.choice(n, treated, replace=False)] = np.repeat((3, 5), treated // 2)
    frame = {
        "id": np.repeat(weights.units, periods), "t": np.tile(np.arange(periods), n),
        "d": (np.arange(periods) >= adoption[:, None]).astype(int).ravel(),
        "y": errors_of(errors, rng, n, periods).ravel(),
    }  # fmt: skip
    panel = nq.SpatialPanel(pd.DataFrame(frame), unit="id", period="t")
    tests = nq.spillovers.policy(
        panel, "y", treatment="d", exposure=weights, on_treated="included", leads=0, placebo=199,
        seed=replication,
    ).tests  # fmt: skip
    kinds = ("own", "spilled")
    return {kind: tests[f"placebo in space, {kind}"].p_value for kind in kinds}


def placebo_sizes(folder: Path, replications: int, n_jobs: int) -> None:
    """Write calibration_placebo.csv, how often placebos in space reject at 5 %."""
    rows = []
    for errors in ("independent", "over time", "in provinces"):
        tasks = (delayed(placebo)(errors, number) for number in range(replications))
        p_values = pd.DataFrame(Parallel(n_jobs=n_jobs)(tasks))
        rejects = (p_values <= 0.05).mean().round(4)
        rows.append({"errors": errors, **rejects, "replications": len(p_values)})
        pd.DataFrame(rows).to_csv(folder / "calibration_placebo.csv", index=False)


def _batch(cell: Cell, replications: range) -> list[pd.DataFrame | str]:
    return [estimate(cell, replication) for replication in replications]


def run(folder: Path, *, replications: int, n_jobs: int) -> None:
    """Write calibration_policy.csv and calibration_placebo.csv."""
    start, parts = time.perf_counter(), []
    placebo_sizes(folder, replications, n_jobs)
    for cell in cells():
        batches = Parallel(n_jobs=n_jobs)(
            delayed(_batch)(cell, range(at, min(at + 25, replications)))
            for at in range(0, replications, 25)
        )
        parts.append(summarise(cell, [result for batch in batches for result in batch]))
        pd.concat(parts).to_csv(folder / "calibration_policy.csv", index=False)
        print(cell, f"{time.perf_counter() - start:.0f} s", flush=True)
