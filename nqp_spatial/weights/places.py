"""Where units are: points in which a tree finds neighbours, and distances in kilometres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from nqp_spatial.errors import CrsError, OptionError
from nqp_spatial.panel import SpatialPanel

__all__ = ["EARTH_RADIUS_KM", "Metric", "Places", "places_of"]

Metric = Literal["haversine", "geodesic"]

EARTH_RADIUS_KM = 6371.0088  # mean radius of the WGS 84 ellipsoid (IUGG 1980)
# Great circles on the sphere and geodesics of the ellipsoid differ by at most 0.56 %.
_ELLIPSOID_MARGIN = 0.006


@dataclass(frozen=True, eq=False)
class Places:
    """Coordinates in which straight lines order pairs by distance, and the way to kilometres.

    Geographic coordinates become points on the unit sphere, whose chords grow with the great
    circle between them (haversine in another form), so that one tree serves globe and plane.

    Attributes
    ----------
    points : ndarray
        Shape (n, 3) on the unit sphere, or (n, 2) in the plane.
    degrees : ndarray or None
        Longitude and latitude, shape (n, 2), where coordinates are geographic.
    km : float
        Kilometres of one unit of the coordinates.
    metric : {"haversine", "geodesic"}
    """

    points: np.ndarray
    degrees: np.ndarray | None
    km: float
    metric: Metric

    def distance(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the kilometres between places `rows` and places `columns`."""
        if self.metric == "geodesic" and self.degrees is not None:
            from pyproj import Geod

            one, other = self.degrees[rows], self.degrees[columns]
            metres = Geod(ellps="WGS84").inv(one[:, 0], one[:, 1], other[:, 0], other[:, 1])[2]
            return np.asarray(metres) / 1000
        chord = np.linalg.norm(self.points[rows] - self.points[columns], axis=1)
        if self.degrees is None:
            return np.asarray(chord * self.km)
        return np.asarray(2 * self.km * np.arcsin(np.clip(chord / 2, 0, 1)))

    def pairs(self, cutoff_km: float | None) -> tuple[np.ndarray, np.ndarray]:
        """Return pairs i < j within the cutoff, shape (pairs, 2), and their kilometres."""
        reach = np.inf if cutoff_km is None else self._reach(cutoff_km)
        found = cKDTree(self.points).query_pairs(reach, output_type="ndarray")
        km = self.distance(found[:, 0], found[:, 1])
        if cutoff_km is None:
            return found, km
        inside = km <= cutoff_km
        return found[inside], km[inside]

    def nearest(self, k: int) -> np.ndarray:
        """Return the positions of the k nearest others of each place, nearest first, (n, k)."""
        n = len(self.points)
        tree = cKDTree(self.points)
        # A unit is usually its own nearest; with coincident points it may not be: looked for.
        radius, found = tree.query(self.points, k=min(k + 1, n))
        if self.metric == "haversine" or self.degrees is None:
            own = found == np.arange(n)[:, None]
            own[~own.any(axis=1), -1] = True
            return np.asarray(found[~own].reshape(n, -1))
        # On the ellipsoid the order may differ a little: whoever is that close is measured.
        wider = np.minimum(radius[:, -1] * (1 + 2.5 * _ELLIPSOID_MARGIN), 2.0)
        near = tree.query_ball_point(self.points, wider)
        rows = np.repeat(np.arange(n), [len(some) for some in near])
        columns = np.concatenate([np.asarray(some) for some in near])
        rows, columns = rows[rows != columns], columns[rows != columns]
        order = np.lexsort((columns, self.distance(rows, columns), rows))
        first = np.searchsorted(rows[order], np.arange(n))
        return np.asarray(columns[order][first[:, None] + np.arange(k)])

    def _reach(self, km: float) -> float:
        if self.degrees is None:
            return km / self.km * (1 + 1e-12)
        margin = 1 + (_ELLIPSOID_MARGIN if self.metric == "geodesic" else 1e-12)
        return float(2 * np.sin(min(km * margin / (2 * self.km), np.pi / 2)) * (1 + 1e-12))


def places_of(panel: SpatialPanel, metric: Metric = "haversine") -> Places:
    """Return the places of a panel's units: points, or centroids of polygons.

    Raises
    ------
    GeometryError
        If the panel has no geometry.
    CrsError
        If there is no CRS, or it does not fit the coordinates.
    OptionError
        If the metric is unknown.
    """
    if metric not in ("haversine", "geodesic"):
        raise OptionError(f"metric must be 'haversine' or 'geodesic', got {metric!r}")
    shapes = panel.require_geometry()
    crs = shapes.crs
    if crs is None:
        raise CrsError(
            "the geometries have no CRS, so distances have no unit; "
            "set it with geometry.set_crs(...) before making the panel"
        )
    points = _centroids(shapes.geometry)
    if crs.is_geographic:
        if (np.abs(points[:, 1]) > 90).any() or (np.abs(points[:, 0]) > 360).any():
            raise CrsError(
                f"the CRS ({crs.name}) is in degrees but coordinates are beyond 90 or 360; "
                "the CRS does not fit the data"
            )
        lon, lat = np.radians(points).T
        ball = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        return Places(ball, points, EARTH_RADIUS_KM, metric)
    if (np.abs(points[:, 0]) <= 180).all() and (np.abs(points[:, 1]) <= 90).all():
        raise CrsError(
            f"the CRS ({crs.name}) is in {crs.axis_info[0].unit_name} but all coordinates are "
            "within 180 and 90: they look like degrees; correct it with "
            "geometry.set_crs('EPSG:4326', allow_override=True)"
        )
    return Places(points, None, float(crs.axis_info[0].unit_conversion_factor) / 1000, metric)


def _centroids(geometry: pd.Series) -> np.ndarray:
    """Return points as they are and centroids of everything else, shape (n, 2)."""
    import shapely

    # In degrees a planar centroid is the mean of the outline's area in degrees: within a city or
    # province it differs from the centroid on the globe by far less than the unit's own size.
    points = shapely.centroid(geometry.to_numpy())
    return np.column_stack([shapely.get_x(points), shapely.get_y(points)])
