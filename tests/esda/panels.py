"""Small panels and weights."""

from __future__ import annotations

import numpy as np
import pandas as pd

import nqp_spatial as nq
from nqp_spatial.esda._global import Form, Relocated


def panel_of(values):
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    n, t = values.shape
    frame = pd.DataFrame(
        {"id": np.repeat(np.arange(n), t), "t": np.tile(np.arange(t), n), "x": values.ravel()}
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


def weights_of(matrix, islands="error"):
    matrix = np.asarray(matrix, dtype=float)
    return nq.weights.from_dense(matrix, range(len(matrix)), standardize="none", islands=islands)


def ring(n, reach=1):
    """Each unit receives from the `reach` units after it."""
    return sum(np.roll(np.eye(n), step, axis=1) for step in range(1, reach + 1))


def cross_section(values, **columns) -> nq.SpatialPanel:
    frame = pd.DataFrame({"unit": np.arange(len(values)), "x": np.asarray(values, dtype=float)})
    return nq.SpatialPanel(frame.assign(**columns), unit="unit")


def orders_of(n, permutations, seed):
    """Return the order of the units in each relocation, shape (permutations, n)."""
    products = np.tile(np.arange(n)[:, None], n)  # of the series that is one in one unit only
    relocated = Relocated(permutations, seed, "greater")
    places = relocated.draws(Form(np.ones(n), products=products), np.eye(n))
    return np.argsort(places, axis=1)
