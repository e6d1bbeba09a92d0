"""Weights of units by distance, in kilometres on the globe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.options import Edge, Nonnegative, Positive, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import label, t
from nqp_spatial.errors import GeometryError, OptionError, sample
from nqp_spatial.weights._complete import complete_weights
from nqp_spatial.weights._coordinates import SMALLER, Coordinates, Metric, coordinates_of
from nqp_spatial.weights.spatial_weights import (
    Islands,
    SpatialWeights,
    Standardization,
    WeightsSpec,
    build,
)

__all__ = ["bands", "distance_band", "exponential", "inverse_distance", "knn"]


@checked
def knn(
    panel: SpatialPanel,
    *,
    k: int = 6,
    symmetrize: Literal["either", "both"] | None = None,
    metric: Metric = "haversine",
    standardize: Standardization = "row",
) -> SpatialWeights:
    """Weights of the k nearest units: ``w_ij = 1`` if j is among the k nearest of i.

    Parameters
    ----------
    panel : SpatialPanel
        With geometries; distances are between points, or centroids of polygons.
    k : int
        Number of neighbours. Ties are broken by the order of units.
    symmetrize : {"either", "both"}, optional
        Link i and j if either is among the other's nearest, or only if each is among the other's.
    metric : {"haversine", "geodesic"}
        Great circles on the sphere, or geodesics on the WGS 84 ellipsoid (by pyproj). Projected
        coordinates are transformed to longitude and latitude first; those of a local CRS, which
        has no position on the globe, stay planar. The specification records it.
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
        If k is not between 1 and n - 1, or another option is unknown.
    IslandError
        If ``symmetrize="both"`` leaves units without neighbours.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> nq.weights.knn(nq.datasets.us_income(), k=4).n_links
    192
    """
    n = panel.n_units
    if not 1 <= k < n:
        raise OptionError(f"k must be a whole number from 1 to {n - 1} for {n} units, got {k!r}")
    coordinates = coordinates_of(panel, metric)
    neighbors = coordinates.nearest(k)
    rows = np.repeat(np.arange(n), k)
    matrix = sparse.csr_array((np.ones(n * k), (rows, neighbors.ravel())), shape=(n, n))
    if symmetrize == "either":
        matrix = sparse.csr_array(matrix.maximum(matrix.T))
    elif symmetrize == "both":
        matrix = sparse.csr_array(matrix.multiply(matrix.T))
    linked_if = None if symmetrize is None else label("weights", symmetrize)
    parameters = {"k": k, "symmetrize": linked_if, **coordinates.parameters}
    spec = WeightsSpec(t("k nearest neighbours"), parameters)
    return build(matrix, panel.units, spec, standardize=standardize, islands="error")


@checked
def distance_band(
    panel: SpatialPanel,
    *,
    cutoff_km: Positive,
    power: Nonnegative = 0.0,
    metric: Metric = "haversine",
    islands: Islands = "error",
    standardize: Standardization = "row",
) -> SpatialWeights:
    """Weights of all units within a distance: ``w_ij = d_ij ** -power`` if ``d_ij <= cutoff``.

    Parameters
    ----------
    panel : SpatialPanel
        With geometries.
    cutoff_km : float
        The distance, in kilometres; pairs at it are linked.
    power : float
        The decay exponent; 0 for equal weights.
    metric, standardize
        As in `knn`.
    islands : {"error", "keep"}
        Units without any other unit within the cutoff.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    GeometryError, CrsError, IslandError, OptionError
        As in `inverse_distance`.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> w = nq.weights.distance_band(nq.datasets.us_income(), cutoff_km=800)
    >>> w.spec.words
    'distance band (cutoff_km = 800.0), row-standardised'
    """
    return _by_distance(
        panel, t("distance band"), (lambda km: km**-power) if power else np.ones_like,
        {"cutoff_km": float(cutoff_km), "power": float(power) or None},
        cutoff_km, coordinates_of(panel, metric), islands, standardize, apart=power > 0,
    )  # fmt: skip


@checked
def inverse_distance(
    panel: SpatialPanel,
    *,
    power: Positive = 1.0,
    cutoff_km: Positive | None = None,
    metric: Metric = "haversine",
    islands: Islands = "error",
    standardize: Standardization = "row",
    progress: bool = False,
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
    metric, standardize
        As in `knn`.
    islands : {"error", "keep"}
        Units without any other unit within the cutoff.
    progress : bool
        Whether to show a progress bar, with the size of the matrix, where there is no cutoff.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    GeometryError
        If units lie on the same point (named), or there are no geometries.
    CrsError
        If distances in kilometres cannot be computed.
    IslandError
        If a unit has no other unit within the cutoff.
    OptionError
        If power or cutoff is not positive, or the matrix would not fit into memory.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> w = nq.weights.inverse_distance(nq.datasets.us_income(), cutoff_km=800)
    >>> w.spec.words
    'inverse distance (power = 1.0, cutoff_km = 800.0), row-standardised'
    """
    return _by_distance(
        panel, t("inverse distance"), lambda km: km**-power,
        {"power": float(power), "cutoff_km": None if cutoff_km is None else float(cutoff_km)},
        cutoff_km, coordinates_of(panel, metric), islands, standardize, apart=True,
        progress=progress,
    )  # fmt: skip


@checked
def exponential(
    panel: SpatialPanel,
    *,
    scale_km: Positive,
    cutoff_km: Positive | None = None,
    metric: Metric = "haversine",
    islands: Islands = "error",
    standardize: Standardization = "row",
    progress: bool = False,
) -> SpatialWeights:
    """Weights that fall exponentially with distance: ``w_ij = exp(-d_ij / h)``.

    Parameters
    ----------
    panel : SpatialPanel
        With geometries.
    scale_km : float
        h, the distance at which a weight has fallen to 37 %.
    cutoff_km : float, optional
        Pairs farther apart have no weight; by default none is cut, and the matrix is as large as
        a dense one.
    metric, standardize
        As in `knn`.
    islands : {"error", "keep"}
        Units without any other unit within the cutoff.
    progress : bool
        As in `inverse_distance`.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    GeometryError, CrsError, IslandError, OptionError
        As in `inverse_distance`.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> nq.weights.exponential(nq.datasets.us_income(), scale_km=200, cutoff_km=1000).n_units
    48
    """
    return _by_distance(
        panel, t("exponential decay"), lambda km: np.exp(-km / scale_km),
        {"scale_km": float(scale_km), "cutoff_km": None if cutoff_km is None else float(cutoff_km)},
        cutoff_km, coordinates_of(panel, metric), islands, standardize, apart=False,
        progress=progress,
    )  # fmt: skip


@checked
def bands(
    panel: SpatialPanel,
    *,
    edges_km: Sequence[Edge],
    power: Nonnegative = 0.0,
    metric: Metric = "haversine",
    islands: Islands = "error",
    standardize: Standardization = "row",
) -> dict[tuple[float, float], SpatialWeights]:
    """Weights of rings of distance, which add up to the weights of the full disc.

    ``w_ij = d_ij ** -power`` if ``low < d_ij <= high``, on the common normalisation: each row is
    divided by its sum over all bands.

    Parameters
    ----------
    panel : SpatialPanel
        With geometries.
    edges_km : sequence of float
        Ascending edges, such as ``[0, 100, 200, 400]``; the first is at or above zero.
    power, metric, islands, standardize
        As in `distance_band`, for the full disc.

    Returns
    -------
    dict
        ``(low, high)`` to SpatialWeights; islands of a ring are kept. Their sum is
        `distance_band` with the last edge (less what lies within the first).

    Raises
    ------
    OptionError
        If edges are not ascending.
    GeometryError, CrsError, IslandError
        As in `distance_band`.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> rings = nq.weights.bands(nq.datasets.us_income(), edges_km=[0, 500, 1000])
    >>> list(rings)
    [(0.0, 500.0), (500.0, 1000.0)]
    """
    edges = [float(edge) for edge in edges_km]
    if len(edges) < 2 or edges[0] < 0 or any(b <= a for a, b in pairwise(edges)):
        raise OptionError(f"edges_km must be two or more ascending numbers from 0, got {edges}")
    coordinates = coordinates_of(panel, metric)
    disc = _by_distance(
        panel, t("distance bands"), (lambda km: km**-power) if power else np.ones_like,
        {"edges_km": edges, "power": float(power) or None},
        edges[-1], coordinates, islands, standardize, apart=power > 0, beyond_km=edges[0],
    )  # fmt: skip
    km = coordinates.distance(*links_of(disc.sparse))
    rings = {}
    for low, high in pairwise(edges):
        in_ring = (km > low) & (km <= high)
        if low == 0:
            in_ring |= km == 0
        kind = t("({low:g}, {high:g}] km of {weights}", low=low, high=high, weights=disc.spec.words)
        rings[low, high] = part_of(disc, in_ring, kind)
    return rings


def links_of(matrix: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Return receiver and sender of each stored weight, in the order in which they are stored."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), matrix.indices


def part_of(weights: SpatialWeights, mask: np.ndarray, kind: str) -> SpatialWeights:
    """Return selected links of a matrix, with their weights unchanged.

    Parameters
    ----------
    weights : SpatialWeights
        The matrix.
    mask : ndarray of bool
        Which of its links, in the order of `weights.sparse`.
    kind : str
        The part in words.

    Returns
    -------
    SpatialWeights
        On the common normalisation: the parts of a matrix add up to it exactly.
    """
    matrix = weights.sparse.copy()
    matrix.data = np.where(mask, matrix.data, 0.0)
    return build(matrix, weights.units, WeightsSpec(kind), standardize="none", islands="keep")


def _by_distance(
    panel: SpatialPanel,
    kind: str,
    weight: Callable[[np.ndarray], np.ndarray],
    parameters: dict[str, object],
    cutoff_km: float | None,
    coordinates: Coordinates,
    islands: Islands,
    standardize: Standardization,
    *,
    apart: bool,
    beyond_km: float = 0.0,
    progress: bool = False,
) -> SpatialWeights:
    """Weigh every pair within the cutoff by a function of its kilometres."""
    spec = WeightsSpec(kind, {**parameters, **coordinates.parameters})
    if cutoff_km is None:
        raw = complete_weights(
            coordinates, lambda km, rows, columns: weight(km),
            require_apart=(lambda pairs, km: require_apart(panel.units, pairs, km)) if apart
            else None, advice=SMALLER, progress=progress,
        )  # fmt: skip
        return build(raw, panel.units, spec, standardize=standardize, islands=islands)
    pairs, km = coordinates.pairs(cutoff_km)
    if apart:
        require_apart(panel.units, pairs, km)
    if beyond_km:
        pairs, km = pairs[km > beyond_km], km[km > beyond_km]
    return build(
        symmetric(pairs, weight(km), panel.n_units), panel.units, spec,
        standardize=standardize, islands=islands,
    )  # fmt: skip


def symmetric(pairs: np.ndarray, values: np.ndarray, n: int) -> sparse.csr_array:
    """Return the matrix with each value at (i, j) and at (j, i)."""
    links = np.concatenate([pairs, pairs[:, ::-1]]).T
    return sparse.csr_array((np.tile(values, 2), (links[0], links[1])), shape=(n, n))


def require_apart(units: pd.Index, pairs: np.ndarray, km: np.ndarray) -> None:
    """Raise `GeometryError`, naming them, if two units lie on the same point."""
    same = km <= 1e-9
    if same.any():
        names = [(units[i], units[j]) for i, j in pairs[same][:5]]
        raise GeometryError(
            f"{int(same.sum())} pairs of units lie on the same point, so that an inverse distance "
            f"is infinite: {sample(names)}; move one of each or use weights.knn"
        )
