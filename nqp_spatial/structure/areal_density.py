"""`areal_density`: a variable per square kilometre."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import GeometryError, sample
from nqp_spatial.structure.centre_path import projection_of

__all__ = ["areal_density", "areas_km2"]


@checked
def areal_density(panel: SpatialPanel, variable: str) -> pd.Series:
    """Return a variable per square kilometre of the unit's polygon.

    Parameters
    ----------
    panel : SpatialPanel
        With polygons; areas are measured in an equal-area projection, or in that of the geometry.
    variable : str

    Returns
    -------
    Series
        By (unit, period).

    Raises
    ------
    GeometryError
        If there is no geometry, or a unit has no area.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> len(nq.structure.areal_density(cities, "population"))
    3360
    """
    density = panel.values(variable) / areas_km2(panel)[:, None]
    return pd.Series(density.ravel(), panel.frame.index, name="areal_density")


def areas_km2(panel: SpatialPanel) -> np.ndarray:
    """Return the areas of the units in square kilometres, shape (n_units,)."""
    shapes = panel.require_geometry()
    projection = projection_of(shapes)
    km = float(projection.axis_info[0].unit_conversion_factor) / 1000
    areas = shapes.geometry.to_crs(projection).area.to_numpy() * km**2
    if (areas <= 0).any():
        raise GeometryError(
            f"units have no area: {sample(panel.units[areas <= 0])}; polygons are needed"
        )
    return np.asarray(areas)
