"""Weights of known size for timings and simulations."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.spatial import cKDTree

import nqp_spatial as nq
from nqp_spatial.weights.spatial_weights import WeightsSpec, build


def _row_standardised(links: sparse.csr_array, name: str) -> nq.weights.SpatialWeights:
    units = pd.RangeIndex(links.shape[0], name="unit")
    return build(links, units, WeightsSpec(name), standardize="row", islands="error")


def lattice(rows: int, columns: int) -> nq.weights.SpatialWeights:
    """Queen contiguity of rows x columns cells, row-standardised."""

    def path(size: int) -> sparse.dia_array:
        beside = np.ones(size - 1)
        return sparse.diags_array([beside, np.ones(size), beside], offsets=[-1, 0, 1])

    return _row_standardised(sparse.csr_array(sparse.kron(path(rows), path(columns))), "contiguity")


def nearest(n: int, k: int = 6) -> nq.weights.SpatialWeights:
    """Nearest neighbours of n random points in the unit square, row-standardised."""
    points = np.random.default_rng(1).random((n, 2))
    _, found = cKDTree(points).query(points, k + 1)
    rows = np.repeat(np.arange(n), k)
    links = sparse.csr_array((np.ones(n * k), (rows, found[:, 1:].ravel())), shape=(n, n))
    return _row_standardised(links, "nearest")


def weights(kind: str, n: int) -> nq.weights.SpatialWeights:
    """Return weights of about n units: "contiguity" or "nearest"."""
    if kind == "nearest":
        return nearest(n)
    side = int(np.sqrt(n))
    return lattice(side, n // side)
