"""Facts of a weights matrix's spectrum that several modules need."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import linalg as sla

__all__ = ["is_dense", "spectral_radius", "symmetrizer"]

# Share of all pairs above which dense arrays are smaller and faster than sparse ones, and units
# below which neither matters.
_DENSE_SHARE, _FEW_UNITS = 0.3, 100
_MISFIT = 1e-10  # of the logarithm of a ratio of weights
_BLOCK_ROWS = 256


def is_dense(matrix: sparse.csr_array) -> bool:
    """Whether so many pairs are linked that W is better held as a dense array.

    Examples
    --------
    >>> import numpy as np
    >>> is_dense(sparse.csr_array(np.ones((200, 200))))
    True
    """
    n = matrix.shape[0]
    return bool(n >= _FEW_UNITS and matrix.nnz > _DENSE_SHARE * n**2)


def spectral_radius(matrix: sparse.csr_array) -> float:
    """Return the largest modulus of an eigenvalue.

    Parameters
    ----------
    matrix : csr_array
        Square, not necessarily symmetric.

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> round(spectral_radius(sparse.csr_array(np.array([[0.0, 4.0], [1.0, 0.0]]))), 12)
    2.0
    """
    n = matrix.shape[0]
    if matrix.nnz == 0:
        return 0.0
    sums = np.asarray(abs(matrix).sum(axis=1)).ravel()
    if matrix.data.min() >= 0 and np.allclose(sums, sums[0], rtol=1e-13, atol=0):
        return float(sums[0])  # equal row sums of a non-negative matrix: Perron and Frobenius
    if n <= 500:
        return float(np.abs(np.linalg.eigvals(matrix.toarray())).max())
    start = np.ones(n)
    try:
        if abs(matrix - matrix.T).nnz == 0:
            values = sla.eigsh(matrix, k=1, which="LM", v0=start, return_eigenvectors=False)
        else:
            values = sla.eigs(matrix, k=1, which="LM", v0=start, return_eigenvectors=False)
    except sla.ArpackNoConvergence:
        columns = np.asarray(abs(matrix).sum(axis=0)).ravel()
        return float(min(sums.max(), columns.max()))  # an upper bound, so the interval stays safe
    return float(np.abs(values).max())


def symmetrizer(matrix: sparse.csr_array) -> np.ndarray | None:
    """Return d > 0 such that diag(d) W diag(1/d) is symmetric, or none if there is no such d.

    A row-standardised symmetric matrix is the usual case: w_ij = b_ij / s_i with b symmetric, and
    d = sqrt(s). The test reads d off one spanning tree and then checks every link, so that it
    needs no knowledge of how the matrix was made.

    Parameters
    ----------
    matrix : csr_array
        Square.

    Returns
    -------
    ndarray or None
        Shape (n,).

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> w = sparse.csr_array(np.array([[0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]]))
    >>> (symmetrizer(w) ** 2).round(6).tolist()
    [1.0, 2.0, 1.0]
    """
    n = matrix.shape[0]
    if is_dense(matrix) and matrix.nnz == n * (n - 1) and not matrix.diagonal().any():
        return _symmetrizer_of_complete(matrix)
    transposed = sparse.csr_array(matrix.T)
    transposed.sort_indices()
    original = sparse.csr_array(matrix)
    original.sort_indices()
    same_pattern = np.array_equal(original.indptr, transposed.indptr) and np.array_equal(
        original.indices, transposed.indices
    )
    if not same_pattern:
        return None
    ratio = original.data / transposed.data
    if not (np.isfinite(ratio).all() and (ratio > 0).all()):
        return None
    if np.allclose(ratio, 1.0, rtol=1e-13, atol=0):
        return np.ones(matrix.shape[0])
    # w_ij / w_ji = (d_j / d_i)^2: log d is a potential whose differences along links are known.
    half_log = sparse.csr_array(
        (0.5 * np.log(ratio), original.indices, original.indptr), shape=matrix.shape
    )
    potential = _potential(half_log)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(original.indptr))
    misfit = half_log.data - (potential[original.indices] - potential[rows])
    if matrix.nnz and np.abs(misfit).max() > _MISFIT:
        return None
    return np.asarray(np.exp(potential))


def _symmetrizer_of_complete(matrix: sparse.csr_array) -> np.ndarray | None:
    """Return d where all pairs are linked: the links of the first unit are the tree."""
    dense, n = matrix.toarray(), matrix.shape[0]
    first = np.ones(n)
    equal = True
    if (dense[0, 1:] == 0).any() or (dense[1:, 0] == 0).any():
        return None  # a weight is stored that is zero
    ratio = dense[0, 1:] / dense[1:, 0]
    if not (np.isfinite(ratio).all() and (ratio > 0).all()):
        return None
    first[1:] = ratio
    potential = 0.5 * np.log(first)
    for start in range(0, n, _BLOCK_ROWS):
        rows = slice(start, min(start + _BLOCK_ROWS, n))
        own, other = dense[rows].copy(), dense[:, rows].T.copy()
        places = np.arange(rows.start, rows.stop)
        own[places - start, places] = other[places - start, places] = 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = own / other
        if not (np.isfinite(ratio).all() and (ratio > 0).all()):
            return None
        equal = equal and bool(np.allclose(ratio, 1.0, rtol=1e-13, atol=0))
        misfit = 0.5 * np.log(ratio) - (potential[None, :] - potential[rows, None])
        if np.abs(misfit).max() > _MISFIT:
            return None
    return np.ones(n) if equal else np.asarray(np.exp(potential))


def _potential(differences: sparse.csr_array) -> np.ndarray:
    """Sum differences along a breadth-first tree of each component, starting from zero."""
    n = differences.shape[0]
    pattern = sparse.csr_array(
        (np.ones_like(differences.data), differences.indices, differences.indptr),
        shape=differences.shape,
    )
    count, labels = sparse.csgraph.connected_components(pattern, directed=False)
    potential = np.zeros(n)
    roots = np.full(count, -1)
    roots[labels[::-1]] = np.arange(n)[::-1]  # first unit of each component
    known = np.zeros(n, dtype=bool)
    known[roots] = True
    frontier = roots
    while frontier.size:
        starts, stops = differences.indptr[frontier], differences.indptr[frontier + 1]
        counts = stops - starts
        where = np.repeat(starts - np.concatenate(([0], np.cumsum(counts)[:-1])), counts)
        links = where + np.arange(counts.sum())
        senders = differences.indices[links]
        values = np.repeat(potential[frontier], counts) + differences.data[links]
        fresh = ~known[senders]
        reached, first = np.unique(senders[fresh], return_index=True)
        potential[reached] = values[fresh][first]
        known[reached] = True
        frontier = reached
    return potential
