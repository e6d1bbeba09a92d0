"""The part of the units that a map shows: a box, or all but far-away parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nqp_spatial.errors import GeometryError, OptionError

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["Box", "Extent", "checked_box", "main_parts", "projected_box", "require_units_in"]

Box = tuple[float, float, float, float]
Extent = tuple[float, float, float, float] | Literal["main"]

# Parts that are nearer than this share of the size of the map belong together.
_TOGETHER = 0.05
# A part that would enlarge the box of the map by more than this share is left aside.
_GROWTH = 0.2


def checked_box(extent: Box, *, degrees: bool) -> Box:
    """Return a box as floats, west, south, east, north.

    Raises
    ------
    OptionError
        If the sides are in another order, or degrees are none.
    """
    west, south, east, north = map(float, extent)
    advice = (
        " A map across the 180th meridian needs a crs= centred there and extent_units='map'"
        if degrees
        else ""
    )
    if not (west < east and south < north):
        raise OptionError(
            f"extent must be west, south, east, north, in rising order; got {extent!r}.{advice}"
        )
    if degrees and not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise OptionError(
            f"extent must be in degrees of longitude and latitude, got {extent!r}; in units of the "
            "map's projection with extent_units='map'"
        )
    return west, south, east, north


def projected_box(box: Box, crs: Any) -> Box:
    """Return the box in a projection that contains a box of degrees."""
    from pyproj import Transformer

    projection = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    west, south, east, north = projection.transform_bounds(*box)
    return west, south, east, north


def require_units_in(box: Box, shapes: gpd.GeoDataFrame, extent: object) -> None:
    """Raise unless a box in the units of the shapes shows a unit."""
    from shapely.geometry import box as rectangle

    if not shapes.intersects(rectangle(*box)).any():
        frame = shapes if shapes.crs is None else shapes.to_crs("EPSG:4326")
        sides = ", ".join(f"{side:.6g}" for side in frame.total_bounds)
        raise GeometryError(
            f"no unit lies in extent={extent!r}; the units lie in {sides} (west, south, east, "
            f"north{', degrees' if shapes.crs is not None else ''})"
        )


def main_parts(shapes: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """Return the parts of the units without those that lie far away, in the CRS of the shapes.

    Parts of all units (the islands of a country are parts of one unit) are joined where gaps are
    small. The group with the most units is the main one. Other groups are added, those first that
    enlarge the box of the map least, as long as it grows by no more than a fifth.

    Parameters
    ----------
    shapes : GeoDataFrame
        Polygons or points, by unit.

    Returns
    -------
    GeoSeries
    """
    parts = shapes.geometry.explode(index_parts=False)
    planar = _planar(shapes, parts)
    bounds = planar.bounds.to_numpy()
    codes = _groups_of_parts(planar, bounds)
    members = [codes == code for code in range(codes.max() + 1)]
    weight = [(parts.index[rows].nunique(), float(planar[rows].area.sum())) for rows in members]
    main = max(range(len(members)), key=weight.__getitem__)
    others = {code: _outline(bounds[rows]) for code, rows in enumerate(members) if code != main}
    box = _outline(bounds[members[main]])
    most = (1 + _GROWTH) * _size(box)
    chosen = [main]
    while others:
        joined = {code: _outline(np.array([box, outline])) for code, outline in others.items()}
        nearest = min(joined, key=lambda code: _size(joined[code]))
        if _size(joined[nearest]) > most:
            break
        box = joined[nearest]
        chosen.append(nearest)
        del others[nearest]
    return parts[np.isin(codes, chosen)]


def _planar(shapes: gpd.GeoDataFrame, parts: gpd.GeoSeries) -> gpd.GeoSeries:
    """Return parts in metres around the middle unit; projected ones and those without CRS stay."""
    if shapes.crs is None or not shapes.crs.is_geographic:
        return parts
    middle = np.median(shapes.geometry.representative_point().get_coordinates(), axis=0)
    return parts.to_crs(f"+proj=laea +lon_0={middle[0]} +lat_0={middle[1]} +datum=WGS84 +units=m")


def _groups_of_parts(planar: gpd.GeoSeries, bounds: np.ndarray) -> np.ndarray:
    """Return the number of the group of each part; gaps inside a group are small."""
    from scipy import sparse

    # The size of the map without what lies farthest out.
    middles = (bounds[:, :2] + bounds[:, 2:]) / 2
    spread = np.quantile(middles, 0.9, axis=0) - np.quantile(middles, 0.1, axis=0)
    gap = _TOGETHER * float(np.hypot(*spread))
    receivers, senders = planar.sindex.query(planar, predicate="dwithin", distance=gap)
    size = len(planar)
    links = sparse.coo_array((np.ones(len(receivers)), (receivers, senders)), shape=(size, size))
    return np.asarray(sparse.csgraph.connected_components(links, directed=False)[1])


def _outline(bounds: np.ndarray) -> np.ndarray:
    return np.concatenate([bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)])


def _size(outline: np.ndarray) -> float:
    return float(np.prod(np.maximum(outline[2:] - outline[:2], 1e-12)))
