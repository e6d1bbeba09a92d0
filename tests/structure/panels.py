"""Small panels and maps of the tests of structure and inequality."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely import Point, box

import nqp_spatial as nq


def panel_of(values, geometry=None, **columns):
    """Columns have a value for each unit, or for each unit and period."""
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    n, t = values.shape
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), t),
            "t": np.tile(np.arange(t), n),
            "x": values.ravel(),
            **{name: np.broadcast_to(np.asarray(c).reshape(n, -1), (n, t)).ravel()
               for name, c in columns.items()},
        }
    )  # fmt: skip
    return nq.SpatialPanel(frame, unit="id", period="t", geometry=geometry)


def panel_of_columns(**columns):
    n, t = np.shape(next(iter(columns.values())))
    ids = {"id": np.repeat(np.arange(n), t), "t": np.tile(np.arange(t), n)}
    every = {name: np.ravel(np.asarray(v, dtype=float)) for name, v in columns.items()}
    return nq.SpatialPanel(pd.DataFrame(ids | every), unit="id", period="t")


def ring(n, reach=1, standardize="none"):
    matrix = sum(np.roll(np.eye(n), step, axis=1) for step in range(1, reach + 1))
    return nq.weights.from_dense(matrix, range(n), standardize=standardize)


def squares(crs, size=1000.0):
    """Three rectangles in a row, of 1, 2 and 3 squares, where the projection is nearly true."""
    x = 5e5 * size / 1000
    ends = [(0, 1), (1, 3), (3, 6)]
    shapes = [box(x + a * size, 0, x + b * size, size) for a, b in ends]
    return gpd.GeoDataFrame({"id": range(3)}, geometry=shapes, crs=crs)


def points(places, **columns):
    """Units at longitudes and latitudes, one period; columns have a value for each unit."""
    ids = [f"p{k}" for k in range(len(places))]
    shapes = gpd.GeoDataFrame({"id": ids}, geometry=[Point(*p) for p in places], crs="EPSG:4326")
    frame = pd.DataFrame({"id": ids, **columns})
    return nq.SpatialPanel(frame, unit="id", geometry=shapes)
