"""Sums of entries of sparse inverses where the matrix has links: exact traces without n solves.

With ``A = I - rho W`` and ``G = W A^-1``, ``tr G'G = tr W'W (A'A)^-1`` needs the inverse of A'A
only at links, and the diagonal of G that of A, as do its derivatives ``diag(G G)``, the imaginary
part at a rho with a tiny imaginary step. Such entries of an inverse cost about twice
a factorisation (`link_systems`; Takahashi, Fagan and Chen 1973; Erisman and Tinney 1975,
Communications of the ACM 18, 177-179).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from nqp_spatial.regression.likelihood.cholesky import has_cheap_square
from nqp_spatial.regression.likelihood.link_systems import LinkFactor, LinkSums, analysed, one_lag
from nqp_spatial.weights._spectrum import is_dense

__all__ = ["spill_diagonals", "spill_diagonals_and_slopes", "square_trace"]

# Multiplications that a factorisation may cost: some seconds.
_MOST_WORK = 3e9
# Its square is below rounding, and its products with tiny entries are no subnormal numbers.
_COMPLEX_STEP = 1e-15


def square_trace(matrix: sparse.csr_array, rho: float, other: float | None = None) -> float | None:
    """Return ``tr G'G``, exact; None where it costs more than solves for all columns.

    With another coefficient, ``tr G(rho)'G(other) = tr W'W (A(rho)'A(other))^-1``.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    rho : float
    other : float, optional

    Examples
    --------
    >>> path = sparse.csr_array(np.array([[0.0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]]))
    >>> round(square_trace(path, 0.0), 12)
    2.5
    """
    if is_dense(matrix) or not has_cheap_square(matrix):
        return None
    sums = analysed(matrix, _square)
    other = rho if other is None else other
    factor = _factor(sums, np.array([other, rho, -rho * other]))
    return None if factor is None else float(sums.traces(factor.inverse_at_links())[2])


def spill_diagonals(matrix: sparse.csr_array, rho: float) -> np.ndarray | None:
    """Return the diagonal of G, shape (n,); None where probes cost less.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    rho : float
    """
    cells = _cells(matrix, rho)
    return None if cells is None else analysed(matrix, one_lag).diagonal(cells, 0)


def spill_diagonals_and_slopes(
    matrix: sparse.csr_array, rho: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the diagonals of G and of its derivative ``G G``; as `spill_diagonals`.

    Parameters
    ----------
    matrix, rho
        As there.
    """
    cells = _cells(matrix, complex(rho, _COMPLEX_STEP))
    if cells is None:
        return None
    sums = analysed(matrix, one_lag)
    return sums.diagonal(cells.real, 0), sums.diagonal(cells.imag, 0) / _COMPLEX_STEP


def _cells(matrix: sparse.csr_array, rho: complex) -> np.ndarray | None:
    """Return the inverse of A at the turned links."""
    if is_dense(matrix):
        return None
    factor = _factor(analysed(matrix, one_lag), np.array([rho]))
    return None if factor is None else factor.inverse_at_links()


def _factor(sums: LinkSums, coefs: np.ndarray) -> LinkFactor | None:
    """Return the factors of I minus a sum; None if there is much work, or a pivot is too small."""
    if sums.system.operations > _MOST_WORK:
        return None
    factor = sums.system.factor(sums.weights(coefs))
    return factor if np.isfinite(factor.logdet) else None


def _square(matrix: sparse.csr_array) -> LinkSums:
    """Return the links of ``A'A = I - rho W - rho W' + rho^2 W'W``, and of that with two rho."""
    transposed = sparse.csr_array(matrix.T)
    return LinkSums([matrix, transposed, sparse.csr_array(transposed @ matrix)])
