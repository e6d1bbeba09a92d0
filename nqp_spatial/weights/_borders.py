"""Which polygons share a border: by shared vertices where there are any, else by geometry.

In a clean map neighbours share the vertices of their border, which a sort finds. Pairs that share
none but lie close are compared as geometries: their borders are cut to the box that they have in
common, in metres of a plane around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import sparse

from nqp_spatial.errors import CrsError, OptionError
from nqp_spatial.weights._coordinates import EARTH_RADIUS_KM

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["Borders", "Kind", "Scale"]

Kind = Literal["queen", "rook"]

DEFAULT_TOLERANCE_M = 1.0
# Borders that do not meet are reported up to this distance.
_NEAR_M = 100.0
# Rounding of coordinates, in metres: borders nearer than that meet.
_ROUNDING_M = 1e-3
_STEPS = [step * 10.0**power for power in range(-3, 5) for step in (1, 2, 5)]


@dataclass(frozen=True, eq=False)
class Scale:
    """Metres of a map's coordinates.

    Attributes
    ----------
    metres : float
        Metres of one unit of the coordinates; of a degree of latitude where they are degrees. One
        where there is no CRS, so that a metre is a unit of the map.
    geographic : bool
        Whether coordinates are longitude and latitude.
    width : float
        Median width (square root of the area) of the polygons, metres.
    known : bool
        Whether there is a CRS.
    """

    metres: float
    geographic: bool
    width: float
    known: bool

    @classmethod
    def of(cls, shapes: gpd.GeoDataFrame) -> Scale:
        """Return the scale of a map."""
        import shapely

        crs, geoms = shapes.crs, shapes.geometry.to_numpy()
        geographic = crs is not None and crs.is_geographic
        if geographic:
            metres = np.pi / 180 * EARTH_RADIUS_KM * 1000
        else:
            metres = 1.0 if crs is None else float(crs.axis_info[0].unit_conversion_factor)
        area = shapely.area(geoms)
        if geographic:
            area = area * np.cos(np.radians(shapely.bounds(geoms)[:, 1::2].mean(axis=1)))
        return cls(metres, geographic, float(np.sqrt(np.median(area))) * metres, crs is not None)

    @property
    def rounding(self) -> float:
        """Distance in metres that is due to rounding only."""
        return min(_ROUNDING_M if self.known else np.inf, 1e-6 * self.width)

    @property
    def near(self) -> float:
        """Distance in metres up to which borders that do not meet are reported."""
        return min(_NEAR_M if self.known else np.inf, self.width / 50)

    def tolerance(self, wanted: float | None) -> float:
        """Return the tolerance in metres, or raise if it does not fit the map."""
        if wanted is None:
            return min(DEFAULT_TOLERANCE_M, self.width / 1000) if self.known else self.rounding
        if not self.known and wanted > 0:
            raise CrsError(
                "tolerance is in metres, but the geometries have no CRS; set it with "
                "geometry.set_crs(...) before making the panel"
            )
        if wanted > self.width / 4:
            raise OptionError(
                f"tolerance is in metres, and {wanted:g} m would close units themselves, whose "
                f"median width is {self.width:g} m; pass at most a quarter of that"
            )
        return max(float(wanted), self.rounding)


@dataclass(frozen=True, eq=False)
class Borders:
    """Polygons and the pairs of them that share a border.

    Attributes
    ----------
    geoms : ndarray
        The polygons, invalid ones repaired.
    links : ndarray
        Shape (pairs, 2), i < j.
    closed : int
        How many of them have a gap or an overlap that the tolerance closes.
    overlaps : ndarray
        Pairs that overlap by more than the tolerance.
    repaired : int
        How many polygons were invalid.
    """

    geoms: np.ndarray
    kind: Kind
    scale: Scale
    tolerance: float
    links: np.ndarray
    closed: int
    overlaps: np.ndarray
    repaired: int

    @classmethod
    def of(cls, shapes: gpd.GeoDataFrame, kind: Kind, tolerance: float | None) -> Borders:
        """Find which polygons share a border.

        Parameters
        ----------
        shapes : GeoDataFrame
            Polygons.
        kind : {"queen", "rook"}
            A point, or an edge.
        tolerance : float or None
            Metres, as in `contiguity`.
        """
        scale = Scale.of(shapes)
        metres = scale.tolerance(tolerance)
        exact = _same_vertices(shapes.geometry.to_numpy(), kind)
        geoms, repaired = _repaired(shapes.geometry.to_numpy())
        pairs = _without(_close(geoms, scale, metres), exact, len(geoms))
        if kind == "rook":
            pairs = pairs[_long_enough(geoms, pairs, scale, metres)]
        meet = _meet(geoms, pairs, kind, scale, metres)
        overlap = _overlap_widths(geoms, pairs, scale)
        rounded = _meet(geoms, pairs, kind, scale, scale.rounding) & (overlap <= scale.rounding)
        return cls(
            geoms=geoms,
            kind=kind,
            scale=scale,
            tolerance=metres,
            links=np.concatenate([exact, pairs[meet]]),
            closed=int((meet & ~rounded & (overlap <= metres)).sum()),
            overlaps=pairs[overlap > metres],
            repaired=repaired,
        )

    @property
    def matrix(self) -> sparse.csr_array:
        """Links as a symmetric matrix of ones."""
        n = len(self.geoms)
        rows, columns = np.concatenate([self.links, self.links[:, ::-1]]).T
        return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))

    def near_misses(self, units: np.ndarray | None = None) -> tuple[np.ndarray, float]:
        """Return pairs whose borders run side by side without meeting, and the tolerance needed.

        Parameters
        ----------
        units : ndarray, optional
            Positions of units without neighbours: gaps around these are searched farther away.

        Returns
        -------
        pairs : ndarray
            Shape (pairs, 2).
        metres : float
            The smallest round tolerance that closes all of them.
        """
        reach = self.scale.near if units is None else self.scale.width / 10
        if reach <= self.tolerance:
            return np.empty((0, 2), dtype=int), 0.0
        pairs = _close(self.geoms, self.scale, reach, units)
        pairs = _without(pairs, self.links, len(self.geoms))
        pairs = pairs[_long_enough(self.geoms, pairs, self.scale, reach)]
        pairs = pairs[_meet(self.geoms, pairs, "rook", self.scale, reach)]
        for metres in [step for step in _STEPS if self.tolerance < step < reach]:
            if not len(pairs) or _meet(self.geoms, pairs, self.kind, self.scale, metres).all():
                return pairs, metres
        return pairs, reach


def _same_vertices(geoms: np.ndarray, kind: Kind) -> np.ndarray:
    """Return pairs i < j that have a vertex (queen) or an edge between two (rook) in common."""
    import shapely

    _, xy, offsets = shapely.to_ragged_array(geoms, include_z=False)
    vertices = np.unique(xy[:, 0] + 1j * xy[:, 1], return_inverse=True)[1].astype(np.int64)
    owner = shapely.get_coordinates(geoms, return_index=True)[1]
    items = vertices
    if kind == "rook":
        ends = np.sort(np.column_stack([vertices[:-1], vertices[1:]]), axis=1)
        edge = ends[:, 0] != ends[:, 1]
        edge[offsets[0][1:-1] - 1] = False  # from one ring to the next
        items = np.unique(ends[edge] @ np.array([len(xy), 1]), return_inverse=True)[1]
        owner = owner[:-1][edge]
    shape = (len(geoms), int(items.max(initial=0)) + 1)
    has = sparse.csr_array((np.ones(len(items)), (owner, items)), shape=shape)
    has.data[:] = 1.0
    shared = np.asarray(has.sum(axis=0)).ravel() > 1
    has = has[:, shared]
    return np.column_stack(sparse.triu(has @ has.T, k=1).nonzero()).astype(np.int64)


def _repaired(geoms: np.ndarray) -> tuple[np.ndarray, int]:
    """Return polygons with invalid ones made valid, and how many were."""
    import shapely

    wrong = ~shapely.is_valid(geoms)
    if wrong.any():
        geoms = geoms.copy()
        geoms[wrong] = shapely.make_valid(geoms[wrong], method="structure", keep_collapsed=False)
    return geoms, int(wrong.sum())


def _close(
    geoms: np.ndarray, scale: Scale, metres: float, units: np.ndarray | None = None
) -> np.ndarray:
    """Return pairs i < j whose boxes are within some metres; only around `units` if given."""
    import shapely

    chosen = np.arange(len(geoms)) if units is None else units
    boxes = _boxes(geoms[chosen], scale, metres)
    rows, columns = shapely.STRtree(geoms).query(shapely.box(*boxes.T))
    pairs = np.sort(np.column_stack([chosen[rows], columns]), axis=1).astype(np.int64)
    keys = np.unique(pairs[pairs[:, 0] < pairs[:, 1]] @ np.array([len(geoms), 1]))
    return np.column_stack(np.divmod(keys, len(geoms)))


def _without(pairs: np.ndarray, others: np.ndarray, n: int) -> np.ndarray:
    """Return pairs that are not among others."""
    keys = np.array([n, 1])
    return pairs[~np.isin(pairs @ keys, others @ keys)]


def _boxes(geoms: np.ndarray, scale: Scale, metres: float) -> np.ndarray:
    """Return bounds, wider by some metres on each side, shape (n, 4)."""
    import shapely

    bounds = shapely.bounds(geoms)
    margin = np.full(len(geoms), metres / scale.metres)
    across = (
        margin / _narrowing(np.abs(bounds[:, 1::2]).max(axis=1)) if scale.geographic else margin
    )
    return np.asarray(bounds + np.column_stack([-across, -margin, across, margin]))


def _narrowing(latitude: np.ndarray) -> np.ndarray:
    """Return how much shorter a degree of longitude is than one of latitude."""
    return np.asarray(np.cos(np.radians(np.minimum(np.abs(latitude), 89.9))))


def _common_boxes(geoms: np.ndarray, pairs: np.ndarray, scale: Scale, metres: float) -> np.ndarray:
    """Return the box that two polygons and some metres around them have in common, (pairs, 4)."""
    boxes = _boxes(geoms, scale, metres)
    first, second = boxes[pairs[:, 0]], boxes[pairs[:, 1]]
    low = np.maximum(first[:, :2], second[:, :2])
    high = np.minimum(first[:, 2:], second[:, 2:])
    return np.concatenate([low, high], axis=1)


def _factors(boxes: np.ndarray, scale: Scale) -> np.ndarray:
    """Return metres of the units of x and y in each box, shape (boxes, 2)."""
    factors = np.full((len(boxes), 2), scale.metres)
    if scale.geographic:
        factors[:, 0] *= _narrowing(boxes[:, 1::2].mean(axis=1))
    return factors


def _long_enough(geoms: np.ndarray, pairs: np.ndarray, scale: Scale, metres: float) -> np.ndarray:
    """Whether the common box has room for an edge: that of a corner has sides of 2 tolerances."""
    boxes = _common_boxes(geoms, pairs, scale, metres)
    sides = (boxes[:, 2:] - boxes[:, :2]) * _factors(boxes, scale)
    return np.asarray(sides.sum(axis=1) > 4.5 * metres)


def _meet(
    geoms: np.ndarray, pairs: np.ndarray, kind: Kind, scale: Scale, metres: float
) -> np.ndarray:
    """Whether borders come within some metres (queen) or run along each other there (rook)."""
    import shapely

    reach = metres / scale.metres
    if scale.geographic and len(geoms):
        reach = reach / float(_narrowing(np.abs(shapely.bounds(geoms)[:, 1::2]).max()))
    polygons, others = geoms[pairs[:, 0]], geoms[pairs[:, 1]]
    meet = np.asarray(shapely.dwithin(polygons, others, reach))
    near = np.flatnonzero(meet)
    first, second = _flat_borders(geoms, pairs[near], scale, metres)
    apart = ~(shapely.distance(first, second) <= metres)
    along = _run_along(first, second, metres) if kind == "rook" else True
    # Polygons are near while their borders are not: one unit lies inside another.
    enclosed = apart & shapely.intersects(polygons[near], others[near])
    meet[near] = (~apart & along) | enclosed
    return meet


def _flat_borders(
    geoms: np.ndarray, pairs: np.ndarray, scale: Scale, metres: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return both borders of each pair within the common box, in metres around its middle."""
    import shapely

    boxes = _common_boxes(geoms, pairs, scale, 2 * metres)
    middle, factors = (boxes[:, :2] + boxes[:, 2:]) / 2, _factors(boxes, scale)
    used, places = np.unique(pairs, return_inverse=True)
    borders = shapely.boundary(geoms[used])[places.reshape(pairs.shape)]
    cut = []
    for side in (0, 1):
        lines = shapely.intersection(borders[:, side], shapely.box(*boxes.T))
        xy, index = shapely.get_coordinates(lines, return_index=True)
        cut.append(shapely.set_coordinates(lines, (xy - middle[index]) * factors[index]))
    return cut[0], cut[1]


def _overlap_widths(geoms: np.ndarray, pairs: np.ndarray, scale: Scale) -> np.ndarray:
    """Return how wide the overlap of each pair is, in metres: 2 area / perimeter."""
    import shapely

    polygons, others = geoms[pairs[:, 0]], geoms[pairs[:, 1]]
    widths = np.zeros(len(pairs))
    crossing = np.flatnonzero(shapely.intersects(polygons, others))
    common = shapely.intersection(polygons[crossing], others[crossing])
    factors = _factors(_common_boxes(geoms, pairs[crossing], scale, 0.0), scale)
    xy, index = shapely.get_coordinates(common, return_index=True)
    common = shapely.set_coordinates(common, xy * factors[index])
    area, around = shapely.area(common), shapely.length(common)
    widths[crossing] = np.divide(2 * area, around, out=np.zeros_like(area), where=around > 0)
    return widths


def _run_along(first: np.ndarray, second: np.ndarray, metres: float) -> np.ndarray:
    """Whether lines run within some metres of each other for more than around a corner.

    Around a corner, where borders meet at an angle, the part that is near grows in proportion to
    the distance; along a common border it hardly does.
    """
    import shapely

    near, wide = (
        shapely.length(shapely.intersection(first, shapely.buffer(second, reach, quad_segs=4)))
        for reach in (metres, 2 * metres)
    )
    return np.asarray((near > 4 * metres) & (wide < 1.5 * near))
