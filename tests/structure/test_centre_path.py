"""Centres of gravity and ellipses: by hand, by numbers of the plane, errors."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

import nqp_spatial as nq
from nqp_spatial.errors import CrsError, DomainError, PanelError
from nqp_spatial.structure.centre_path import projection_of
from tests.structure.panels import panel_of

KM = 1000.0


def panel_of_points(points, values, crs="EPSG:32650"):
    """Points in metres of a zone of UTM."""
    points = np.asarray(points, dtype=float)
    values = np.atleast_2d(np.asarray(values, dtype=float).T).T
    n, t = values.shape
    frame = pd.DataFrame(
        {"id": np.repeat(np.arange(n), t), "t": np.tile(np.arange(t), n), "x": values.ravel()}
    )
    geometry = gpd.points_from_xy(points[:, 0], points[:, 1])
    shapes = gpd.GeoDataFrame({"id": np.arange(n)}, geometry=geometry, crs=crs)
    return nq.SpatialPanel(frame, unit="id", period="t", geometry=shapes)


def test_by_hand():
    """Four points on a cross, longer from north to south; then all moves 3 km east, 4 north."""
    cross = np.array([[0, 5], [0, -5], [2, 0], [-2, 0]]) * KM + [500 * KM, 4000 * KM]
    result = nq.structure.centre_path(panel_of_points(cross, np.ones((4, 1))), "x").frame.loc[0]
    assert (result["x_km"], result["y_km"]) == pytest.approx((500, 4000))
    assert result["major_km"] == pytest.approx(5 / np.sqrt(2))
    assert result["minor_km"] == pytest.approx(2 / np.sqrt(2))
    assert min(result["rotation"], 180 - result["rotation"]) == pytest.approx(0, abs=1e-6)
    assert result["area_km2"] == pytest.approx(np.pi * 5)
    assert np.isnan(result["moved_km"])
    pair = np.vstack([cross, cross + np.array([3, 4]) * KM])
    weights = np.column_stack([[1] * 4 + [0] * 4, [0] * 4 + [1] * 4])
    moved = nq.structure.centre_path(panel_of_points(pair, weights), "x").frame.loc[1]
    assert moved["moved_km"] == pytest.approx(5)
    assert moved["bearing"] == pytest.approx(np.degrees(np.arctan2(3, 4)))


@pytest.mark.parametrize("degrees", [10, 30, 85, 120, 175])
def test_rotation_is_from_north_clockwise(degrees):
    angle = np.radians(degrees)
    along = np.array([np.sin(angle), np.cos(angle)])
    across = np.array([np.cos(angle), -np.sin(angle)])
    points = np.array([9 * along, -9 * along, 3 * across, -3 * across]) * KM + [5e5, 4e6]
    result = nq.structure.centre_path(panel_of_points(points, np.ones((4, 1))), "x").frame.loc[0]
    assert result["rotation"] == pytest.approx(degrees)


def test_the_ellipse_of_a_normal_cloud_holds_39_percent():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4000, 2)) @ np.array([[3.0, 1], [0, 1]]) * KM + [5e5, 4e6]
    result = nq.structure.centre_path(panel_of_points(z, np.ones((4000, 1))), "x").frame.loc[0]
    angle = np.radians(result["rotation"])
    d = z / KM - [result["x_km"], result["y_km"]]
    along = d @ [np.sin(angle), np.cos(angle)] / result["major_km"]
    across = d @ [np.cos(angle), -np.sin(angle)] / result["minor_km"]
    assert np.mean(along**2 + across**2 < 1) == pytest.approx(1 - np.exp(-0.5), abs=0.02)


def test_degrees_come_back():
    """The centre of equal weights on a projected map is at the mean of the centroids."""
    panel = nq.datasets.us_income().assign(one=1.0)
    result = nq.structure.centre_path(panel, "one")
    centroids = panel.geometry.geometry.to_crs(result.crs).centroid
    assert result.frame["x_km"].iloc[0] == pytest.approx(centroids.x.mean() / KM)
    point = gpd.GeoSeries(
        gpd.points_from_xy([centroids.x.mean()], [centroids.y.mean()]), crs=result.crs
    ).to_crs("EPSG:4326")
    assert result.frame["longitude"].iloc[0] == pytest.approx(point.x.iloc[0])
    assert (result.frame["moved_km"].dropna() < 1e-6).all()


def test_incomes_moved_south_and_west():
    """As known of the United States since 1929."""
    path = nq.structure.centre_path(nq.datasets.us_income(), "income").frame
    assert path.loc[2009, "longitude"] < path.loc[1929, "longitude"] + 0.5
    assert path.loc[2009, "latitude"] < path.loc[1929, "latitude"]


def test_errors():
    square = [[0, 0], [1, 0], [0, 1]]
    with pytest.raises(CrsError, match="no CRS"):
        nq.structure.centre_path(panel_of_points(square, [1, 1, 1], crs=None), "x")
    with pytest.raises(CrsError, match="is in degrees"):
        nq.structure.centre_path(panel_of_points(square, [1, 1, 1]), "x", crs="EPSG:4326")
    with pytest.raises(DomainError, match="a centre of gravity needs non-negative"):
        nq.structure.centre_path(panel_of_points(square, [1, -1, 1]), "x")
    with pytest.raises(PanelError, match="lies at one point"):
        nq.structure.centre_path(panel_of_points([[1, 1]] * 3, [1, 1, 1]), "x")


def test_the_figure_draws_the_ellipses():
    from matplotlib.patches import Ellipse

    panel = nq.datasets.us_income()
    path = nq.structure.centre_path(panel, "income")
    ax = nq.plots.centre_path(path, panel)
    ellipses = [p for p in ax.patches if isinstance(p, Ellipse)]
    for ellipse, year in zip(ellipses, (1929, 2009), strict=True):
        row = path.frame.loc[year]
        assert ellipse.center == pytest.approx((row["x_km"] * KM, row["y_km"] * KM))
        assert ellipse.height == pytest.approx(2 * KM * row["major_km"])
        assert ellipse.angle == pytest.approx(-row["rotation"])


def test_moments_of_a_weighted_cloud():
    """Two periods: mean, eigenvalues of the second moments, the step and its bearing."""
    rng = np.random.default_rng(11)
    z = rng.normal(size=(12, 2)) * [300, 100] + [4e5, 3e6]
    v = rng.random((12, 3))
    v[0] = 0  # a unit without any
    shapes = gpd.GeoDataFrame(
        {"id": range(12)}, geometry=gpd.points_from_xy(*z.T), crs="EPSG:32650"
    )
    result = nq.structure.centre_path(panel_of(v, geometry=shapes), "x").frame
    centres = []
    for t in range(3):
        p = v[:, t] / v[:, t].sum()
        c = p @ z / 1000
        d = z / 1000 - c
        values, vectors = np.linalg.eigh((p[:, None] * d).T @ d)
        row = result.loc[t]
        assert (row["x_km"], row["y_km"]) == pytest.approx(tuple(c))
        assert row["major_km"] == pytest.approx(np.sqrt(values[1]))
        assert row["minor_km"] == pytest.approx(np.sqrt(values[0]))
        assert row["area_km2"] == pytest.approx(np.pi * np.sqrt(values[0] * values[1]))
        east, north = vectors[:, 1]
        assert row["rotation"] == pytest.approx(np.degrees(np.arctan2(east, north)) % 180)
        if t:
            step = c - centres[-1]
            assert row["moved_km"] == pytest.approx(np.linalg.norm(step), rel=1e-6)
            bearing = np.degrees(np.arctan2(step[0], step[1])) % 360
            assert row["bearing"] == pytest.approx(bearing, rel=1e-6)
        centres.append(c)


def test_albers_projection_of_a_map_in_degrees():
    """Parallels a sixth of the height inside; the middle of the map is its origin."""
    corners = [box(100, 20, 101, 21), box(119, 43, 120, 44)]
    shapes = gpd.GeoDataFrame({"id": [0, 1]}, geometry=corners, crs="EPSG:4326")
    words = projection_of(shapes).to_dict()
    assert words["proj"] == "aea"
    assert words["lat_1"] == pytest.approx(24)
    assert words["lat_2"] == pytest.approx(40)
    assert words["lat_0"] == pytest.approx(32)
    assert words["lon_0"] == pytest.approx(110)
    projected = shapes.to_crs("EPSG:32650")
    assert projection_of(projected) == projected.crs
