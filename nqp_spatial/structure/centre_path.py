"""`centre_path`: the centre of gravity of a variable and its dispersion on the map."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Crs, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_places_in_time
from nqp_spatial.core.text import t
from nqp_spatial.core.weighted_sample import weighted_sample
from nqp_spatial.errors import CrsError, PanelError

__all__ = ["CentrePath", "centre_path"]


@dataclass(frozen=True, repr=False, eq=False)
class CentrePath(Displayed):
    """Centre of gravity and standard deviational ellipse, by period.

    Attributes
    ----------
    frame : DataFrame
        One row per period: ``x_km, y_km`` of the centre in the projection, ``longitude, latitude``
        in degrees; ``major_km, minor_km``, half axes of the ellipse (one standard deviation along
        each); ``rotation``, degrees from north, clockwise, of the major axis, in [0, 180);
        ``area_km2``; ``moved_km`` and ``bearing`` (degrees from north, clockwise) since the period
        before.
    crs : object
        The projection.
    variable : str
    spec : Spec
        ``variable, crs``.
    notes : tuple of str
    tests : TestSet
        Empty.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> path = nq.structure.centre_path(nq.datasets.simulate_cities(seed=0), "nqp")
    >>> len(path.frame)
    10
    """

    _figure: ClassVar[str] = "centre_path"

    frame: pd.DataFrame
    crs: Any
    variable: str
    spec: Spec
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)

    def _blocks(self) -> list[Block]:
        title = t("Centre and ellipse of {variable}", variable=self.variable)
        return [title, self.frame.round(2)]


@checked
def centre_path(panel: SpatialPanel, variable: str, *, crs: Crs = None) -> CentrePath:
    """Follow the centre of gravity and the standard deviational ellipse of a variable.

    With v the shares of units in the total and z their centroids, the centre is ``c = sum v z`` and
    the ellipse has the covariance ``sum v (z - c)(z - c)'``: its half axes are the square roots of
    the eigenvalues.

    Parameters
    ----------
    panel : SpatialPanel
        With geometry.
    variable : str
        Non-negative.
    crs : optional
        A projection in metres, or what pyproj reads as one; by default a conic equal-area
        projection that fits the units, or the CRS of the geometry if it is projected.

    Returns
    -------
    CentrePath

    Raises
    ------
    GeometryError, CrsError
        If there is no geometry, no CRS, or the projection is in degrees.
    DomainError
        If a value is negative, or all are zero.
    PanelError
        If all units with positive values lie at one point.

    Notes
    -----
    Source: Lefever, D. (1926), Measuring geographic concentration by means of the standard
    deviational ellipse, American Journal of Sociology 32, 88-94; in the form of Yuill, R. (1971),
    Geografiska Annaler B 53, 28-39. Some programs multiply the axes by the square root of two:
    of a plane normal distribution this ellipse contains 39 %, theirs 63 %. Angles are from
    the north of the projection.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> path = nq.structure.centre_path(nq.datasets.us_income(), "income")
    >>> path.frame.loc[2009, ["longitude", "latitude"]].round(1).tolist()
    [-90.5, 40.6]
    """
    from pyproj import CRS, Transformer

    require_places_in_time(panel.periods, "the path of a centre")
    shapes = panel.require_geometry()
    if shapes.crs is None:
        raise CrsError("the geometries have no CRS; set it with geometry.set_crs(...)")
    projection = CRS.from_user_input(crs) if crs is not None else projection_of(shapes)
    if projection.is_geographic:
        raise CrsError(f"distances need a projection in metres, {projection.name} is in degrees")
    km = float(projection.axis_info[0].unit_conversion_factor) / 1000
    points = shapes.geometry.to_crs(projection).centroid
    z = km * np.column_stack([points.x, points.y])
    data = weighted_sample(panel, variable, None, "non-negative", "a centre of gravity")
    v = data.values / data.values.sum(axis=1, keepdims=True)
    # Relative to the middle of the map, so that large coordinates do not cost digits.
    origin = z.mean(axis=0)
    centred = z - origin
    moment = v @ centred
    second = np.einsum("ti,ia,ib->tab", v, centred, centred)
    second = second - moment[:, :, None] * moment[:, None, :]
    centre = origin + moment
    values, vectors = np.linalg.eigh(second)
    if (values[:, -1] <= 0).any():
        raise PanelError(f"all of {variable!r} lies at one point: there is no ellipse")
    half = np.sqrt(np.maximum(values, 0))
    major = vectors[:, :, -1]
    step = np.vstack([[np.nan, np.nan], np.diff(centre, axis=0)])
    degrees = Transformer.from_crs(projection, "EPSG:4326", always_xy=True)
    longitude, latitude = degrees.transform(*(centre / km).T)
    frame = pd.DataFrame(
        {
            "x_km": centre[:, 0],
            "y_km": centre[:, 1],
            "longitude": longitude,
            "latitude": latitude,
            "major_km": half[:, 1],
            "minor_km": half[:, 0],
            "rotation": np.degrees(np.arctan2(major[:, 0], major[:, 1])) % 180,
            "area_km2": np.pi * half.prod(axis=1),
            "moved_km": np.hypot(*step.T),
            "bearing": np.degrees(np.arctan2(step[:, 0], step[:, 1])) % 360,
        },
        index=data.periods,
    )
    return CentrePath(
        frame, projection, variable, Spec(variable=variable, crs=projection.to_string())
    )


def projection_of(shapes: Any) -> Any:
    """Return the projection of the geometry, or a conic equal-area one that fits it."""
    from pyproj import CRS

    if shapes.crs is None:
        raise CrsError("the geometries have no CRS; set it with geometry.set_crs(...)")
    crs = CRS.from_user_input(shapes.crs)
    if crs.is_projected:
        return crs
    west, south, east, north = shapes.to_crs("EPSG:4326").total_bounds
    sixth = (north - south) / 6
    return CRS.from_user_input(
        f"+proj=aea +lat_1={south + sixth} +lat_2={north - sixth} +lat_0={(south + north) / 2} "
        f"+lon_0={(west + east) / 2} +datum=WGS84 +units=m"
    )
