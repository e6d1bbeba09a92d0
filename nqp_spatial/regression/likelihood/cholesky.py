"""Cholesky factors of ``I - rho W`` for many rho by CHOLMOD (extra ``cholmod``: cvxopt).

The pattern of the matrix is the same for all rho, so that it is analysed once for each W. A factor
replaces the one before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

__all__ = [
    "CholeskyFactor",
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
    """``I + rho T + rho^2 S`` with symmetric T and S: one analysis, one factor at a time.

    Parameters
    ----------
    linear : csr_array
        T, shape (n, n).
    square : csr_array, optional
        S, shape (n, n).

    Raises
    ------
    ImportError
        If cvxopt is not installed.
    """

    def __init__(self, linear: sparse.csr_array, square: sparse.csr_array | None = None) -> None:
        import cvxopt.cholmod  # noqa: F401  (so that its absence is noticed here)

        n = linear.shape[0]
        # A complex sum is one merge of the patterns, with the numbers of each matrix still apart.
        merged = sparse.csr_array(sparse.eye_array(n, format="csr") + 1j * linear)
        if square is not None:
            merged = sparse.csr_array(merged + square)
        merged.sort_indices()
        columns = np.repeat(np.arange(n, dtype=np.int64), np.diff(merged.indptr))
        # Rows of the upper triangle of a symmetric matrix are columns of the lower one.
        lower = merged.indices >= columns
        self._indices = merged.indices[lower].astype(np.int64)
        self._columns = columns[lower]
        identity = (self._indices == self._columns).astype(float)
        terms = [identity, merged.data.imag[lower], merged.data.real[lower] - identity]
        self._values = np.stack(terms if square is not None else terms[:2])
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

    def factorize(self, rho: float) -> None:
        """Compute the factor that the next calls at this rho use."""
        with self._lock, _standard_options():
            self._factorize(rho)

    def solve(self, rho: float, x: np.ndarray) -> np.ndarray:
        """Return ``(I + rho T + rho^2 S)^-1 x``, x of shape (n,) or (n, m)."""
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
        links = sparse.diags_array(-scale) @ matrix @ sparse.diags_array(1 / scale)
        self._scale = scale
        self._pencil = _Pencil(sparse.csr_array(links))

    def logdet(self, rho: float) -> float:
        """Return ``ln|I - rho W|``."""
        return 2 * self._pencil.log_diagonal(rho)

    def factor(self, rho: float) -> CholeskyFactor:
        """Return factors to solve with; those of another rho replace them until they are used."""
        self._pencil.factorize(rho)
        return CholeskyFactor(self, rho)

    def solve(self, rho: float, x: np.ndarray, trans: str = "N") -> np.ndarray:
        """Return ``(I - rho W)^-1 x``, or of the transpose where `trans` is "T"."""
        scale = self._scale if trans == "N" else 1 / self._scale
        scale = scale.reshape(-1, *[1] * (x.ndim - 1))
        return np.asarray(self._pencil.solve(rho, x * scale) / scale)


@dataclass(frozen=True, eq=False)
class CholeskyFactor:
    """The factors of a `CholeskySystem` at one rho."""

    system: CholeskySystem
    rho: float

    def solve(self, x: np.ndarray, trans: str = "N") -> np.ndarray:
        """Return ``(I - rho W)^-1 x``, or of the transpose where `trans` is "T"."""
        return self.system.solve(self.rho, x, trans)


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
        transposed = sparse.csr_array(matrix.T)
        self._pencil = _Pencil(
            sparse.csr_array(-(matrix + transposed)), sparse.csr_array(transposed @ matrix)
        )

    def logdet(self, rho: float) -> float:
        """Return ``ln|I - rho W|``, half the log-determinant of the product."""
        return self._pencil.log_diagonal(rho, least=_LEAST_SHARE)


def has_cheap_square(matrix: sparse.csr_array) -> bool:
    """Whether W'W has few links, because no unit has many neighbours."""
    counts = np.diff(matrix.indptr).astype(float)
    if not matrix.nnz or counts.max() > _MOST_LINKS:
        return False
    return bool((counts**2).sum() <= _MEAN_LINKS * matrix.nnz)
