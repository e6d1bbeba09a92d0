"""Compiled loops: shortest paths of networks, products of permuted matrices."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def paths_from_sources(
    indptr: np.ndarray, indices: np.ndarray, sources: np.ndarray, reach: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return betweenness, sums of distances to each unit, and from each source; fill `reach`."""
    n = len(indptr) - 1
    between, far_in, far_out = np.zeros(n), np.zeros(n), np.zeros(len(sources))
    queue = np.empty(n, dtype=np.int64)
    for place in range(len(sources)):
        source = sources[place]
        distance = np.full(n, -1, dtype=np.int64)
        paths, dependence = np.zeros(n), np.zeros(n)
        distance[source], paths[source] = 0, 1.0
        queue[0] = source
        head, tail = 0, 1
        while head < tail:
            unit = queue[head]
            head += 1
            for k in range(indptr[unit], indptr[unit + 1]):
                other = indices[k]
                if distance[other] < 0:
                    distance[other] = distance[unit] + 1
                    queue[tail] = other
                    tail += 1
                if distance[other] == distance[unit] + 1:
                    paths[other] += paths[unit]
        # Backwards, each unit collects from those one step farther.
        for position in range(tail - 1, -1, -1):
            unit = queue[position]
            for k in range(indptr[unit], indptr[unit + 1]):
                other = indices[k]
                if distance[other] == distance[unit] + 1:
                    dependence[unit] += paths[unit] / paths[other] * (1.0 + dependence[other])
            reach[place, unit] = True
            far_in[unit] += distance[unit]
            far_out[place] += distance[unit]
            if unit != source:
                between[unit] += dependence[unit]
    return between, far_in, far_out


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def permuted_products(moved: np.ndarray, fixed: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Return ``sum_ij moved[p_i, p_j] fixed[m, i, j]``, shape (permutations, m)."""
    count, n, m = len(orders), len(moved), len(fixed)
    products = np.zeros((count, m))
    row = np.empty(n)
    for draw in range(count):
        order = orders[draw]
        for i in range(n):
            source = moved[order[i]]
            for j in range(n):
                row[j] = source[order[j]]
            for k in range(m):
                target = fixed[k, i]
                total = 0.0
                for j in range(n):
                    total += row[j] * target[j]
                products[draw, k] += total
    return products
