"""Entries of sparse inverses where the matrix has links: exact traces without n solves.

With the factors ``P C P' = L D L'`` of a symmetric C, the entries of ``Z = C^-1`` on the pattern of
L follow from each other, from the last column to the first (Takahashi, Fagan and Chen 1973;
Erisman and Tinney 1975, Communications of the ACM 18, 177-179):

``Z_ij = -sum_(k > j) Z_ik L_kj`` for i > j, and ``Z_jj = 1 / D_j - sum_(k > j) L_kj Z_kj``,

at about the cost of the factorisation. With ``A = I - rho W`` and ``G = W A^-1``,
``tr G'G = sum_ij (W'W)_ij [(A'A)^-1]_ij`` needs only such entries, and so do the diagonal of G and
its derivative ``diag(G G)``, the imaginary part at a rho with a tiny imaginary step.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from nqp_spatial.regression.likelihood.cholesky import has_cheap_square
from nqp_spatial.regression.likelihood.factorization import factorize_system
from nqp_spatial.weights._spectrum import is_dense

__all__ = ["selected_inverse", "spill_diagonals", "spill_diagonals_and_slopes", "square_trace"]

# Multiplications that the entries may cost: some seconds.
_MOST_WORK = 3e9
_COMPLEX_STEP = 1e-30


def selected_inverse(system: sparse.csc_array) -> sparse.csr_array | None:
    """Return the entries of the inverse where the matrix has entries.

    Parameters
    ----------
    system : csc_array
        Symmetric, shape (n, n), real or complex; with a diagonal that needs no pivoting.

    Returns
    -------
    csr_array or None
        None if rows were exchanged, or if there are too many entries.

    Examples
    --------
    >>> path = sparse.csc_array(np.array([[2.0, -1, 0], [-1, 2, -1], [0, -1, 2]]))
    >>> selected_inverse(path).diagonal().round(12).tolist()
    [0.75, 1.0, 0.75]
    """
    from nqp_spatial.regression.likelihood._selected_numba import factor_pattern, selected_entries

    factor = factorize_system(system)
    if not np.array_equal(factor.perm_r, factor.perm_c):
        return None
    order, n = factor.perm_c, system.shape[0]
    back = np.argsort(order)
    lower = sparse.csc_array(factor.L)
    links = sparse.csc_array(sparse.tril(sparse.csc_array(system)[back][:, back], -1, format="csc"))
    below = (links.indptr.astype(np.int64), links.indices.astype(np.int64))
    starts, rows = factor_pattern(*below, lower.nnz + n)
    if float((np.diff(starts).astype(float) ** 2).sum()) > _MOST_WORK:
        return None
    parts = (lower.indptr, lower.indices, lower.data)
    entries, diagonal = selected_entries(starts, rows, parts, factor.U.diagonal(), below)
    # Rows and columns of the links, in the order of the matrix.
    first = back[links.indices]
    second = back[np.repeat(np.arange(n), np.diff(links.indptr))]
    units = np.arange(n)
    values = np.concatenate([entries, entries, diagonal[order]])
    places = (np.concatenate([first, second, units]), np.concatenate([second, first, units]))
    return sparse.csr_array((values, places), shape=system.shape)


def square_trace(matrix: sparse.csr_array, rho: float) -> float | None:
    """Return ``tr G'G``, exact; None where it costs more than solves for all columns.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    rho : float
    """
    if is_dense(matrix) or not has_cheap_square(matrix):
        return None
    square = sparse.csr_array(matrix.T @ matrix)
    inverse = selected_inverse(_normal_matrix(matrix, square, rho))
    return None if inverse is None else float(square.multiply(inverse).sum())


def spill_diagonals(
    matrix: sparse.csr_array, scale: np.ndarray | None, rho: complex
) -> np.ndarray | None:
    """Return the diagonal of G, shape (n,); None where probes cost less.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    scale : ndarray or None
        Scaling that makes W symmetric, from `symmetrizer`.
    rho : float or complex
    """
    if is_dense(matrix):
        return None
    if scale is not None:
        links = sparse.csr_array(sparse.diags_array(scale) @ matrix @ sparse.diags_array(1 / scale))
        links = sparse.csr_array((links + links.T) / 2)
        identity = sparse.eye_array(len(scale), format="csc")
        inverse = selected_inverse(sparse.csc_array(identity - rho * links))
        return None if inverse is None else np.asarray(links.multiply(inverse).sum(axis=1)).ravel()
    if not has_cheap_square(matrix):
        return None
    normal = _normal_matrix(matrix, sparse.csr_array(matrix.T @ matrix), rho)
    inverse = selected_inverse(normal)
    if inverse is None:
        return None
    system = sparse.csr_array(sparse.eye_array(matrix.shape[0]) - rho * matrix)
    # G = W (A'A)^-1 A': both ends are neighbours of the unit, or itself.
    return np.asarray(sparse.csr_array(matrix @ inverse).multiply(system).sum(axis=1)).ravel()


def spill_diagonals_and_slopes(
    matrix: sparse.csr_array, scale: np.ndarray | None, rho: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the diagonals of G and of its derivative ``G G``; as `spill_diagonals`.

    Parameters
    ----------
    matrix, scale, rho
        As there.
    """
    diagonal = spill_diagonals(matrix, scale, complex(rho, _COMPLEX_STEP))
    return None if diagonal is None else (diagonal.real, diagonal.imag / _COMPLEX_STEP)


def _normal_matrix(
    matrix: sparse.csr_array, square: sparse.csr_array, rho: complex
) -> sparse.csc_array:
    """Return ``A'A``, the transpose without conjugation, with all places of W, W' and W'W."""
    n = matrix.shape[0]
    links, squares, units = sparse.coo_array(matrix), sparse.coo_array(square), np.arange(n)
    values = [np.ones(n), -rho * links.data, -rho * links.data, rho**2 * squares.data]
    rows = [units, links.row, links.col, squares.row]
    columns = [units, links.col, links.row, squares.col]
    # Sums of repeated places stay there if they are zero; those of matrices do not.
    places = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csc_array(sparse.coo_array((np.concatenate(values), places), shape=(n, n)))
