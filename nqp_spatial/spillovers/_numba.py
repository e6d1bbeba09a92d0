"""Compiled loops over links that are added one after another."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["growing_products"]


@njit(cache=True, nogil=True)
def growing_products(
    rows: np.ndarray,
    columns: np.ndarray,
    weights: np.ndarray,
    cuts: np.ndarray,
    sources: np.ndarray,
    fixed: np.ndarray,
    width: int,
    periods: int,
    sweeps_units: bool,
    sweeps_periods: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Return cross products of lags ``W_c s`` where W_c has the first links only, for each cut c.

    A link changes a lag in one unit, so that all products are updated link by link.

    Parameters
    ----------
    rows, columns : ndarray of int
        Receiver and sender of each link, in the order in which they are added.
    weights : ndarray
    cuts : ndarray of int
        Numbers of links, ascending.
    sources : ndarray
        Series s, shape (N, q), rows by unit and period.
    fixed : ndarray
        Other series without effects, shape (N, p).
    width : int
        Rows of the series for each row of W: the periods, or one where W has a row for each period.
    periods : int
    sweeps_units, sweeps_periods : bool
        Which means are removed from the lags.

    Returns
    -------
    tuple of ndarray
        Products with the fixed series, shape (cuts, q, p), and among the lags, (cuts, q, q).
    """
    size, q = sources.shape
    p, n = fixed.shape[1], size // periods
    lags, by_unit, by_period = np.zeros((size, q)), np.zeros((n, q)), np.zeros((periods, q))
    with_fixed, among, of_units = np.zeros((q, p)), np.zeros((q, q)), np.zeros((q, q))
    all_fixed, all_among = np.empty((len(cuts), q, p)), np.empty((len(cuts), q, q))
    change = np.empty(q)
    link = 0
    for c in range(len(cuts)):
        while link < cuts[c]:
            for t in range(width):
                i, j = rows[link] * width + t, columns[link] * width + t
                unit, period = i // periods, i % periods
                for a in range(q):
                    change[a] = weights[link] * sources[j, a]
                for a in range(q):
                    step = change[a]
                    for f in range(p):
                        with_fixed[a, f] += step * fixed[i, f]
                    for b in range(q):
                        among[a, b] += step * (lags[i, b] + change[b]) + lags[i, a] * change[b]
                        of_units[a, b] += (
                            step * (by_unit[unit, b] + change[b]) + by_unit[unit, a] * change[b]
                        )
                for a in range(q):
                    lags[i, a] += change[a]
                    by_unit[unit, a] += change[a]
                    by_period[period, a] += change[a]
            link += 1
        all_fixed[c] = with_fixed
        for a in range(q):
            for b in range(q):
                value = among[a, b]
                if sweeps_units:
                    value -= of_units[a, b] / periods
                if sweeps_periods:
                    value -= (by_period[:, a] * by_period[:, b]).sum() / n
                if sweeps_units and sweeps_periods:
                    value += by_period[:, a].sum() * by_period[:, b].sum() / size
                all_among[c, a, b] = value
    return all_fixed, all_among
