"""Measures of directed graphs: shortest paths in compiled loops, Krackhardt's dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from nqp_spatial.core.resampling import batches
from nqp_spatial.structure._numba import paths_from_sources

__all__ = ["Paths", "krackhardt", "shortest_paths"]

# Sources of one task; sums are over tasks in their order, so that they do not depend on workers.
_SOURCES = 128


@dataclass(frozen=True, eq=False)
class Paths:
    """Shortest paths of a directed graph, without weights.

    Attributes
    ----------
    betweenness, closeness_in, closeness_out : ndarray
        Shape (n,), by the conventions of networkx.
    reach : ndarray of bool
        Shape (n, n): whether there is a path from row to column.
    """

    betweenness: np.ndarray
    closeness_in: np.ndarray
    closeness_out: np.ndarray
    reach: np.ndarray


def shortest_paths(links: sparse.csr_array, n_jobs: int = 1) -> Paths:
    """Return centralities and reachability of a directed graph (Brandes 2001).

    Parameters
    ----------
    links : csr_array
        Row to column, shape (n, n), without a diagonal.
    n_jobs : int

    Returns
    -------
    Paths
        Betweenness is divided by (n - 1)(n - 2). Closeness is ``(r - 1) / sum of distances *
        (r - 1) / (n - 1)`` for the r units, the unit among them, at finite distance.
    """
    from joblib import Parallel, delayed

    n = links.shape[0]
    reach = np.zeros((n, n), dtype=np.bool_)
    indptr, indices = links.indptr.astype(np.int64), links.indices.astype(np.int64)
    far_in, far_out, count_in, count_out = (np.zeros(n) for _ in range(4))
    parts = list(batches(n, _SOURCES))
    tasks = (
        delayed(paths_from_sources)(indptr, indices, np.arange(part.start, part.stop), reach[part])
        for part in parts
    )
    between = np.zeros(n)
    for part, task in zip(parts, Parallel(n_jobs=n_jobs, prefer="threads")(tasks), strict=True):
        through, to, sent = task
        between += through
        far_in += to
        far_out[part] = sent
    count_out[:], count_in[:] = reach.sum(axis=1) - 1, reach.sum(axis=0) - 1
    scale = (n - 1) * (n - 2)
    return Paths(
        betweenness=between / scale if scale > 0 else between,
        closeness_in=_closeness(far_in, count_in, n),
        closeness_out=_closeness(far_out, count_out, n),
        reach=reach,
    )


def _closeness(distance: np.ndarray, count: np.ndarray, n: int) -> np.ndarray:
    near = np.divide(count, distance, out=np.zeros(n), where=distance > 0)
    return np.asarray(near * count / max(n - 1, 1))


def krackhardt(links: sparse.csr_array, reach: np.ndarray) -> tuple[float, float, float]:
    """Return connectedness, hierarchy and efficiency (Krackhardt 1994).

    Parameters
    ----------
    links : csr_array
        Row to column, shape (n, n), without a diagonal.
    reach : ndarray of bool
        As `Paths.reach`.

    Returns
    -------
    tuple of float
        NaN where no pair can violate the condition.
    """
    n = links.shape[0]
    _, component = csgraph.connected_components(links, directed=True, connection="weak")
    sizes = np.bincount(component).astype(float)
    pairs = n * (n - 1) / 2
    joined = float((sizes * (sizes - 1) / 2).sum())
    both = (float((reach & reach.T).sum()) - n) / 2
    either = (float((reach | reach.T).sum()) - n) / 2
    pattern = links != 0
    undirected = (pattern + pattern.T).nnz / 2
    least = float((sizes - 1).sum())
    return (
        joined / pairs if pairs else np.nan,
        1 - both / either if either else np.nan,
        1 - (undirected - least) / (joined - least) if joined > least else np.nan,
    )
