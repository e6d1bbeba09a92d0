"""Compiled loops over links: of a triangulation, and within groups."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["empty_circles", "empty_lunes", "sums_within"]

_TIE = 1e-12  # relative difference of squared distances that is rounding


@njit(cache=True, nogil=True)
def empty_circles(points: np.ndarray, starts: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Return whether no third point lies in the circle with a link as its diameter.

    If there is such a point, one of the neighbours of both ends in the triangulation is.

    Parameters
    ----------
    points, starts, neighbours : ndarray
        As in `empty_lunes`.

    Returns
    -------
    ndarray of bool
        One for each link.
    """
    full = np.zeros(len(neighbours), dtype=np.bool_)
    for i in range(len(points)):
        for link in range(starts[i], starts[i + 1]):
            j = neighbours[link]
            square = (points[i, 0] - points[j, 0]) ** 2 + (points[i, 1] - points[j, 1]) ** 2
            for other in range(starts[i], starts[i + 1]):
                k = neighbours[other]
                to_i = (points[i, 0] - points[k, 0]) ** 2 + (points[i, 1] - points[k, 1]) ** 2
                to_j = (points[j, 0] - points[k, 0]) ** 2 + (points[j, 1] - points[k, 1]) ** 2
                if k != j and square > to_i + to_j:
                    full[link] = True
            if full[link]:
                for back in range(starts[j], starts[j + 1]):
                    if neighbours[back] == i:
                        full[back] = True
    return ~full


@njit(cache=True, nogil=True)
def empty_lunes(points: np.ndarray, starts: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Return whether no third point is nearer to both ends of a link than they are to each other.

    Points inside any circle are connected by links of the Delaunay triangulation whose ends lie in
    it. The lune of a link lies in the circle around its middle with sqrt(3) / 2 of its length as
    radius, so that a walk within this circle meets every point of the lune.

    Parameters
    ----------
    points : ndarray
        Shape (n, 2).
    starts, neighbours : ndarray of int
        Neighbours in the Delaunay triangulation as compressed rows, both directions.

    Returns
    -------
    ndarray of bool
        One for each link.
    """
    n = len(points)
    empty = np.zeros(len(neighbours), dtype=np.bool_)
    visited = np.full(n, -1, dtype=np.int64)
    walk = np.empty(n, dtype=np.int64)
    for i in range(n):
        for link in range(starts[i], starts[i + 1]):
            j = neighbours[link]
            if j < i:  # decided with the link from j to i
                for other in range(starts[j], starts[j + 1]):
                    if neighbours[other] == i:
                        empty[link] = empty[other]
                continue
            x, y = (points[i, 0] + points[j, 0]) / 2, (points[i, 1] + points[j, 1]) / 2
            square = (points[i, 0] - points[j, 0]) ** 2 + (points[i, 1] - points[j, 1]) ** 2
            visited[i] = visited[j] = link
            walk[0], walk[1] = i, j
            position, length, blocked = 0, 2, False
            while position < length and not blocked:
                place = walk[position]
                position += 1
                for step in range(starts[place], starts[place + 1]):
                    k = neighbours[step]
                    if visited[k] == link:
                        continue
                    visited[k] = link
                    px, py = points[k, 0], points[k, 1]
                    if (px - x) ** 2 + (py - y) ** 2 > 0.75 * square * (1 + _TIE):
                        continue
                    to_i = (px - points[i, 0]) ** 2 + (py - points[i, 1]) ** 2
                    to_j = (px - points[j, 0]) ** 2 + (py - points[j, 1]) ** 2
                    if max(to_i, to_j) < square * (1 - _TIE):
                        blocked = True
                        break
                    walk[length] = k
                    length += 1
            empty[link] = not blocked
    return empty


@njit(cache=True, nogil=True)
def sums_within(
    labels: np.ndarray, rows: np.ndarray, columns: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the sum of the weights within groups, for each assignment of groups to units.

    Parameters
    ----------
    labels : ndarray of int
        Group of each unit, shape (assignments, n).
    rows, columns, weights : ndarray
        Links.
    """
    sums = np.empty(len(labels))
    for draw in range(len(labels)):
        total = 0.0
        for link in range(len(weights)):
            same = labels[draw, rows[link]] == labels[draw, columns[link]]
            total += weights[link] * same  # without a branch, which would be guessed wrongly
        sums[draw] = total
    return sums
