"""What took long beside the static model of the same size, and beside the work that it must do.

The floor of a partitioned model is its factorisations; that of a threshold is one determinant with
its gradient for every point at which a search and a bootstrap need one; that of a graph of points
is their Delaunay triangulation.
"""

from __future__ import annotations

from functools import lru_cache

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import linalg as sla

import nqp_spatial as nq
from benchmarks.cases import lattice
from benchmarks.inference import panel_of as dynamic_panel
from benchmarks.inference import weights as lattice_weights
from benchmarks.measure import measure, row

PERIODS, GRID = 10, 60
POINTS = 30_000
SIDES = {1_000: (25, 40), 10_000: (100, 100)}
HERE = "benchmarks.slow_functions"


@lru_cache
def weights(n: int) -> nq.weights.SpatialWeights:
    """Queen contiguity on a lattice."""
    return lattice(*SIDES[n]) if n in SIDES else lattice_weights(n)


def panel_of(n: int) -> nq.SpatialPanel:
    """Draw a panel with one regressor, as in `benchmarks.inference`."""
    if n not in SIDES:
        return dynamic_panel(n, PERIODS)
    w, rng = weights(n), np.random.default_rng(0)
    x, mu = rng.normal(size=(n, PERIODS)), rng.normal(size=(n, 1))
    y = right = x + mu + rng.normal(size=(n, PERIODS))
    for _ in range(40):
        y = right + 0.3 * (w.sparse @ y)
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()})
    frame["id"], frame["t"] = np.repeat(np.asarray(w.units), PERIODS), np.tile(range(PERIODS), n)
    return nq.SpatialPanel(frame, unit="id", period="t")


def static(n: int):
    """Fit the spatial Durbin model with its effects, from weights of which nothing is known."""
    panel, w = panel_of(n), weights(n)

    def call() -> dict:
        w.cache.clear()
        nq.fit("y ~ x", panel, w, model="sdm", effects="unit").effects()
        return {}

    return call


def partitioned(n: int):
    """Two groups, four rho, with the table of effects."""
    panel, w = panel_of(n), weights(n)
    core = np.random.default_rng(3).random(n) < 0.4
    group = pd.Series(np.where(core, "core", "rest"), w.units)

    def call() -> dict:
        res = nq.spillovers.partitioned("y ~ x", panel, w, group=group, effects="unit")
        res.effects_matrix("x")
        return {"iterations": res.model.convergence.iterations}

    return call


def threshold(n: int, replications: int):
    """Search a threshold of a score of senders among sixty candidates, and test it."""
    panel, w = panel_of(n), weights(n)
    score = pd.Series(np.random.default_rng(3).random(n), w.units, name="score")

    def call() -> dict:
        res = nq.spillovers.threshold(
            "y ~ x", panel, w, score=score, effects="unit", grid=GRID, replications=replications
        )
        return {"candidates": len(res.profile)}

    return call


def factorisations(n: int, count: int):
    """Factorise I - rho W, not symmetric, so many times."""
    w = weights(n)
    system = sparse.csc_matrix(sparse.eye_array(n) - 0.4 * w.sparse)

    def call() -> dict:
        for _ in range(count):
            sla.splu(system, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        return {}

    return call


@lru_cache
def points(n: int) -> nq.SpatialPanel:
    """Random points in a square, in metres."""
    x, y = np.random.default_rng(0).uniform(0, 1e6, (2, n))
    shapes = gpd.GeoDataFrame({"id": range(n)}, geometry=gpd.points_from_xy(x, y, crs=3857))
    return nq.SpatialPanel(pd.DataFrame({"id": range(n), "x": 0.0}), unit="id", geometry=shapes)


def graph(n: int, kind: str):
    """Weights of neighbours in a graph of points."""
    panel = points(n)

    def call() -> dict:
        return {"links": nq.weights.triangulation(panel, kind=kind).n_links}

    return call


def triangulated(n: int):
    """Only the Delaunay triangulation."""
    from scipy.spatial import Delaunay

    places = np.random.default_rng(0).uniform(0, 1e6, (n, 2))

    def call() -> dict:
        return {"triangles": len(Delaunay(places).simplices)}

    return call


def rows() -> list[dict]:
    """Run the cases."""
    table = []
    for n in (3_000, 10_000):
        plain = measure(f"{HERE}:static", n)
        ours = measure(f"{HERE}:partitioned", n, repeats=3)
        name = f"partitioned, 4 rho, effects, n = {n}, T = {PERIODS}"
        table.append(row(name, ours, "static SDM with effects", plain))
        floor = measure(f"{HERE}:factorisations", n, 60, repeats=3)
        table.append(row(name, ours, "60 sparse factorisations", floor))
    for n in (1_000, 3_000):
        plain = measure(f"{HERE}:static", n)
        floor = measure(f"{HERE}:factorisations", n, 1_000, repeats=1)
        for replications in (0, 99):
            ours = measure(f"{HERE}:threshold", n, replications, repeats=1)
            fits = ours.facts["candidates"] + 1 + replications * (GRID + 1)
            name = f"threshold, {replications} replications ({fits} fits), n = {n}, T = {PERIODS}"
            table.append(row(name, ours, "static SDM with effects", plain))
        table.append(row(name, ours, "1 000 sparse factorisations", floor))
    floor = measure(f"{HERE}:triangulated", POINTS, repeats=3)
    for kind in ("delaunay", "gabriel", "relative"):
        ours = measure(f"{HERE}:graph", POINTS, kind, repeats=3)
        name = f"triangulation, {kind}, n = {POINTS}"
        table.append(row(name, ours, "triangles of scipy", floor))
    return table
