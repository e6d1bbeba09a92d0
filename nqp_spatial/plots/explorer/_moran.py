"""Moran's scatter plot of each period, from a table with gaps."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from nqp_spatial.core.text import join, t, translate
from nqp_spatial.plots.explorer._content import Points

__all__ = ["moran_points"]


def moran_points(values: np.ndarray, matrix: sparse.csr_array, label: str) -> Points:
    """Return each unit's value and its neighbours', in standard deviations, by period.

    ``z = (x - mean(x)) / sd(x)`` over the units with data and ``W z``. A unit without data, without
    neighbours or with a neighbour without data has no point.

    Parameters
    ----------
    values : ndarray
        Shape (units, periods), missing allowed.
    matrix : csr_array
        W, shape (units, units).
    label : str
    """
    known = np.isfinite(values)
    count = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = values - np.where(known, values, 0).sum(axis=0) / count
        spread = np.sqrt(np.where(known, centred**2, 0).sum(axis=0) / count)
        z = centred / np.where(spread > 0, spread, np.nan)
    links = sparse.csr_array(
        (np.ones(len(matrix.data)), matrix.indices, matrix.indptr), shape=matrix.shape
    )
    filled = np.where(known, z, 0.0)
    complete = (links @ (~known).astype(float) == 0) & (links.sum(axis=1) > 0)[:, None]
    lags = np.where(complete & known, matrix @ filled, np.nan)
    points = np.where(np.isfinite(lags), z, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        slopes = np.nansum(points * lags, axis=0) / np.nansum(points**2, axis=0)
    scale = len(values) / float(matrix.sum()) if matrix.nnz else np.nan
    notes = []
    for column in range(values.shape[1]):
        drawn = int(np.isfinite(lags[:, column]).sum())
        if count[column] == len(values) and np.isfinite(spread[column]) and spread[column] > 0:
            index = scale * float(filled[:, column] @ (matrix @ filled[:, column])) / len(values)
            text = t("Moran's I = {value:.3f}", value=index)
        else:
            text = t("Moran's I is not computed because values are missing")
        if drawn < len(values):
            text = join(
                "; ",
                [
                    text,
                    t(
                        "{count} regions are not shown (no value, no neighbours, or a neighbour "
                        "without a value)",
                        count=len(values) - drawn,
                    ),
                ],
            )
        notes.append(translate(text))
    return Points(
        "moran", translate(t("Moran scatter plot")),
        translate(t("{name} (z)", name=label)),
        translate(t("Spatial lag (z)")), points, lags, slopes, notes,
    )  # fmt: skip
