"""Outlines of units for a page: simplified with their common borders, on a grid of integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from nqp_spatial.plots.maps._basemap import Basemap

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["Shapes", "shapes_of"]

# Width of the grid; a map of 1 000 pixels has four steps of it per pixel.
_GRID = 4000
# Tolerance of the first attempt in steps of the grid, and how many vertices are quick to draw.
_TOLERANCE, _VERTICES = 4.0, 30_000


@dataclass(frozen=True, eq=False)
class Shapes:
    """Outlines on the grid, y upwards.

    Attributes
    ----------
    units : list of dict
        GeoJSON geometries, in the order of the units.
    points : ndarray
        A point inside each unit, shape (units, 2).
    layers : list of (dict, bool)
        Geometries of the base map, and whether they are areas.
    size : (width, height)
    has_blanks : bool
        Whether the base map shows areas that are none of the units.
    """

    units: list[dict[str, Any]]
    points: np.ndarray
    layers: list[tuple[dict[str, Any], bool]]
    size: tuple[float, float]
    has_blanks: bool = False

    @property
    def ground(self) -> list[dict[str, Any]]:
        """Return the areas of the base map."""
        return [shape for shape, is_area in self.layers if is_area]

    @property
    def borders(self) -> list[dict[str, Any]]:
        """Return the lines of the base map, among them the outlines of its areas."""
        return [_outline(shape) if is_area else shape for shape, is_area in self.layers]


def shapes_of(basemap: Basemap) -> Shapes:
    """Return the outlines of a map on the grid, simplified so that neighbours stay adjacent."""
    frames = [basemap.shapes, *basemap.layers]
    bounds = np.array([frame.total_bounds for frame in frames])
    low, high = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    extent = np.maximum(high - low, 1e-12)
    step = max(extent) / _GRID

    def on_grid(frame: gpd.GeoDataFrame) -> np.ndarray:
        shapes = shapely.force_2d(frame.geometry.to_numpy())
        return np.asarray(shapely.transform(shapes, lambda xy: (xy - low) / step))

    units = on_grid(basemap.shapes)
    layers = []
    for frame in basemap.layers:
        areas = bool(frame.geom_type.isin(["Polygon", "MultiPolygon"]).all())
        layers += [(_geojson(shape), areas) for shape in _simplified(on_grid(frame))]
    return Shapes(
        [_geojson(shape) for shape in _simplified(units)],
        shapely.get_coordinates(shapely.point_on_surface(units)).round(1),
        layers,
        (float(extent[0] / step), float(extent[1] / step)),
        _area(basemap.layers) > 1.005 * _area([basemap.shapes]),
    )


def _area(frames: list[gpd.GeoDataFrame]) -> float:
    return float(sum(frame.area.sum() for frame in frames))


def _simplified(shapes: np.ndarray) -> np.ndarray:
    """Return shapes with fewer vertices; islands smaller than the tolerance are left out."""
    kind = shapely.get_dimensions(shapes)
    if (kind == 0).all():
        return shapes
    tolerance = _TOLERANCE
    covers = bool((kind == 2).all()) and bool(shapely.coverage_is_valid(shapes))
    for _ in range(12):
        large = np.array([_without_specks(shape, tolerance**2) for shape in shapes], dtype=object)
        if covers:
            made = shapely.coverage_simplify(large, tolerance)
        else:
            made = shapely.simplify(large, tolerance / 2, preserve_topology=True)
        if shapely.get_num_coordinates(made).sum() <= _VERTICES:
            break
        tolerance *= 1.6
    return np.asarray(shapely.orient_polygons(made))  # holes turn the other way


def _without_specks(shape: Any, least: float) -> Any:
    """Return a shape without its smallest parts; the largest always stays."""
    if shape.geom_type != "MultiPolygon":
        return shape
    parts = shapely.get_parts(shape)
    areas = shapely.area(parts)
    large = parts[areas >= min(least, areas.max())]
    return shapely.multipolygons(large) if len(large) > 1 else large[0]


def _geojson(shape: Any) -> dict[str, Any]:
    """Return GeoJSON with whole coordinates, without repeated vertices."""
    kind = shape.geom_type
    if kind == "Polygon":
        coordinates: Any = _rings(shape)
    elif kind == "MultiPolygon":
        coordinates = [_rings(part) for part in shape.geoms]
    elif kind == "LineString":
        coordinates = _line(shape)
    elif kind == "MultiLineString":
        coordinates = [_line(part) for part in shape.geoms]
    elif kind == "Point":
        coordinates = [round(shape.x, 1), round(shape.y, 1)]
    elif kind == "MultiPoint":
        coordinates = [[round(part.x, 1), round(part.y, 1)] for part in shape.geoms]
    else:
        return {"type": kind, "geometries": [_geojson(part) for part in shape.geoms]}
    return {"type": kind, "coordinates": coordinates}


def _rings(polygon: Any) -> list[list[list[int]]]:
    return [_line(ring) for ring in (polygon.exterior, *polygon.interiors)]


def _line(line: Any) -> list[list[int]]:
    points = np.rint(shapely.get_coordinates(line)).astype(int)
    moved = np.r_[True, (np.diff(points, axis=0) != 0).any(axis=1)]
    distinct = points[moved] if moved.sum() >= 4 else points
    return [[int(x), int(y)] for x, y in distinct]


def _outline(shape: dict[str, Any]) -> dict[str, Any]:
    """Return the rings of an area as lines."""
    parts = shape["coordinates"]
    rings = parts if shape["type"] == "Polygon" else [ring for part in parts for ring in part]
    return {"type": "MultiLineString", "coordinates": rings}
