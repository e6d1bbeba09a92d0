"""Compiled loops for the entries of an inverse on the pattern of its Cholesky factor."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["factor_pattern", "selected_entries"]


@njit(cache=True, nogil=True)
def factor_pattern(
    starts: np.ndarray, rows: np.ndarray, capacity: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pattern of the factor of a symmetric matrix, also where entries cancel to zero.

    A column has the rows of the matrix and those of the columns whose first row it is.

    Parameters
    ----------
    starts, rows : ndarray
        Columns of the lower triangle of the matrix, without the diagonal, in the order of
        elimination.
    capacity : int
        Expected number of entries.

    Returns
    -------
    starts, rows : ndarray
        Columns of the factor, without the diagonal; rows in any order.
    """
    n = len(starts) - 1
    first = np.full(n, -1)  # the last child of a column, and the child before it
    sibling = np.full(n, -1)
    seen = np.full(n, -1)
    ends = np.zeros(n + 1, dtype=np.int64)
    filled = np.empty(capacity, dtype=np.int64)
    count = 0
    for j in range(n):
        seen[j] = j
        if count + n > len(filled):
            larger = np.empty(2 * len(filled) + n, dtype=np.int64)
            larger[:count] = filled[:count]
            filled = larger
        parent = n
        for p in range(starts[j], starts[j + 1]):
            i = rows[p]
            if seen[i] != j:
                seen[i] = j
                filled[count] = i
                count += 1
                parent = min(parent, i)
        child = first[j]
        while child >= 0:
            for p in range(ends[child], ends[child + 1]):
                i = filled[p]
                if seen[i] != j:
                    seen[i] = j
                    filled[count] = i
                    count += 1
                    parent = min(parent, i)
            child = sibling[child]
        ends[j + 1] = count
        if parent < n:
            sibling[j] = first[parent]
            first[parent] = j
    return ends, filled[:count].copy()


@njit(cache=True, nogil=True)
def selected_entries(
    starts: np.ndarray,
    rows: np.ndarray,
    factor: tuple[np.ndarray, np.ndarray, np.ndarray],
    pivots: np.ndarray,
    links: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the entries of ``(L D L')^-1`` where the matrix has links, and its diagonal.

    Parameters
    ----------
    starts, rows : ndarray
        From `factor_pattern`.
    factor : tuple of ndarray
        Columns of the unit lower triangular L: starts, rows and entries.
    pivots : ndarray
        D, shape (n,).
    links : tuple of ndarray
        Columns of the lower triangle of the matrix: starts and rows.
    """
    n = len(pivots)
    link_starts, link_rows = links
    linked = np.zeros(len(link_rows), dtype=pivots.dtype)
    own_starts, own_rows, own_entries = factor
    inverse = np.zeros(len(rows), dtype=pivots.dtype)
    lower = np.zeros_like(inverse)
    diagonal = np.zeros_like(pivots)
    place = np.full(n, -1)
    sums = np.zeros_like(pivots)
    for j in range(n - 1, -1, -1):
        first, last = starts[j], starts[j + 1]
        for p in range(first, last):
            place[rows[p]] = p
            sums[p - first] = 0.0
        for s in range(own_starts[j], own_starts[j + 1]):
            if own_rows[s] > j:
                lower[place[own_rows[s]]] = own_entries[s]
        for p in range(first, last):
            k = rows[p]
            weight = lower[p]
            total = weight * diagonal[k]
            for s in range(starts[k], starts[k + 1]):
                q = place[rows[s]]
                if q >= 0:
                    total += lower[q] * inverse[s]
                    sums[q - first] += weight * inverse[s]
            sums[p - first] += total
        corner = 1 / pivots[j]
        for p in range(first, last):
            inverse[p] = -sums[p - first]
            corner -= lower[p] * inverse[p]
        for s in range(link_starts[j], link_starts[j + 1]):
            linked[s] = inverse[place[link_rows[s]]]
        for p in range(first, last):
            place[rows[p]] = -1
        diagonal[j] = corner
    return linked, diagonal
