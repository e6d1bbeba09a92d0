"""Monte Carlo of mediation: coverage of 95 % intervals of paths, size with a leg of zero.

Panels on a lattice with two-way effects; both equations are spatial Durbin models, and x goes along
with the unit effects. Written by ``python -m benchmarks.calibrate --part mediation``.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

import nqp_spatial as nq
from benchmarks.cases import lattice

SIDES = {100: (10, 10), 300: (15, 20)}
#: Coefficients (own, lagged) of x in m, of m in y, of x in y; rho of m and of y.
PATH, MEDIATED, PAST, RHO = (0.5, 0.2), (0.6, 0.2), (0.4, 0.1), (0.3, 0.4)


@dataclass(frozen=True)
class Cell:
    """One cell of the table."""

    case: str
    units: int
    periods: int
    method: str
    errors: str = "normal"

    @property
    def path(self) -> tuple[float, float]:
        """Of x in m."""
        return (0.0, 0.0) if self.case in ("x to m zero", "both zero") else PATH

    @property
    def mediated(self) -> tuple[float, float]:
        """Of m in y."""
        return (0.0, 0.0) if self.case in ("m to y zero", "both zero") else MEDIATED


@lru_cache
def _parts(units: int) -> tuple[nq.weights.SpatialWeights, np.ndarray, np.ndarray]:
    """Return W and the inverses of both models."""
    weights = lattice(*SIDES[units])
    dense = weights.sparse.toarray()
    first, second = (np.linalg.inv(np.eye(units) - rho * dense) for rho in RHO)
    return weights, first, second


def simulate(cell: Cell, replication: int) -> nq.SpatialPanel:
    """Draw a panel."""
    rng = np.random.default_rng([crc32(repr(cell).encode()), replication])
    n, t = cell.units, cell.periods
    weights, by_m, by_y = _parts(n)
    w = weights.sparse
    mu = rng.normal(size=(2, n, 1))
    e = rng.normal(size=(2, n, t)) if cell.errors == "normal" else _skewed(rng, (2, n, t))
    x = rng.normal(size=(n, t)) + 0.5 * mu[0]
    m = by_m @ (cell.path[0] * x + cell.path[1] * (w @ x) + mu[0] + rng.normal(size=t) + e[0])
    right = cell.mediated[0] * m + cell.mediated[1] * (w @ m) + PAST[0] * x + PAST[1] * (w @ x)
    y = by_y @ (right + mu[1] + rng.normal(size=t) + e[1])
    ids = {"id": np.repeat(np.arange(n), t), "t": np.tile(np.arange(t), n)}
    columns = {"x": x.ravel(), "m": m.ravel(), "y": y.ravel()}
    return nq.SpatialPanel(pd.DataFrame({**ids, **columns}), unit="id", period="t")


def _skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return chi-square(3) errors with mean zero and variance one."""
    return (rng.chisquare(3, shape) - 3) / np.sqrt(6)


@lru_cache
def truth(cell: Cell) -> np.ndarray:
    """Return the true effects, in the order of the frame."""
    weights, by_m, by_y = _parts(cell.units)
    w, eye = weights.sparse.toarray(), np.eye(cell.units)
    to_m = by_m @ (cell.path[0] * eye + cell.path[1] * w)
    to_y = by_y @ (cell.mediated[0] * eye + cell.mediated[1] * w)
    past = by_y @ (PAST[0] * eye + PAST[1] * w)
    own_y, own_m = np.diag(to_y), np.diag(to_m)
    product = to_y @ to_m
    own = (own_y * own_m).mean()
    own_row = (own_y * to_m.sum(axis=1)).mean()
    column_own = (to_y.sum(axis=0) * own_m).mean()

    def three(matrix: np.ndarray) -> list[float]:
        direct, total = np.trace(matrix) / len(matrix), matrix.sum() / len(matrix)
        return [direct, total - direct, total]

    mediated = three(product)
    others = [own_row - own, column_own - own]
    parts = [own, mediated[0] - own, *others, mediated[1] - sum(others)]
    return np.array([*mediated, *parts, *three(past), *three(product + past)])


def estimate(cell: Cell, replication: int) -> np.ndarray | str:
    """Return estimates, standard errors, whether intervals hold the truth, and p-values."""
    warnings.simplefilter("ignore", nq.errors.NqpWarning)
    try:
        frame = nq.spillovers.mediation(
            "y ~ m + x", "m ~ x", simulate(cell, replication), _parts(cell.units)[0],
            method=cell.method, draws=199 if cell.method == "bootstrap" else 1999,
            seed=replication,
        ).frame  # fmt: skip
    except nq.errors.NqpError as error:
        return type(error).__name__
    true = truth(cell)
    covered = (frame["conf_low"] <= true) & (true <= frame["conf_high"])
    shares = true / true[[11, 12, 13, 11, 11, 12, 12, 12, 11, 12, 13, 11, 12, 13]]
    held = (frame["share_low"] <= shares) & (shares <= frame["share_high"])
    columns = [frame["estimate"], frame["std_error"], covered, held, frame["p_value"]]
    return np.column_stack(columns).astype(float)


def summarise(cell: Cell, results: list[np.ndarray | str]) -> pd.DataFrame:
    """Return bias in standard deviations, coverage of effects and shares, rejections of zero."""
    stacked = np.stack([result for result in results if not isinstance(result, str)])
    true = truth(cell)
    frame = pd.DataFrame(
        {
            "path": np.repeat(["mediated", "part", "remainder", "all paths"], [3, 5, 3, 3]),
            "row": np.arange(14),
            "truth": true.round(4),
            "bias_in_sd": (stacked[:, :, 0].mean(axis=0) - true) / stacked[:, :, 0].std(axis=0),
            "se_over_sd": stacked[:, :, 1].mean(axis=0) / stacked[:, :, 0].std(axis=0),
            "coverage": stacked[:, :, 2].mean(axis=0),
            "share_coverage": stacked[:, :, 3].mean(axis=0),
            "rejects_zero": (stacked[:, :, 4] <= 0.05).mean(axis=0),
            "replications": len(stacked),
            "failed": len(results) - len(stacked),
        }
    ).round(4)
    effects = ["direct", "indirect", "total"]
    parts = ["x_i-m_i-y_i", "x_i-m_j-y_i", "x_j-m_i-y_i", "x_j-m_j-y_i", "x_j-m_k-y_i"]
    frame["row"] = [*effects, *parts, *effects, *effects]
    for position, name in enumerate(("case", "units", "periods", "method", "errors")):
        frame.insert(position, name, getattr(cell, name))
    return frame


def cells() -> list[Cell]:
    """Return the cells of the table."""
    sizes = [(100, 5), (100, 10), (300, 10)]
    cases = ("planted", "x to m zero", "m to y zero", "both zero")
    table = [Cell(case, *size, "draws") for size in sizes for case in cases]
    table += [Cell("planted", *size, "delta") for size in sizes]
    table += [Cell("planted", *size, "draws", "chi-square(3)") for size in sizes]
    return [*table, *(Cell(case, 100, 10, "bootstrap") for case in cases[:2])]


def _batch(cell: Cell, replications: range) -> list[np.ndarray | str]:
    return [estimate(cell, replication) for replication in replications]


def run(folder: Path, *, replications: int, n_jobs: int) -> None:
    """Write calibration_mediation.csv; the bootstrap has a quarter of the replications."""
    start, parts = time.perf_counter(), []
    for cell in cells():
        count = max(replications // 4, 1) if cell.method == "bootstrap" else replications
        batches = Parallel(n_jobs=n_jobs)(
            delayed(_batch)(cell, range(at, min(at + 25, count))) for at in range(0, count, 25)
        )
        parts.append(summarise(cell, [result for batch in batches for result in batch]))
        pd.concat(parts).to_csv(folder / "calibration_mediation.csv", index=False)
        print(cell, f"{time.perf_counter() - start:.0f} s", flush=True)
