"""Small panels with groups and populations."""

from __future__ import annotations

import numpy as np
import pandas as pd

import nqp_spatial as nq


def panel_of_groups(values, groups=None, weights=None):
    values = np.atleast_2d(np.asarray(values, dtype=float).T).T
    n, t = values.shape
    frame = pd.DataFrame(
        {"id": np.repeat(np.arange(n), t), "t": np.tile(np.arange(t), n), "x": values.ravel()}
    )
    if groups is not None:
        frame["g"] = np.repeat(np.asarray(groups), t)
    if weights is not None:
        frame["w"] = np.repeat(np.asarray(weights, dtype=float), t)
    return nq.SpatialPanel(frame, unit="id", period="t")
