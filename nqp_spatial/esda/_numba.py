"""Compiled loops of the conditional permutations of local statistics."""

from __future__ import annotations

import numpy as np
from numba import njit

# Up to so many units the draws are those of esda, each from a shuffle of all units.
_SHUFFLED = 10_000


def conditional_draws(size: int, n: int, permutations: int, seed: int) -> np.ndarray:
    """Draw positions for the neighbours of a unit, without replacement, among the n - 1 others.

    Parameters
    ----------
    size : int
        Largest number of neighbours.
    n, permutations, seed : int
        Units, draws, and the seed of numba's generator.

    Returns
    -------
    ndarray of int32
        Shape (size, permutations), positions from 0 to n - 2. Up to 10 000 units the stream is that
        of `esda.crand.vec_permutations`, so that one seed gives the p-values of
        `esda.Moran_Local`; beyond, where each shuffle would take longer than all statistics,
        positions are drawn until they differ.
    """
    draw = _shuffled if n <= _SHUFFLED or size > n // 4 else _distinct
    return np.asarray(draw(size, n, permutations, seed))


@njit(cache=True, nogil=True)
def _shuffled(size: int, n: int, permutations: int, seed: int) -> np.ndarray:
    np.random.seed(seed)
    draws = np.empty((size, permutations), dtype=np.int32)
    for k in range(permutations):
        draws[:, k] = np.random.choice(n - 1, size=size, replace=False)
    return draws


@njit(cache=True, nogil=True)
def _distinct(size: int, n: int, permutations: int, seed: int) -> np.ndarray:
    np.random.seed(seed)
    draws = np.empty((size, permutations), dtype=np.int32)
    last = np.full(n - 1, -1, dtype=np.int32)  # the draw in which a position was last taken
    for k in range(permutations):
        for c in range(size):
            position = np.random.randint(0, n - 1)
            while last[position] == k:
                position = np.random.randint(0, n - 1)
            last[position] = k
            draws[c, k] = position
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
    permutations = draws.shape[1]
    counts = np.zeros((stop - start, 2), dtype=np.int64)
    largest = np.abs(values).max()
    lag = np.empty(permutations)
    for i in range(start, stop):
        first, size = indptr[i], indptr[i + 1] - indptr[i]
        lag[:] = 0.0
        total = 0.0
        # Draws are the inner loop, so that they run side by side in one instruction.
        for c in range(size):
            weight = weights[first + c]
            total += abs(weight)
            for k in range(permutations):
                position = draws[c, k]
                lag[k] += weight * values[position + (position >= i)]  # skip the unit itself
        # The same values summed in another order are a tie.
        tolerance = 1e-12 * abs(factor[i]) * total * largest
        observed = factor[i] * lags[i]
        above = below = 0
        for k in range(permutations):
            product = factor[i] * lag[k]
            above += product >= observed - tolerance
            below += product <= observed + tolerance
        counts[i - start] = above, below
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
    permutations = draws.shape[1]
    counts = np.zeros((stop - start, 2), dtype=np.int64)
    largest = np.abs(z).max()
    distance = np.empty(permutations)
    for i in range(start, stop):
        first, size = indptr[i], indptr[i + 1] - indptr[i]
        distance[:] = 0.0
        total = 0.0
        for c in range(size):
            weight = weights[first + c]
            total += abs(weight)
            for k in range(permutations):
                position = draws[c, k]
                distance[k] += weight * (z[i] - z[position + (position >= i)]) ** 2
        tolerance = 1e-12 * total * (abs(z[i]) + largest) ** 2
        above = below = 0
        for k in range(permutations):
            above += distance[k] >= observed[i] - tolerance
            below += distance[k] <= observed[i] + tolerance
        counts[i - start] = above, below
    return counts
