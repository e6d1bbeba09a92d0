"""Compiled loops of the conditional permutations of local statistics."""

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
    factor: np.ndarray,
    values: np.ndarray,
    lags: np.ndarray,
    draws: np.ndarray,
    start: int,
    stop: int,
) -> np.ndarray:
    """Count draws whose lag times a factor reaches the observed one from above and from below.

    Parameters
    ----------
    indptr, weights : ndarray
        W in rows.
    factor, values, lags : ndarray
        What stays with a unit, what its neighbours draw, and its observed lag; shape (n,).
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
    largest = np.abs(values).max()
    for i in range(start, stop):
        first, size = indptr[i], indptr[i + 1] - indptr[i]
        total = 0.0
        for c in range(size):
            total += abs(weights[first + c])
        # The same values summed in another order are a tie.
        tolerance = 1e-12 * abs(factor[i]) * total * largest
        observed = factor[i] * lags[i]
        for k in range(permutations):
            lag = 0.0
            for c in range(size):
                position = draws[k, c]
                if position >= i:  # positions skip the unit itself
                    position += 1
                lag += weights[first + c] * values[position]
            product = factor[i] * lag
            counts[i - start, 0] += product >= observed - tolerance
            counts[i - start, 1] += product <= observed + tolerance
    return counts


@njit(cache=True, nogil=True)
def geary_tail_counts(
    indptr: np.ndarray,
    weights: np.ndarray,
    z: np.ndarray,
    observed: np.ndarray,
    draws: np.ndarray,
    start: int,
    stop: int,
) -> np.ndarray:
    """Count draws whose weighted squared differences reach the observed ones, as `tail_counts`.

    Parameters
    ----------
    indptr, weights : ndarray
        W in rows.
    z, observed : ndarray
        Deviations and ``sum_j w_ij (z_i - z_j)^2``, shape (n,).
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
        tolerance = 1e-12 * total * (abs(z[i]) + largest) ** 2
        for k in range(permutations):
            distance = 0.0
            for c in range(size):
                position = draws[k, c]
                if position >= i:  # positions skip the unit itself
                    position += 1
                distance += weights[first + c] * (z[i] - z[position]) ** 2
            counts[i - start, 0] += distance >= observed[i] - tolerance
            counts[i - start, 1] += distance <= observed[i] + tolerance
    return counts
