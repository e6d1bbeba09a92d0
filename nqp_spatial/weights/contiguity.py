"""Weights of units that touch each other."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import sparse

from nqp_spatial.errors import GeometryError, OptionError, sample
from nqp_spatial.panel import SpatialPanel, require_panel
from nqp_spatial.weights.places import places_of
from nqp_spatial.weights.spatial_weights import (
    SpatialWeights,
    Standardization,
    WeightsSpec,
    finish,
)

__all__ = ["contiguity"]


def contiguity(
    panel: SpatialPanel,
    *,
    kind: Literal["queen", "rook"] = "queen",
    order: int = 1,
    islands: Literal["error", "nearest", "keep"] = "error",
    standardize: Standardization = "row",
) -> SpatialWeights:
    """Weights of polygons that share a border.

    ``w_ij = 1`` if i and j share a point (queen) or an edge (rook); of a higher order, if the
    shortest path between them has exactly that many steps.

    Parameters
    ----------
    panel : SpatialPanel
        With polygons.
    kind : {"queen", "rook"}
        Which borders count.
    order : int
        Number of steps.
    islands : {"error", "nearest", "keep"}
        Units without neighbours: raise, link both ways with the nearest unit, or keep an empty
        row. What was done is written into the specification.
    standardize : {"row", "spectral", "minmax", "none"}
        As in `SpatialWeights.standardize`.

    Returns
    -------
    SpatialWeights

    Raises
    ------
    GeometryError
        If the panel has no polygons.
    IslandError
        If units have no neighbours and `islands` is "error".
    OptionError
        If an option is unknown.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> nq.weights.contiguity(nq.datasets.us_income())
    SpatialWeights: queen contiguity, row-standardised; 48 units, 214 links, 0 islands, 1 component
    """
    require_panel(panel)
    if kind not in ("queen", "rook"):
        raise OptionError(f"kind must be 'queen' or 'rook', got {kind!r}")
    if not (isinstance(order, int) and order >= 1):
        raise OptionError(f"order must be a whole number of at least 1, got {order!r}")
    if islands not in ("error", "nearest", "keep"):
        raise OptionError(f"islands must be 'error', 'nearest' or 'keep', got {islands!r}")
    shapes = panel.require_geometry()
    flat = ~shapes.geom_type.isin(["Polygon", "MultiPolygon"])
    if flat.any():
        raise GeometryError(
            f"contiguity needs polygons, but units {sample(shapes.index[flat])} are "
            f"{sample(shapes.geom_type[flat].unique())}; use weights.knn or a distance"
        )
    from libpysal.graph import Graph

    graph = Graph.build_contiguity(shapes.geometry, rook=kind == "rook", strict=False)
    matrix = sparse.csr_array(graph.sparse)
    matrix.setdiag(0)
    matrix.eliminate_zeros()
    parameters: dict[str, object] = {} if order == 1 else {"order": order}
    words = "none present"
    alone = np.flatnonzero(np.diff(matrix.indptr) == 0)
    if len(alone) and islands == "nearest":
        matrix = _attached(matrix, alone, places_of(panel).nearest(1)[alone, 0])
        words = f"{len(alone)} linked both ways with the nearest unit"
    if order > 1:
        matrix = _steps_away(matrix, order)
    spec = WeightsSpec(f"{kind} contiguity", parameters, islands=words)
    return finish(
        matrix,
        panel.units,
        spec,
        standardize=standardize,
        islands="keep" if islands == "keep" else "error",
    )


def _attached(
    matrix: sparse.csr_array, alone: np.ndarray, partners: np.ndarray
) -> sparse.csr_array:
    both = (np.concatenate([alone, partners]), np.concatenate([partners, alone]))
    links = sparse.csr_array((np.ones(2 * len(alone)), both), shape=matrix.shape)
    total = sparse.csr_array(matrix + links)
    total.data[:] = 1.0  # two islands may choose each other
    return total


def _steps_away(matrix: sparse.csr_array, order: int) -> sparse.csr_array:
    """Return links between units whose shortest path has `order` steps."""
    n = matrix.shape[0]
    step = matrix.astype(bool).astype(float)
    within = sparse.csr_array(sparse.eye_array(n) + step)
    reached = step
    for _ in range(order - 1):
        wider = sparse.csr_array((within @ step + within).astype(bool).astype(float))
        reached = sparse.csr_array(wider - within.astype(bool).astype(float))
        reached.eliminate_zeros()
        within = wider
    return reached
