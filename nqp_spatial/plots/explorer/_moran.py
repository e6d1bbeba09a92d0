"""Moran's scatter plot of each period, from a table with gaps."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from nqp_spatial.core.text import Message, join, t, translate
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
        deviation = np.sqrt(np.where(known, centred**2, 0).sum(axis=0) / count)
        z = centred / np.where(deviation > 0, deviation, np.nan)
    links = sparse.csr_array((matrix != 0).astype(float))
    complete = (links @ (~known).astype(float) == 0) & (links.sum(axis=1) > 0)[:, None]
    lags = np.where(complete & known, matrix @ np.where(known, z, 0.0), np.nan)
    points = np.where(np.isfinite(lags), z, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        slopes = np.nansum(points * lags, axis=0) / np.nansum(points**2, axis=0)
    remarks = [
        translate(
            _remark(
                z[:, place],
                matrix,
                int(np.isfinite(lags[:, place]).sum()),
                equal=bool(deviation[place] == 0),
            )
        )
        for place in range(values.shape[1])
    ]
    return Points(
        "moran", translate(t("Moran scatter plot")), translate(t("{name} (z)", name=label)),
        translate(t("Spatial lag (z)")), points, lags, slopes, remarks,
    )  # fmt: skip


def _remark(z: np.ndarray, matrix: sparse.csr_array, shown: int, *, equal: bool) -> Message:
    """Return Moran's I, ``n / sum(W) * z'W z / z'z``, and how many units have no point."""
    text = t("Moran's I is not computed because values are missing")
    total = float(matrix.sum())
    if equal:
        return t("Moran's I is not computed because values do not differ")
    if np.isfinite(z).all() and total:
        text = t("Moran's I = {value:.3f}", value=len(z) / total * (z @ (matrix @ z)) / (z @ z))
    if shown == len(z):
        return text
    absent = t(
        "{count} regions are not shown (no value, no neighbours, or a neighbour without a value)",
        count=len(z) - shown,
    )
    return join("; ", [text, absent])
