"""Cholesky factors of ``I - rho W`` for many rho by CHOLMOD (extra ``cholmod``: cvxopt).

The pattern of the matrix is the same for all rho, so that it is analysed once for each W. A factor
replaces the one before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy import sparse

__all__ = [
    "CholeskySystem",
    "NormalSystem",
    "NotPositiveDefiniteError",
    "has_cheap_square",
]

# Smallest share of the largest entry that the diagonal of the factor of (I - rho W)'(I - rho W) may
# have: the relative error of a pivot is the rounding error over the square of its share.
_LEAST_SHARE = 0.02
# Links of a row, on average over links and at most, up to which a Cholesky factor of (I - rho W)'(I
# - rho W) costs less than LU factors of I - rho W: a row of k links makes a clique of k units.
_MEAN_LINKS, _MOST_LINKS = 24, 100
_OPTIONS = {"supernodal": 2, "print": 0}


class NotPositiveDefiniteError(Exception):
    """The matrix is singular, or nearly so, at this rho."""


class _Pencil:
    """``sum_k rho^k T_k`` with symmetric T_k: one analysis of the pattern, one factor at a time.

    Parameters
    ----------
    terms : sequence of csc_array
        T_0 = I, T_1, ..., shape (n, n); only the lower triangles are read.

    Raises
    ------
    ImportError
        If cvxopt is not installed.
    """

    def __init__(self, terms: Sequence[sparse.csc_array]) -> None:
        import cvxopt.cholmod  # noqa: F401  (so that its absence is noticed here)

        lower = [sparse.csc_array(sparse.tril(term, format="csc")) for term in terms]
        pattern = sparse.csc_array(sum(abs(term) for term in lower))
        pattern.sort_indices()
        n = pattern.shape[0]
        self._indices = pattern.indices.astype(np.int64)
        self._columns = np.repeat(np.arange(n, dtype=np.int64), np.diff(pattern.indptr))
        entries = self._columns * n + self._indices
        self._values = np.zeros((len(terms), pattern.nnz))
        for values, term in zip(self._values, lower, strict=True):
            columns = np.repeat(np.arange(n, dtype=np.int64), np.diff(term.indptr))
            values[np.searchsorted(entries, columns * n + term.indices)] = term.data
        self._n = n
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._matrix: Any = None
        self._symbols: Any = None
        self._at = np.nan

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the factor, which cannot be pickled and is computed anew."""
        state = self.__dict__.copy()
        for name in ("_lock", "_matrix", "_symbols", "_at"):
            del state[name]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the values; the pattern is analysed at the first use."""
        self.__dict__.update(state)
        self._reset()

    def log_diagonal(self, rho: float, *, least: float = 0.0) -> float:
        """Return the sum of the logarithms of the diagonal of the factor L.

        Refuse a diagonal with an entry below the share `least` of its largest.
        """
        from cvxopt import cholmod

        with self._lock, _standard_options():
            self._factorize(rho)
            diagonal = np.array(cholmod.diag(self._symbols)).ravel()
        if not diagonal.min() > least * diagonal.max():
            raise NotPositiveDefiniteError
        return float(np.log(diagonal).sum())

    def solve(self, rho: float, x: np.ndarray) -> np.ndarray:
        """Return ``(sum_k rho^k T_k)^-1 x``, x of shape (n,) or (n, m)."""
        from cvxopt import cholmod, matrix

        columns = matrix(np.asfortranarray(x.reshape(self._n, -1), dtype=float))
        with self._lock, _standard_options():
            self._factorize(rho)
            cholmod.solve(self._symbols, columns)
        return np.array(columns).reshape(x.shape)

    def _factorize(self, rho: float) -> None:
        from cvxopt import cholmod, matrix, spmatrix

        if rho == self._at:
            return
        if self._symbols is None:
            self._matrix = spmatrix(
                matrix(np.ones(len(self._indices))),
                matrix(self._indices),
                matrix(self._columns),
                (self._n, self._n),
            )
            self._symbols = cholmod.symbolic(self._matrix)
        powers = float(rho) ** np.arange(len(self._values))
        self._matrix.V = matrix(powers @ self._values)
        self._at = np.nan
        try:
            cholmod.numeric(self._matrix, self._symbols)
        except ArithmeticError:
            raise NotPositiveDefiniteError from None
        self._at = rho


@contextmanager
def _standard_options() -> Iterator[None]:
    """Set the options that the diagonal of a factor requires; restore those of the user after."""
    from cvxopt import cholmod

    before = dict(cholmod.options)
    cholmod.options.clear()
    cholmod.options.update(_OPTIONS)
    try:
        yield
    finally:
        cholmod.options.clear()
        cholmod.options.update(before)


class CholeskySystem:
    """``I - rho W`` for a W similar to a symmetric matrix.

    ``S = D W D^-1`` is symmetric and has the determinant of W; inside the admissible interval
    ``I - rho S`` is positive definite.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    scale : ndarray
        Diagonal of D, from `symmetrizer`.

    Raises
    ------
    ImportError
        If cvxopt is not installed.
    """

    def __init__(self, matrix: sparse.csr_array, scale: np.ndarray) -> None:
        links = sparse.csc_array(
            sparse.diags_array(-scale) @ matrix @ sparse.diags_array(1 / scale)
        )
        self._scale = scale
        self._pencil = _Pencil([sparse.eye_array(len(scale), format="csc"), links])

    def logdet(self, rho: float) -> float:
        """Return ``ln|I - rho W|``."""
        return 2 * self._pencil.log_diagonal(rho)

    def solve(self, rho: float, x: np.ndarray, trans: str = "N") -> np.ndarray:
        """Return ``(I - rho W)^-1 x``, or of the transpose where `trans` is "T"."""
        scale = self._scale if trans == "N" else 1 / self._scale
        scale = scale.reshape(-1, *[1] * (x.ndim - 1))
        return np.asarray(self._pencil.solve(rho, x * scale) / scale)


class NormalSystem:
    """``I - rho W`` for any other W, by ``(I - rho W)'(I - rho W)``, which is positive definite.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n), with `has_cheap_square`.

    Raises
    ------
    ImportError
        If cvxopt is not installed.
    """

    def __init__(self, matrix: sparse.csr_array) -> None:
        transposed = sparse.csc_array(matrix.T)
        identity = sparse.eye_array(matrix.shape[0], format="csc")
        linear = sparse.csc_array(-(matrix + transposed))
        self._pencil = _Pencil([identity, linear, sparse.csc_array(transposed @ matrix)])

    def logdet(self, rho: float) -> float:
        """Return ``ln|I - rho W|``, half the log-determinant of the product."""
        return self._pencil.log_diagonal(rho, least=_LEAST_SHARE)


def has_cheap_square(matrix: sparse.csr_array) -> bool:
    """Whether W'W has few links, because no unit has many neighbours."""
    counts = np.diff(matrix.indptr).astype(float)
    if not matrix.nnz or counts.max() > _MOST_LINKS:
        return False
    return bool((counts**2).sum() <= _MEAN_LINKS * matrix.nnz)
