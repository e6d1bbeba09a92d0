"""Compiled loop of mean differences between groups."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def group_gaps(
    values: np.ndarray,
    order: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    counts: np.ndarray,
    n_groups: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean absolute differences between groups in one pass over sorted values.

    With F_j the distribution function of group j,
    E|y_j - y_h| = integral of F_j (1 - F_h) + F_h (1 - F_j); between two neighbouring values all F
    are constant.

    Parameters
    ----------
    values, weights : ndarray
        Shape (periods, units).
    order : ndarray
        Units in ascending order of their values, shape (periods, units).
    codes : ndarray
        Group of each unit, shape (units,).
    counts : ndarray
        How often each unit is in a sample, shape (samples, units).
    n_groups : int

    Returns
    -------
    gaps : ndarray
        Shape (samples, periods, groups, groups).
    means, totals : ndarray
        Weighted mean and total weight of each group, shape (samples, periods, groups).
    """
    samples, (periods, n) = counts.shape[0], values.shape
    gaps = np.zeros((samples, periods, n_groups, n_groups))
    means = np.zeros((samples, periods, n_groups))
    totals = np.zeros((samples, periods, n_groups))
    share = np.empty(n_groups)
    for r in range(samples):
        for t in range(periods):
            for i in range(n):
                w = weights[t, i] * counts[r, i]
                totals[r, t, codes[i]] += w
                means[r, t, codes[i]] += w * values[t, i]
            for g in range(n_groups):
                if totals[r, t, g] > 0:
                    means[r, t, g] /= totals[r, t, g]
            share[:] = 0.0
            for k in range(n - 1):
                i = order[t, k]
                g = codes[i]
                share[g] += weights[t, i] * counts[r, i] / totals[r, t, g]
                step = values[t, order[t, k + 1]] - values[t, i]
                if step == 0.0:
                    continue
                for j in range(n_groups):
                    for h in range(j + 1):
                        gaps[r, t, j, h] += step * (
                            share[j] * (1.0 - share[h]) + share[h] * (1.0 - share[j])
                        )
            for j in range(n_groups):
                for h in range(j):
                    gaps[r, t, h, j] = gaps[r, t, j, h]
    return gaps, means, totals
