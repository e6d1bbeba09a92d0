"""Weights of adjacent units."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.options import Nonnegative, Size, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, label, listed, t
from nqp_spatial.errors import GeometryError, IslandError, NqpWarning, sample
from nqp_spatial.weights._borders import Borders
from nqp_spatial.weights._coordinates import coordinates_of
from nqp_spatial.weights.spatial_weights import (
    SpatialWeights,
    Standardization,
    WeightsSpec,
    build,
)

__all__ = ["contiguity"]

_KINDS = {"queen": t("queen contiguity"), "rook": t("rook contiguity")}


@checked
def contiguity(
    panel: SpatialPanel,
    *,
    kind: Literal["queen", "rook"] = "queen",
    order: Size = 1,
    tolerance: Nonnegative | None = None,
    islands: Literal["error", "nearest", "keep"] = "error",
    standardize: Standardization = "row",
) -> SpatialWeights:
    """Weights of polygons that share a border.

    ``w_ij = 1`` if i and j share a point (queen) or an edge (rook); of a higher order, if the
    shortest path between them has exactly that many steps. Borders are compared as geometries:
    they need not have the same vertices.

    Parameters
    ----------
    panel : SpatialPanel
        With polygons.
    kind : {"queen", "rook"}
        Which borders count.
    order : int
        Number of steps.
    tolerance : float, optional
        Metres within which borders meet, so that gaps and overlaps from digitising do not
        separate neighbours. By default one metre, or a thousandth of the median width of the units
        if that is less; without a CRS only rounding is tolerated. An edge (rook) is longer than
        four tolerances, which distinguishes it from a corner, unless both polygons have its
        vertices. The specification counts the borders that the tolerance closed.
    islands : {"error", "nearest", "keep"}
        Units without neighbours: raise, link both ways with the nearest unit, or keep an empty
        row. The specification records it.
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
    CrsError
        If a tolerance is given and there is no CRS.
    OptionError
        If an option is unknown, or the tolerance is larger than a quarter of the median width.

    Warns
    -----
    NqpWarning
        If borders run side by side within 100 m (or a fiftieth of the median width) and do not
        meet.

    Notes
    -----
    Distances are those in the plane of a projected map; in degrees, those in a plane around the
    common border. A unit that lies inside another, without a hole for it, is its neighbour.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> nq.weights.contiguity(nq.datasets.us_income())
    SpatialWeights: queen contiguity, row-standardised; 48 units, 214 links, 0 islands, 1 component
    """
    shapes = panel.require_geometry()
    flat = ~shapes.geom_type.isin(["Polygon", "MultiPolygon"])
    if flat.any():
        raise GeometryError(
            f"contiguity needs polygons, but units {sample(shapes.index[flat])} are "
            f"{sample(shapes.geom_type[flat].unique())}; use weights.knn or a distance"
        )
    borders = Borders.of(shapes, kind, tolerance)
    matrix = borders.matrix
    parameters = _parameters(borders, order, tolerance)
    treatment = ""
    alone = np.flatnonzero(np.diff(matrix.indptr) == 0)
    _report_gaps(borders, panel.units, alone if islands == "error" else alone[:0])
    if len(alone) and islands == "nearest" and panel.n_units > 1:
        matrix = _attached(matrix, alone, coordinates_of(panel).nearest(1)[alone, 0])
        treatment = t("{count} linked both ways with the nearest unit", count=len(alone))
    if order > 1:
        matrix = _steps_away(matrix, order)
    spec = WeightsSpec(_KINDS[kind], parameters, islands=treatment)
    return build(
        matrix,
        panel.units,
        spec,
        standardize=standardize,
        islands="keep" if islands == "keep" else "error",
    )


def _parameters(borders: Borders, order: int, tolerance: float | None) -> dict[str, object]:
    """Return the parameters of the specification."""
    closed = t("{count} within {metres:g} m", count=borders.closed, metres=borders.tolerance)
    return {
        "order": order if order > 1 else None,
        "tolerance_m": tolerance,
        "borders_closed": closed if borders.closed and borders.scale.known else None,
        "polygons_repaired": borders.repaired or None,
    }


def _report_gaps(borders: Borders, units: pd.Index, alone: np.ndarray) -> None:
    """Warn of borders that run side by side, or raise if units have no neighbours for that."""
    if len(alone):
        pairs, metres = borders.near_misses(alone)
        parted = np.intersect1d(alone, pairs)
        if len(parted):
            raise IslandError(
                f"{len(alone)} of {len(units)} units have no neighbours: {sample(units[alone])}; "
                f"{len(parted)} of {len(alone)} islands are a gap between polygons, not islands: "
                f"{len(pairs)} pairs of borders run side by side and do not meet; "
                f"{_closing(borders, metres)}"
            )
    pairs, metres = borders.near_misses()
    unit = t("m") if borders.scale.known else t("units of the map")
    if len(pairs):
        warnings.warn(
            t(
                "borders of {count} pairs of units run side by side within {width:g} {unit} and do "
                "not meet, so they are not {kind} neighbours: {pairs}; {advice}",
                count=len(pairs), width=metres, unit=unit, kind=label("contiguity", borders.kind),
                pairs=_names(pairs, units), advice=_closing(borders, metres),
            ),
            NqpWarning,
            stacklevel=3,
        )  # fmt: skip
    if len(borders.overlaps):
        warnings.warn(
            t(
                "{count} pairs of units overlap by more than the tolerance of {width:g} {unit}: "
                "{pairs}; correct the map, or pass a tolerance= (metres) as wide as the overlap",
                count=len(borders.overlaps), width=borders.tolerance, unit=unit,
                pairs=_names(borders.overlaps, units),
            ),
            NqpWarning,
            stacklevel=3,
        )  # fmt: skip


def _names(pairs: np.ndarray, units: pd.Index) -> str:
    return listed([(units[i], units[j]) for i, j in pairs])


def _closing(borders: Borders, metres: float) -> Message:
    if not borders.scale.known:
        return t("set the CRS, then tolerance= (metres) closes them")
    return t("tolerance={metres:g} (metres) closes them", metres=metres)


def _attached(
    matrix: sparse.csr_array, alone: np.ndarray, partners: np.ndarray
) -> sparse.csr_array:
    pairs = (np.concatenate([alone, partners]), np.concatenate([partners, alone]))
    links = sparse.csr_array((np.ones(2 * len(alone)), pairs), shape=matrix.shape)
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
        if not reached.nnz:  # no unit is that far from another, nor farther
            break
    return reached
