"""Coordinates of units: points in which a tree finds neighbours, distances in kilometres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.spatial import cKDTree

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.sizes import memory_budget, require_memory
from nqp_spatial.core.text import label, t
from nqp_spatial.errors import CrsError, sample

if TYPE_CHECKING:
    from pyproj import CRS

__all__ = ["EARTH_RADIUS_KM", "Coordinates", "Metric", "coordinates_of", "require_links"]

Metric = Literal["haversine", "geodesic"]

EARTH_RADIUS_KM = 6371.0088  # mean radius of the WGS 84 ellipsoid (IUGG 1980)
# Great circles on the sphere and geodesics of the ellipsoid differ by at most 0.56 %.
_ELLIPSOID_MARGIN = 0.006


# What makes a matrix of too many pairs smaller.
SMALLER = "pass a smaller cutoff_km=, or use weights.knn"
# Peak while weights are made from a list of pairs: 61 to 74 bytes a link were measured.
BYTES_PER_LINK = 80


def links_fit(links: int) -> bool:
    """Whether a matrix of so many links fits into memory."""
    return BYTES_PER_LINK * links <= memory_budget()


def require_links(links: int, what: str, advice: str) -> None:
    """Raise `OptionError` unless a matrix of so many links fits into memory."""
    require_memory(BYTES_PER_LINK * links, f"{what} ({links:.2g} links)", advice)


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Coordinates in which straight lines order pairs by distance, and the way to kilometres.

    Geographic coordinates become points on the unit sphere, whose chords grow with the great
    circle between them (haversine in another form), so that one tree serves globe and plane.

    Attributes
    ----------
    points : ndarray
        Shape (n, 3) on the unit sphere, or (n, 2) in the plane.
    degrees : ndarray or None
        Longitude and latitude, shape (n, 2); none in a plane without a position on the globe.
    km : float
        Kilometres of one unit of the coordinates.
    metric : {"haversine", "geodesic"}
    source : str or None
        Description, for the specification, of coordinates that are not degrees.
    """

    points: np.ndarray
    degrees: np.ndarray | None
    km: float
    metric: Metric
    source: str | None = None

    @property
    def parameters(self) -> dict[str, object]:
        """Parameters of the specification that describe the distances."""
        is_other = self.metric != "haversine" and self.degrees is not None
        return {
            "metric": label("weights", self.metric) if is_other else None,
            "distances": self.source,
        }

    def distance(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the kilometres between units at positions `rows` and at `columns`."""
        if self.metric == "geodesic" and self.degrees is not None:
            from pyproj import Geod

            start, end = self.degrees[rows], self.degrees[columns]
            metres = Geod(ellps="WGS84").inv(start[:, 0], start[:, 1], end[:, 0], end[:, 1])[2]
            return np.asarray(metres) / 1000
        chord = np.linalg.norm(self.points[rows] - self.points[columns], axis=1)
        if self.degrees is None:
            return np.asarray(chord * self.km)
        return np.asarray(2 * self.km * np.arcsin(np.clip(chord / 2, 0, 1)))

    def pairs(self, cutoff_km: float | None) -> tuple[np.ndarray, np.ndarray]:
        """Return pairs i < j within the cutoff, shape (pairs, 2), and their kilometres.

        Raises
        ------
        OptionError
            If a matrix of so many pairs would not fit into memory.
        """
        n, tree = len(self.points), cKDTree(self.points)
        reach = np.inf if cutoff_km is None else self._reach(cutoff_km)
        # Pairs are counted before they are listed, but only where they may be too many.
        links = n * (n - 1)
        if not links_fit(links) and cutoff_km is not None:
            links = int(tree.count_neighbors(tree, reach)) - n
        require_links(
            links,
            f"weights of {n} units "
            + ("without a cutoff" if cutoff_km is None else f"within {cutoff_km:g} km"),
            SMALLER,
        )
        pairs = tree.query_pairs(reach, output_type="ndarray")
        km = self.distance(pairs[:, 0], pairs[:, 1])
        if cutoff_km is None:
            return pairs, km
        is_near = km <= cutoff_km
        return pairs[is_near], km[is_near]

    def nearest(self, k: int) -> np.ndarray:
        """Return the positions of the k nearest other units, nearest first, shape (n, k)."""
        n = len(self.points)
        tree = cKDTree(self.points)
        # A unit is usually its own nearest, but need not be where points coincide.
        radius, nearest = tree.query(self.points, k=min(k + 1, n))
        if self.metric == "haversine" or self.degrees is None:
            is_self = nearest == np.arange(n)[:, None]
            is_self[~is_self.any(axis=1), -1] = True
            return np.asarray(nearest[~is_self].reshape(n, -1))
        # On the ellipsoid the order may differ a little: all units that close are measured.
        wider = np.minimum(radius[:, -1] * (1 + 2.5 * _ELLIPSOID_MARGIN), 2.0)
        near = tree.query_ball_point(self.points, wider)
        rows = np.repeat(np.arange(n), [len(neighbors) for neighbors in near])
        columns = np.concatenate([np.asarray(neighbors) for neighbors in near])
        rows, columns = rows[rows != columns], columns[rows != columns]
        order = np.lexsort((columns, self.distance(rows, columns), rows))
        first = np.searchsorted(rows[order], np.arange(n))
        return np.asarray(columns[order][first[:, None] + np.arange(k)])

    def _reach(self, km: float) -> float:
        if self.degrees is None:
            return km / self.km * (1 + 1e-12)
        margin = 1 + (_ELLIPSOID_MARGIN if self.metric == "geodesic" else 1e-12)
        return float(2 * np.sin(min(km * margin / (2 * self.km), np.pi / 2)) * (1 + 1e-12))


def coordinates_of(panel: SpatialPanel, metric: Metric = "haversine") -> Coordinates:
    """Return the coordinates of a panel's units: points, or centroids of polygons.

    Projected coordinates are taken back to longitude and latitude first, so that the same map
    gives the same kilometres in every projection. A local CRS, which has no position on the globe,
    stays planar.

    Raises
    ------
    GeometryError
        If the panel has no geometry.
    CrsError
        If there is no CRS, or it does not fit the coordinates.
    """
    shapes = panel.require_geometry()
    crs = shapes.crs
    if crs is None:
        raise CrsError(
            "the geometries have no CRS, so distances have no unit; "
            "set it with geometry.set_crs(...) before making the panel"
        )
    geoms = shapes.geometry.to_numpy()
    _check_coordinates(geoms, crs)
    source = None
    if not (crs.is_geographic or crs.is_projected):
        unit = crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0
        source = t("planar in {crs}", crs=_name(crs))
        return Coordinates(_centroids(geoms), None, float(unit) / 1000, metric, source)
    if crs.is_projected or crs.axis_info[0].unit_name != "degree":
        geoms, source = (
            _unprojected(geoms, panel, crs),
            t("on the globe from {crs}", crs=_name(crs)),
        )
    points = _centroids(geoms)
    lon, lat = np.radians(points).T
    ball = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    return Coordinates(ball, points, EARTH_RADIUS_KM, metric, source)


def _check_coordinates(geoms: np.ndarray, crs: CRS) -> None:
    """Raise unless coordinates are in the range of the CRS."""
    import shapely

    size = np.abs(shapely.bounds(geoms)).max(axis=0)
    degrees = crs.is_geographic and crs.axis_info[0].unit_name == "degree"
    if degrees and (size[1::2].max() > 90 + 1e-6 or size[::2].max() > 360):
        raise CrsError(
            f"the CRS ({crs.name}) is in degrees but coordinates are beyond 90 or 360; "
            "the CRS does not fit the data"
        )
    if not crs.is_geographic and size[::2].max() <= 180 and size[1::2].max() <= 90:
        unit = crs.axis_info[0].unit_name if crs.axis_info else "unknown units"
        raise CrsError(
            f"the CRS ({crs.name}) is in {unit} but all coordinates are "
            "within 180 and 90: they look like degrees; correct it with "
            "geometry.set_crs('EPSG:4326', allow_override=True)"
        )


def _unprojected(geoms: np.ndarray, panel: SpatialPanel, crs: CRS) -> np.ndarray:
    """Return geometries in longitude and latitude of the datum of the projection."""
    import shapely
    from pyproj import Transformer

    globe = crs.geodetic_crs
    if globe is None or globe.axis_info[0].unit_name != "degree":
        globe = "EPSG:4326"
    to_globe = Transformer.from_crs(crs, globe, always_xy=True)
    degrees = shapely.transform(geoms, to_globe.transform, interleaved=False)
    lost = ~np.isfinite(shapely.bounds(degrees)).all(axis=1)
    if lost.any():
        raise CrsError(
            f"units {sample(panel.units[lost])} lie outside what the CRS ({crs.name}) can show; "
            "the CRS does not fit the data"
        )
    return np.asarray(degrees)


def _name(crs: CRS) -> str:
    return str(crs.name) if crs.name != "unknown" else t("a projection")


def _centroids(geoms: np.ndarray) -> np.ndarray:
    """Return points as they are and centroids of everything else, shape (n, 2)."""
    import shapely

    # In degrees a planar centroid is the mean of the outline's area in degrees: within a city or
    # province it differs from the centroid on the globe by far less than the unit's size.
    points = shapely.centroid(geoms)
    return np.column_stack([shapely.get_x(points), shapely.get_y(points)])
