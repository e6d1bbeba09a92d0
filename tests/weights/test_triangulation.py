"""The relative neighbourhood graph, by its definition over all triples of points."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq

LOCAL = 'LOCAL_CS["a plane",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'


def panel_of(points: np.ndarray) -> nq.SpatialPanel:
    """A panel of points in a plane, in metres."""
    ids = range(len(points))
    shapes = gpd.GeoDataFrame({"id": ids}, geometry=gpd.points_from_xy(*1024 * points.T), crs=LOCAL)
    return nq.SpatialPanel(pd.DataFrame({"id": ids, "x": 1.0}), unit="id", geometry=shapes)


def random_points() -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 1e3, (60, 2))


def lattice_points() -> np.ndarray:
    """Whole numbers: squares have four points on one circle, and distances tie exactly."""
    return np.array([(x, y) for x in range(10) for y in range(6)], dtype=float)


def line_points() -> np.ndarray:
    """All on one line but one."""
    return np.array([*((x * x, 0) for x in range(59)), (30, 7)], dtype=float)


def cluster_points() -> np.ndarray:
    """Two dense clusters and a few points far away, so that links of the hull are very long."""
    rng = np.random.default_rng(4)
    first, second = rng.normal(0, 1, (25, 2)), rng.normal([4_000, 10], 2, (30, 2))
    return np.vstack([first, second, rng.uniform(-9_000, 9_000, (5, 2))])


def ring_points() -> np.ndarray:
    """Around an empty middle: links cross it whose lunes are blocked far away."""
    angles = np.random.default_rng(5).uniform(0, 2 * np.pi, 60)
    return 1e3 * np.column_stack([np.cos(angles), 0.2 * np.sin(angles)])


@pytest.mark.parametrize(
    "points", [random_points, lattice_points, line_points, cluster_points, ring_points]
)
def test_relative_neighbours_by_all_triples(points):
    xy = points()
    squares = ((xy[:, None] - xy) ** 2).sum(axis=2)
    blocked = np.zeros(squares.shape, dtype=bool)
    for k in range(len(xy)):
        nearer = np.maximum(squares[:, [k]], squares[[k], :]) < squares
        nearer[k, :] = nearer[:, k] = False
        blocked |= nearer
    truth = ~blocked & ~np.eye(len(xy), dtype=bool)
    w = nq.weights.triangulation(panel_of(xy), kind="relative", standardize="none")
    np.testing.assert_array_equal(w.sparse.toarray(), truth)
    assert w.components.max() == 0


def test_equal_sides_of_a_triangle_are_kept():
    """None of three points at equal distances is nearer to two others than they to each other."""
    rows = [(x + (y % 2) / 2, y * np.sqrt(3) / 2) for x in range(8) for y in range(7)]
    xy = np.array(rows) * 100 / 3 + 0.1
    d = np.linalg.norm(xy[:, None] - xy, axis=2)
    truth = np.isclose(d, 100 / 3)
    w = nq.weights.triangulation(panel_of(xy), kind="relative", standardize="none")
    np.testing.assert_array_equal(w.sparse.toarray(), truth)
