"""Compiled loop of the conditional permutations of local Moran."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def conditional_draws(size: int, n: int, permutations: int, seed: int) -> np.ndarray:
    """Draw positions for the neighbours of a unit, without replacement, among the n - 1 others.

    Parameters
    ----------
    size : int
        Largest number of neighbours.
    n, permutations, seed : int
        Units, draws, and the seed of numba's generator. The stream is that of
        `esda.crand.vec_permutations`, so that one seed gives the p-values of `esda.Moran_Local`.

    Returns
    -------
    ndarray
        Shape (permutations, size), positions from 0 to n - 2.
    """
    np.random.seed(seed)
    draws = np.empty((permutations, size), dtype=np.int64)
    for k in range(permutations):
        draws[k] = np.random.choice(n - 1, size=size, replace=False)
    return draws


@njit(cache=True, nogil=True)
def tail_counts(
    indptr: np.ndarray,
    weights: np.ndarray,
    z: np.ndarray,
    lags: np.ndarray,
    draws: np.ndarray,
    start: int,
    stop: int,
) -> np.ndarray:
    """Count draws whose lag times z reaches the observed one from above and from below.

    Parameters
    ----------
    indptr, weights : ndarray
        W in rows.
    z, lags : ndarray
        Deviations and their observed lags, shape (n,).
    draws : ndarray
        From `conditional_draws`.
    start, stop : int
        Which units.

    Returns
    -------
    ndarray
        Shape (stop - start, 2): draws at least, and at most, as large. A tie counts in both.
    """
    permutations = draws.shape[0]
    counts = np.zeros((stop - start, 2), dtype=np.int64)
    largest = np.abs(z).max()
    for i in range(start, stop):
        first, size = indptr[i], indptr[i + 1] - indptr[i]
        total = 0.0
        for c in range(size):
            total += abs(weights[first + c])
        # The same values summed in another order are a tie.
        tolerance = 1e-12 * abs(z[i]) * total * largest
        observed = z[i] * lags[i]
        for k in range(permutations):
            lag = 0.0
            for c in range(size):
                position = draws[k, c]
                if position >= i:  # positions skip the unit itself
                    position += 1
                lag += weights[first + c] * z[position]
            product = z[i] * lag
            counts[i - start, 0] += product >= observed - tolerance
            counts[i - start, 1] += product <= observed + tolerance
    return counts
