"""Monte Carlo of weights made of outcomes: size and power of the test, bias and coverage of rho.

``python -m benchmarks.calibrate --part weights`` writes benchmarks/calibration_weights.csv. W links
the eight nearest units by the inverse of the gap between their z, as the economic distances of the
field do; z has an equation of its own whose errors are correlated with those of y.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd

import nqp_spatial as nq
from benchmarks.calibration import run as run_cells

RHO = 0.4
NEIGHBOURS = 8


@dataclass(frozen=True)
class WeightsDesign:
    """One cell of the table."""

    units: int
    periods: int
    effects: str
    correlation: float
    errors: str = "normal"

    def rng(self, replication: int) -> np.random.Generator:
        """Return the generator of one replication."""
        name = repr(tuple(getattr(self, f.name) for f in fields(self)))
        return np.random.default_rng([crc32(name.encode()), replication])


@lru_cache
def _places(units: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest units of each unit: receivers and senders of all links."""
    places = np.random.default_rng(units).random((units, 2))
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    senders = np.argsort(distance, axis=1)[:, :NEIGHBOURS]
    return np.repeat(np.arange(units), NEIGHBOURS), senders.ravel()


def simulate(
    design: WeightsDesign, replication: int
) -> tuple[nq.SpatialPanel, nq.weights.SpatialWeights]:
    """Draw z, the weights that it makes, and y."""
    rng, n, t = design.rng(replication), design.units, design.periods
    shocks = rng.normal(size=(2, n, t))
    if design.errors == "chi-square":
        shocks = (rng.chisquare(3, size=(2, n, t)) - 3) / np.sqrt(6)
    eps = shocks[0]
    v = design.correlation * eps + np.sqrt(1 - design.correlation**2) * shocks[1]
    unit = rng.normal(size=(n, 1)) * (design.effects in ("unit", "two-way"))
    x, instrument = rng.normal(size=(2, n, t)) + 0.5 * unit
    z = instrument + 0.5 * x + unit + eps
    receivers, senders = _places(n)
    average = z.mean(axis=1)
    links = pd.DataFrame({"focal": receivers, "neighbor": senders})
    links["weight"] = 1 / (np.abs(average[receivers] - average[senders]) + 0.1)
    w = nq.weights.from_edges(links, weight="weight").standardize("row")
    y = np.linalg.solve(np.eye(n) - RHO * w.sparse.toarray(), x + unit + v)
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), t),
            "t": np.tile(np.arange(t), n),
            "y": y.ravel(),
            "x": x.ravel(),
            "z": z.ravel(),
            "instrument": instrument.ravel(),
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t"), w


def estimate(design: WeightsDesign, replication: int) -> pd.DataFrame | str:
    """Return rho and beta with and without control, and the p-value of the test."""
    warnings.simplefilter("ignore", nq.errors.NqpWarning)
    panel, w = simulate(design, replication)
    try:
        result = nq.endogenous_weights(
            "y ~ x", panel, w, makers="z ~ x + instrument", effects=design.effects
        )
    except nq.errors.NqpError as error:
        return type(error).__name__
    rows = {}
    for name, model in (("with control", result.model), ("without control", result.plain)):
        for key, true in ((("spatial", "rho"), RHO), (("x", "x"), 1.0)):
            row = model.frame.loc[key]
            rows[name, key[1]] = [
                row["estimate"] - true,
                row["std_error"],
                float(row["conf_low"] <= true <= row["conf_high"]),
            ]
    table = pd.DataFrame(rows, index=["error", "std_error", "covered"]).T
    return table.assign(rejects=float(result.tests["exogenous"].p_value < 0.05))


def summarise(design: WeightsDesign, results: list[pd.DataFrame | str]) -> pd.DataFrame:
    """Return bias in standard deviations, coverage, and how often the test rejects at 5 %."""
    tables = [table for table in results if not isinstance(table, str)]
    stacked = np.stack([table.to_numpy() for table in tables])
    deviation = stacked[:, :, 0].std(axis=0, ddof=1)
    index = tables[0].index
    summary = pd.DataFrame(
        {
            "model": index.get_level_values(0),
            "parameter": index.get_level_values(1),
            "bias_in_sd": stacked[:, :, 0].mean(axis=0) / deviation,
            "se_over_sd": stacked[:, :, 1].mean(axis=0) / deviation,
            "coverage": stacked[:, :, 2].mean(axis=0),
            "rejects": stacked[:, :, 3].mean(axis=0),
            "replications": len(tables),
            "failed": len(results) - len(tables),
        }
    ).round(4)
    for place, attribute in enumerate(fields(WeightsDesign)):
        summary.insert(place, attribute.name, getattr(design, attribute.name))
    return summary


def designs() -> list[WeightsDesign]:
    """Return the cells: size where the correlation is zero, power elsewhere."""
    shapes = [(100, 1, "none"), (300, 1, "none"), (100, 5, "none"), (100, 5, "two-way")]
    cells = [
        WeightsDesign(*shape, correlation) for shape in shapes for correlation in (0.0, 0.2, 0.5)
    ]
    return [*cells, *(WeightsDesign(100, 1, "none", r, "chi-square") for r in (0.0, 0.5))]


def run(folder: Path, *, replications: int, n_jobs: int) -> None:
    """Write the table into a folder."""
    target = folder / "calibration_weights.csv"
    run_cells(estimate, summarise, designs(), target, replications=replications, n_jobs=n_jobs)
