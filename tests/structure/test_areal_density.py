"""Densities in square kilometres, whatever the unit of the projection."""

from __future__ import annotations

import numpy as np
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import GeometryError
from tests.structure.panels import panel_of, squares


@pytest.mark.parametrize(
    ("crs", "unit_km"),
    [("EPSG:32650", 0.001), ("+proj=utm +zone=50 +units=us-ft", 0.0003048006096)],
)
def test_density_counts_square_kilometres(crs, unit_km):
    panel = panel_of([[6.0, 12], [6, 0], [6, 18]], geometry=squares(crs))
    result = nq.structure.areal_density(panel, "x")
    area = np.array([1.0, 2, 3]) * (1000 * unit_km) ** 2
    np.testing.assert_allclose(result.unstack(), [[6, 12], [6, 0], [6, 18]] / area[:, None], 1e-6)


def test_points_have_no_area():
    shapes = squares("EPSG:32650")
    shapes.geometry = shapes.geometry.centroid
    with pytest.raises(GeometryError, match="0, 1, 2"):
        nq.structure.areal_density(panel_of([1.0, 2, 3], geometry=shapes), "x")
