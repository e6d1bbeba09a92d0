"""Compiled loops for permutations of spatial Markov chains and of ranks.

A relocation requires one pass over the links, an exact selection of a few order statistics, and one
pass of counting, without sorting and without arrays for all relocations at once.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["relocated_concordance", "relocated_counts"]

_BINS = 2048


@njit(cache=True, nogil=True)
def _order_statistics(values: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Return the exact values of ascending ranks, by means of a histogram.

    Values that do not share a bin with a requested rank are only counted.
    """
    low, high = values[0], values[0]
    for v in values:
        low = min(low, v)
        high = max(high, v)
    result = np.empty(len(ranks))
    if high == low:
        result[:] = low
        return result
    scale = (_BINS - 1) / (high - low)
    counts = np.zeros(_BINS, dtype=np.int64)
    for v in values:
        counts[int((v - low) * scale)] += 1
    wanted = np.full(_BINS, -1, dtype=np.int64)  # which bins contain a rank, and its position
    total, position, held = 0, 0, 0
    before = np.empty(len(ranks), dtype=np.int64)
    slot = np.empty(len(ranks), dtype=np.int64)
    starts = np.zeros(len(ranks) + 1, dtype=np.int64)
    for b in range(_BINS):
        while position < len(ranks) and ranks[position] < total + counts[b]:
            if wanted[b] < 0:
                wanted[b] = held
                starts[held + 1] = starts[held] + counts[b]
                held += 1
            slot[position], before[position] = wanted[b], total
            position += 1
        total += counts[b]
    gathered = np.empty(starts[held])
    filled = starts[:held].copy()
    for v in values:
        where = wanted[int((v - low) * scale)]
        if where >= 0:
            gathered[filled[where]] = v
            filled[where] += 1
    for number in range(held):
        gathered[starts[number] : starts[number + 1]].sort()
    for number in range(len(ranks)):
        result[number] = gathered[starts[slot[number]] + ranks[number] - before[number]]
    return result


@njit(cache=True, nogil=True)
def quantiles(values: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return quantiles with linear interpolation between order statistics."""
    size = len(values)
    ranks = np.empty(2 * len(shares), dtype=np.int64)
    for number in range(len(shares)):
        low = int(np.floor((size - 1) * shares[number]))
        ranks[2 * number], ranks[2 * number + 1] = low, min(low + 1, size - 1)
    ends = _order_statistics(values, ranks)
    result = np.empty(len(shares))
    for number in range(len(shares)):
        below, above = ends[2 * number], ends[2 * number + 1]
        part = (size - 1) * shares[number] - ranks[2 * number]
        result[number] = below + part * (above - below)
    return result


@njit(cache=True, nogil=True)
def relocated_counts(
    indptr: np.ndarray,
    indices: np.ndarray,
    weights: np.ndarray,
    values: np.ndarray,
    moves: np.ndarray,
    places: np.ndarray,
    shares: np.ndarray,
    cuts: np.ndarray,
    by_period: bool,
    cells: int,
) -> np.ndarray:
    """Count moves by the neighbours' state, for each relocation of the units.

    Parameters
    ----------
    indptr, indices, weights : ndarray
        W as compressed rows.
    values : ndarray
        Shape (n_units, n_periods).
    moves : ndarray of int
        Code of each move (start times states plus end), shape (n_units, n_periods - step).
    places : ndarray of int
        Unit at each place, shape (relocations, n_units).
    shares : ndarray
        Probabilities of the quantiles that cut the lags; empty where cuts are given.
    cuts : ndarray
        Given cuts, or empty.
    by_period : bool
        Whether each period has its own quantiles.
    cells : int
        Number of codes of moves.

    Returns
    -------
    ndarray of int
        Shape (relocations, neighbour states, cells).
    """
    n, t = values.shape
    groups = max(len(shares), len(cuts)) + 1
    counts = np.zeros((len(places), groups, cells), dtype=np.int64)
    lags = np.empty((n, t))
    for draw in range(len(places)):
        place = places[draw]
        for i in range(n):
            lags[i] = 0.0
            for link in range(indptr[i], indptr[i + 1]):
                sender, weight = place[indices[link]], weights[link]
                for s in range(t):
                    lags[i, s] += weight * values[sender, s]
        limits = np.empty((t, groups - 1))
        if len(cuts):
            limits[:] = cuts
        elif by_period:
            for s in range(t):
                limits[s] = quantiles(lags[:, s].copy(), shares)
        else:
            limits[:] = quantiles(lags.ravel(), shares)
        for i in range(n):
            unit = place[i]
            for s in range(moves.shape[1]):
                group = 0
                for c in range(groups - 1):
                    group += lags[i, s] > limits[s, c]
                counts[draw, group, moves[unit, s]] += 1
    return counts


@njit(cache=True, nogil=True)
def relocated_concordance(
    start: np.ndarray, end: np.ndarray, links: np.ndarray, places: np.ndarray
) -> np.ndarray:
    """Return tau-b over pairs of neighbours for each relocation of the units.

    Parameters
    ----------
    start, end : ndarray
        Values before and after, shape (n_units, n_periods).
    links : ndarray of int
        Pairs of places, shape (2, pairs).
    places : ndarray of int
        Unit at each place, shape (relocations, n_units).

    Returns
    -------
    ndarray
        Shape (relocations, n_periods); missing where all pairs are tied.
    """
    t = start.shape[1]
    result = np.empty((len(places), t))
    for draw in range(len(places)):
        above, before, after = np.zeros(t), np.zeros(t), np.zeros(t)
        for link in range(links.shape[1]):
            i, j = places[draw, links[0, link]], places[draw, links[1, link]]
            for s in range(t):
                earlier = start[i, s] - start[j, s]
                later = end[i, s] - end[j, s]
                before[s] += earlier != 0
                after[s] += later != 0
                above[s] += (earlier * later > 0) - (earlier * later < 0)
        for s in range(t):
            untied = np.sqrt(before[s] * after[s])
            result[draw, s] = above[s] / untied if untied > 0 else np.nan
    return result
