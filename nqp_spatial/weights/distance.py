"""Weights of units by distance, in kilometres on the globe or in the plane."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.spatial import cKDTree

from nqp_spatial.errors import CrsError, GeometryError, OptionError, sample
from nqp_spatial.panel import SpatialPanel
from nqp_spatial.weights.spatial_weights import (
    Islands,
    SpatialWeights,
    Standardization,
    WeightsSpec,
    finish,
)

__all__ = ["inverse_distance", "knn", "nearest"]

EARTH_RADIUS_KM = 6371.0088  # mean radius of the WGS 84 ellipsoid (IUGG 1980)


def knn(
    panel: SpatialPanel,
    *,
    k: int = 6,
    standardize: Standardization = "row",
) -> SpatialWeights:
    """Weights of the k nearest units: ``w_ij = 1`` if j is among the k nearest of i.

    Parameters
    ----------
    panel : SpatialPanel
        With geometries; distances are between points, or centroids of polygons.
    k : int
        Number of neighbours. Ties are broken by the order of units.
    standardize : {"row", "spectral", "minmax", "none"}
        As in `SpatialWeights.standardize`.

    Returns
    -------
    SpatialWeights
        Not symmetric in general.

    Raises
    ------
    GeometryError, CrsError
        If there are no geometries, or no CRS that gives distances.
    OptionError
        If k is not between 1 and n - 1.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> nq.weights.knn(nq.datasets.us_income(), k=4).n_links
    192
    """
    n = panel.n_units
    if not (isinstance(k, int) and 1 <= k < n):
        raise OptionError(f"k must be a whole number from 1 to {n - 1} for {n} units, got {k!r}")
    neighbors = nearest(panel, k)
    rows = np.repeat(np.arange(n), k)
    matrix = sparse.csr_array((np.ones(n * k), (rows, neighbors.ravel())), shape=(n, n))
    spec = WeightsSpec("k nearest neighbours", {"k": k})
    return finish(matrix, panel.units, spec, standardize=standardize, islands="error")


def inverse_distance(
    panel: SpatialPanel,
    *,
    power: float = 1.0,
    cutoff_km: float | None = None,
    islands: Islands = "error",
    standardize: Standardization = "row",
) -> SpatialWeights:
    """Weights that fall with distance: ``w_ij = d_ij ** -power`` up to a cutoff.

    Parameters
    ----------
    panel : SpatialPanel
        With geometries.
    power : float
        The decay exponent.
    cutoff_km : float, optional
        Pairs farther apart have no weight. Without it every pair has one, and the matrix is as
        large as a dense one.
    islands : {"error", "keep"}
        Units with nobody within the cutoff.
    standardize : {"row", "spectral", "minmax", "none"}
        As in `SpatialWeights.standardize`.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    GeometryError
        If units lie on the same point (named), or there are no geometries.
    CrsError
        If no distances in kilometres can be had.
    IslandError
        If a unit has nobody within the cutoff.
    OptionError
        If power or cutoff is not positive.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> w = nq.weights.inverse_distance(nq.datasets.us_income(), cutoff_km=800)
    >>> w.spec.describe()
    'inverse distance (power = 1.0, cutoff_km = 800.0), row-standardised'
    """
    if not power > 0:
        raise OptionError(f"power must be positive, got {power!r}")
    if cutoff_km is not None and not cutoff_km > 0:
        raise OptionError(f"cutoff_km must be positive, got {cutoff_km!r}")
    points, to_km = _points(panel)
    tree = cKDTree(points)
    reach = np.inf if cutoff_km is None else _chord(cutoff_km, to_km)
    pairs = tree.query_pairs(reach * (1 + 1e-12), output_type="ndarray")
    km = to_km(np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1))
    same = km <= 1e-9
    if same.any():
        names = [(panel.units[i], panel.units[j]) for i, j in pairs[same][:5]]
        raise GeometryError(
            f"{int(same.sum())} pairs of units lie on the same point, so that an inverse distance "
            f"is infinite: {sample(names)}; move one of each or use weights.knn"
        )
    if cutoff_km is not None:
        pairs, km = pairs[km <= cutoff_km], km[km <= cutoff_km]
    n = panel.n_units
    both = (np.concatenate([pairs[:, 0], pairs[:, 1]]), np.concatenate([pairs[:, 1], pairs[:, 0]]))
    matrix = sparse.csr_array((np.tile(km**-power, 2), both), shape=(n, n))
    parameters = {
        "power": float(power),
        "cutoff_km": None if cutoff_km is None else float(cutoff_km),
    }
    spec = WeightsSpec("inverse distance", parameters)
    return finish(matrix, panel.units, spec, standardize=standardize, islands=islands)


def nearest(panel: SpatialPanel, k: int) -> np.ndarray:
    """Return the positions of the k nearest other units of each unit, nearest first.

    Parameters
    ----------
    panel : SpatialPanel
        With geometries.
    k : int
        Number of neighbours.

    Returns
    -------
    ndarray of int
        Shape (n, k).
    """
    points, _ = _points(panel)
    n = len(points)
    # A unit is usually its own nearest; with coincident points it may not be, so it is looked for.
    _, found = cKDTree(points).query(points, k=min(k + 1, n))
    own = found == np.arange(n)[:, None]
    own[~own.any(axis=1), -1] = True
    return np.asarray(found[~own].reshape(n, -1))


def _points(panel: SpatialPanel) -> tuple[np.ndarray, _ToKm]:
    """Return coordinates in which straight lines order pairs by distance, and the way to km.

    Geographic coordinates become points on the unit sphere, whose chords grow with the great
    circle between them (haversine in another form), so that one tree serves globe and plane.
    """
    shapes = panel.require_geometry()
    crs = shapes.crs
    if crs is None:
        raise CrsError(
            "the geometries have no CRS, so distances have no unit; "
            "set it with geometry.set_crs(...) before making the panel"
        )
    if crs.is_geographic:
        points = _centroids(shapes.geometry)
        if (np.abs(points[:, 1]) > 90).any() or (np.abs(points[:, 0]) > 360).any():
            raise CrsError(
                f"the CRS ({crs.name}) is in degrees but coordinates are beyond 90 or 360; "
                "the CRS does not fit the data"
            )
        lon, lat = np.radians(points).T
        ball = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        return ball, _ToKm(globe=True, scale=EARTH_RADIUS_KM)
    points = _centroids(shapes.geometry)
    metres = float(crs.axis_info[0].unit_conversion_factor)
    return points, _ToKm(globe=False, scale=metres / 1000)


class _ToKm:
    """Turn straight-line distances into kilometres, and back."""

    def __init__(self, *, globe: bool, scale: float) -> None:
        self.globe = globe
        self.scale = scale

    def __call__(self, chord: np.ndarray) -> np.ndarray:
        if self.globe:
            return 2 * self.scale * np.arcsin(np.clip(chord / 2, 0, 1))
        return chord * self.scale


def _chord(km: float, to_km: _ToKm) -> float:
    if to_km.globe:
        return float(2 * np.sin(min(km / (2 * to_km.scale), np.pi / 2)))
    return km / to_km.scale


def _centroids(geometry: pd.Series) -> np.ndarray:
    """Return points as they are and centroids of everything else, shape (n, 2)."""
    import shapely

    # In degrees a planar centroid is the mean of the outline's area in degrees: within a city or
    # province it differs from the centroid on the globe by far less than the unit's own size.
    points = shapely.centroid(geometry.to_numpy())
    return np.column_stack([shapely.get_x(points), shapely.get_y(points)])
