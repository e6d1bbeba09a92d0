"""Components of `simulate_cities`: links, series, indicators, solutions, clubs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import linalg as sla
from scipy.spatial import cKDTree

EARTH_RADIUS_KM = 6371.0088

Indicator = tuple[str, float, float, float, str]


@dataclass(frozen=True, eq=False)
class Links:
    """Row-standardised links; this module cannot import the builders of weights."""

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    zone: np.ndarray

    @property
    def matrix(self) -> sparse.csr_array:
        """W."""
        return self.where(np.ones(len(self.rows), dtype=bool))

    def where(self, mask: np.ndarray) -> sparse.csr_array:
        """Return the matrix of selected links."""
        n = len(self.zone)
        triple = (self.values[mask], (self.rows[mask], self.columns[mask]))
        return sparse.csr_array(triple, shape=(n, n))

    def by_period(self, mask: np.ndarray) -> list[sparse.csr_array]:
        """Return a matrix for each column of `mask`, shape (links, periods)."""
        return [self.where(mask[:, t]) for t in range(mask.shape[1])]


def links_on_sphere(
    shapes: pd.Series,
    zone: np.ndarray,
    *,
    nearest: int | None = None,
    power: float = 0.0,
    cutoff_km: float = 0.0,
) -> Links:
    """Return links to the nearest centroids, or to all within a distance, as a power of it."""
    import shapely

    points = shapely.centroid(shapes.to_numpy())
    lon, lat = np.radians(shapely.get_x(points)), np.radians(shapely.get_y(points))
    ball = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    tree, n = cKDTree(ball), len(ball)
    if nearest is not None:
        columns = tree.query(ball, k=nearest + 1)[1][:, 1:].ravel()
        rows = np.repeat(np.arange(n), nearest)
        return Links(rows, columns, np.full(len(rows), 1 / nearest), zone)
    chord = 2 * np.sin(cutoff_km / (2 * EARTH_RADIUS_KM))
    pairs = tree.query_pairs(chord, output_type="ndarray")
    rows, columns = np.concatenate([pairs, pairs[:, ::-1]]).T
    between = np.linalg.norm(ball[rows] - ball[columns], axis=1)
    values = (2 * np.arcsin(between / 2)) ** -power
    values /= np.bincount(rows, values, minlength=n)[rows]
    return Links(rows, columns, values, zone)


def persistent(rng: np.random.Generator, near: Links, n: int, t: int) -> np.ndarray:
    """Return stationary AR(1) series, shape (n, t), correlated between neighbours."""
    shocks = rng.normal(size=(n, t))
    shocks = 0.9 * shocks + near.matrix @ rng.normal(size=(n, t))
    series = np.empty((n, t))
    series[:, 0] = shocks[:, 0]
    for now in range(1, t):
        series[:, now] = 0.6 * series[:, now - 1] + 0.8 * shocks[:, now]
    return series


def solved(
    parts: Mapping[str, sparse.csr_array | Sequence[sparse.csr_array]],
    rho: Mapping[str, float],
    lagged: Sequence[tuple[sparse.csr_array | Sequence[sparse.csr_array], np.ndarray]],
    right: np.ndarray,
) -> np.ndarray:
    """Return y of ``y_t = sum rho_k W_kt y_t + sum W_kt z_kt + right_t``, shape (n, t)."""
    n, t = right.shape
    y, factor = np.empty((n, t)), None
    moving = any(not isinstance(m, sparse.csr_array) for m in parts.values())
    for now in range(t):
        total = right[:, now].copy()
        for matrix, z in lagged:
            total += _at(matrix, now) @ z[:, now]
        if factor is None or moving:
            system = sparse.eye_array(n) - sum(
                (rho[name] * _at(m, now) for name, m in parts.items()), start=0
            )
            factor = sla.splu(sparse.csc_array(system))
        y[:, now] = factor.solve(total)
    return y


def _at(matrix: sparse.csr_array | Sequence[sparse.csr_array], period: int) -> sparse.csr_array:
    return matrix if isinstance(matrix, sparse.csr_array) else matrix[period]


def indicators(
    rng: np.random.Generator,
    latent: np.ndarray,
    dimensions: Mapping[str, Mapping[str, Indicator]],
) -> tuple[dict[str, np.ndarray], pd.DataFrame, tuple[float, float]]:
    """Return indicators whose scaled values have a weighted sum equal to the latent variable.

    Each indicator is ``z_j = y + e_j`` with ``sum v_j e_j = 0``, so ``sum v_j z_j = y``. Scaling
    by min and max over all rows divides by the range r_j; with weights ``v_j r_j / sum v r`` the
    index is ``(y - offset) / unit`` exactly, unit = sum v r and offset = sum v min.

    Returns
    -------
    columns, weights, (offset, unit)
    """
    rows = [
        (d, name, *indicator)
        for d, group in dimensions.items()
        for name, indicator in group.items()
    ]
    v = np.array([row[3] for row in rows])
    v = v / v.sum()
    n, t = latent.shape
    lasting = 0.8 * latent.std() * rng.normal(size=(len(rows), n, 1))
    noise = lasting + 0.2 * latent.std() * rng.normal(size=(len(rows), n, t))
    # Dimensions differ permanently: a city may score high in one and low in another.
    for dimension in dimensions:
        columns_of = [j for j, row in enumerate(rows) if row[0] == dimension]
        noise[columns_of] += 0.4 * latent.std() * rng.normal(size=(n, 1))
    noise -= np.tensordot(v, noise, axes=1)
    z = latent + noise
    low, high = z.min(axis=(1, 2)), z.max(axis=(1, 2))
    unit = float(v @ (high - low))
    columns = {}
    for j, (_, name, sign, _, least, largest, _) in enumerate(rows):
        share = (z[j] - low[j]) / (high[j] - low[j])
        share = share if sign == "+" else 1 - share
        columns[name] = (least + (largest - least) * share).ravel()
    table = pd.DataFrame(
        {
            "dimension": [row[0] for row in rows],
            "direction": [row[2] for row in rows],
            "weight": v * (high - low) / unit,
        },
        index=pd.Index([row[1] for row in rows], name="indicator"),
    )
    return columns, table, (float(v @ low), unit)


def club_paths(rng: np.random.Generator, levels: np.ndarray, t: int) -> np.ndarray:
    """Return log incomes ``delta_it m_t`` whose delta tends to the level of its club, (n, t)."""
    time = np.arange(1, t + 1)
    mean = 10.4 + 0.07 * time
    shrinking = 1 / (np.log(time + 1) * np.sqrt(time))
    delta = levels[:, None] + 0.006 * rng.normal(size=(len(levels), 1)) * shrinking
    return np.asarray(delta * mean)
