"""Nearest neighbours, distance band and inverse distance of random places, beside libpysal."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

import nqp_spatial as nq
from benchmarks.measure import measure, row

SIZES = (3_000, 30_000, 100_000)
NEIGHBOURS = 8
PLANE = 'LOCAL_CS["plane", UNIT["metre", 1]]'  # of no place on the globe: planar distances
KINDS = ("nearest", "nearest, on the globe", "band", "inverse distance within a band")


def places(kind: str, n: int) -> gpd.GeoDataFrame:
    """Places in a plane, of metres, or in the degrees of a country of the middle latitudes."""
    rng = np.random.default_rng(0)
    if "globe" in kind:
        lon, lat = rng.uniform(80, 125, n), np.degrees(np.arcsin(rng.uniform(0.35, 0.75, n)))
        return gpd.GeoDataFrame({"id": range(n)}, geometry=gpd.points_from_xy(lon, lat, crs=4326))
    x, y = rng.uniform(0, 3e6, (2, n))
    return gpd.GeoDataFrame({"id": range(n)}, geometry=gpd.points_from_xy(x, y, crs=PLANE))


def cutoff_m(n: int) -> float:
    """Return the distance within which a place has some sixteen others."""
    return float(np.sqrt(2 * NEIGHBOURS * 3e6**2 / n / np.pi))


def ours(kind: str, n: int):
    """Ours, from the panel to row-standardised weights."""
    import libpysal.graph  # noqa: F401  (its import is not what is measured, here as in the peer)

    shapes = places(kind, n)
    panel = nq.SpatialPanel(pd.DataFrame({"id": range(n), "x": 0.0}), unit="id", geometry=shapes)

    def call() -> dict:
        if kind.startswith("nearest"):
            w = nq.weights.knn(panel, k=NEIGHBOURS)
        elif kind == "band":
            w = nq.weights.distance_band(panel, cutoff_km=cutoff_m(n) / 1000, islands="keep")
        else:
            w = nq.weights.inverse_distance(panel, cutoff_km=cutoff_m(n) / 1000, islands="keep")
        return facts(w.sparse)

    return call


def peer(kind: str, n: int):
    """Libpysal builds a Graph, row-standardised, and its sparse matrix, as every use needs it."""
    from libpysal.graph import Graph

    shapes = places(kind, n).set_index("id")

    def call() -> dict:
        if kind == "nearest":
            graph = Graph.build_knn(shapes, NEIGHBOURS)
        elif kind.startswith("nearest"):
            graph = Graph.build_knn(shapes, NEIGHBOURS, metric="haversine")
        elif kind == "band":
            graph = Graph.build_distance_band(shapes, cutoff_m(n))
        else:
            graph = Graph.build_distance_band(shapes, cutoff_m(n), binary=False, alpha=-1)
        return facts(graph.transform("r").sparse)

    return call


def facts(matrix) -> dict:
    """Return what both must agree on."""
    at = np.arange(matrix.shape[0], dtype=float)
    return {"links": int(matrix.nnz), "check": float(at @ (matrix @ np.sqrt(at)))}


def rows() -> list[dict]:
    """Run all cases."""
    table = []
    for kind in KINDS:
        for n in SIZES:
            a = measure("benchmarks.weights_builders:ours", kind, n, repeats=3)
            b = measure("benchmarks.weights_builders:peer", kind, n, repeats=3)
            assert a.facts["links"] == b.facts["links"], "the two have different links"
            assert abs(a.facts["check"] / b.facts["check"] - 1) < 1e-9, "different weights"
            links = a.facts["links"]
            line = row(f"weights, {kind}, n = {n}, {links} links", a, "libpysal Graph", b)
            table.append(line | {"bytes a link": round(a.added_mib * 2**20 / links)})
    return table
