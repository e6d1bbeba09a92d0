"""Weights of points that are neighbours in a triangulation or in a part of one."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import sparse

from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import CrsError, GeometryError, sample
from nqp_spatial.weights._coordinates import Coordinates, coordinates_of
from nqp_spatial.weights.spatial_weights import (
    SpatialWeights,
    Standardization,
    WeightsSpec,
    build,
)

__all__ = ["triangulation"]

_KINDS = {
    "delaunay": t("Delaunay triangulation"),
    "gabriel": t("Gabriel graph"),
    "relative": t("relative neighbourhood graph"),
}


@checked
def triangulation(
    panel: SpatialPanel,
    *,
    kind: Literal["delaunay", "gabriel", "relative"] = "delaunay",
    standardize: Standardization = "row",
) -> SpatialWeights:
    """Weights of points that a triangulation links, for maps of points without borders.

    ``delaunay``: i and j share an edge of the Delaunay triangulation; ``gabriel``: no other unit
    lies in the circle that has i and j as its diameter; ``relative``: no other unit is nearer to i
    and to j than they are to each other.

    Parameters
    ----------
    panel : SpatialPanel
        With points, or polygons that stand for their centroids; three units or more.
    kind : {"delaunay", "gabriel", "relative"}
        Each has fewer links than the one before.
    standardize : {"row", "spectral", "minmax", "none"}
        As in `SpatialWeights.standardize`.

    Returns
    -------
    SpatialWeights
        Symmetric before standardisation, in one component.

    Raises
    ------
    GeometryError
        If units lie on the same point or on one line, or are fewer than three.
    CrsError
        If there is no CRS, or units span more than a third of the globe.
    OptionError
        If the kind is unknown.

    Notes
    -----
    Points on the globe are projected stereographically around their middle first. Circles stay
    circles in it, so that the Delaunay triangulation is that of the sphere.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> w = nq.weights.triangulation(nq.datasets.us_income(), kind="gabriel")
    >>> len(w.islands), int(w.components.max())
    (0, 0)
    """
    coordinates = coordinates_of(panel)
    points = _plane(coordinates)
    _, first, counts = np.unique(points, axis=0, return_index=True, return_counts=True)
    if (counts > 1).any():
        raise GeometryError(
            f"units share their point with others: {sample(panel.units[first[counts > 1]])}; "
            "move one of each"
        )
    if len(points) < 3 or np.linalg.matrix_rank(points - points.mean(axis=0)) < 2:
        raise GeometryError(
            f"a triangulation needs three units or more that do not lie on one line; the panel has "
            f"{len(points)}"
        )
    from scipy.spatial import QhullError

    try:
        matrix = _links(points, kind)
    except QhullError:
        raise GeometryError(
            "units lie on one line, which has no triangles; use weights.knn"
        ) from None
    spec = WeightsSpec(_KINDS[kind], coordinates.parameters)
    return build(matrix, panel.units, spec, standardize=standardize, islands="error")


def _links(points: np.ndarray, kind: str) -> sparse.csr_array:
    """Return the Delaunay triangulation or the part of it that is asked for, in both directions."""
    from scipy.spatial import Delaunay

    from nqp_spatial.weights._numba import empty_circles, empty_lunes

    starts, neighbours = Delaunay(points).vertex_neighbor_vertices
    starts, neighbours = starts.astype(np.int64), neighbours.astype(np.int64)
    links = np.ones(len(neighbours), dtype=bool)
    if kind != "delaunay":
        without = empty_circles if kind == "gabriel" else empty_lunes
        links = without(np.ascontiguousarray(points), starts, neighbours)
    rows = np.repeat(np.arange(len(points)), np.diff(starts))[links]
    matrix = sparse.csr_array(
        (np.ones(len(rows)), (rows, neighbours[links])), shape=(len(points), len(points))
    )
    matrix.sort_indices()
    return matrix


def _plane(coordinates: Coordinates) -> np.ndarray:
    """Return planar coordinates, stereographic around the middle for points on the globe."""
    if coordinates.degrees is None:
        return coordinates.points
    middle = coordinates.points.mean(axis=0)
    middle /= np.linalg.norm(middle)
    height = coordinates.points @ middle
    if height.min() < 0.5:
        raise CrsError(
            "units span more than a third of the globe, which no plane shows; use weights.knn"
        )
    east = np.cross([0.0, 0.0, 1.0], middle)
    east /= np.linalg.norm(east)
    axes = np.column_stack([east, np.cross(middle, east)])
    return np.asarray(2 * (coordinates.points @ axes) / (1 + height)[:, None])
