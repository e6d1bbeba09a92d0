"""Calls without an option are calls with the documented one."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import Point

import nqp_spatial as nq
from nqp_spatial.weights import compare_groups


def same(a, b):
    assert (a.sparse != b.sparse).nnz == 0
    assert a.sparse.nnz == b.sparse.nnz


def test_defaults():
    rng = np.random.default_rng(0)
    places = [Point(a, b) for a, b in rng.uniform([100, 28], [103, 31], (15, 2))]
    shapes = gpd.GeoDataFrame({"id": range(15)}, geometry=places, crs="EPSG:4326")
    frame = pd.DataFrame({"id": range(15), "m": rng.lognormal(size=15)})
    panel = nq.SpatialPanel(frame, unit="id", geometry=shapes)
    w = nq.weights
    same(w.knn(panel), w.knn(panel, k=6, symmetrize=None, metric="haversine", standardize="row"))
    same(w.inverse_distance(panel), w.inverse_distance(panel, power=1.0, cutoff_km=None))
    same(w.gravity(panel, "m"), w.gravity(panel, "m", power=2.0, cutoff_km=None))
    same(w.distance_band(panel, cutoff_km=400), w.distance_band(panel, cutoff_km=400, power=0.0))
    short = w.bands(panel, edges_km=[0, 200, 500], islands="keep")
    full = w.bands(panel, edges_km=[0, 200, 500], power=0.0, islands="keep")
    for key in short:
        same(short[key], full[key])
    a, b = w.knn(panel, k=3), w.inverse_distance(panel)
    same(w.nested(a, b), w.nested(a, b, share=0.5, how="sum"))
    table = pd.DataFrame(rng.random((6, 4)))
    same(w.similarity(table), w.similarity(table, least=0.0, measure="cosine"))
    groups = pd.Series(list("abc") * 5, panel.units)
    pd.testing.assert_series_equal(
        compare_groups(a, groups, seed=0), compare_groups(a, groups, permutations=9999, seed=0)
    )
    states = nq.datasets.us_income()
    same(w.contiguity(states), w.contiguity(states, order=1, kind="queen"))
