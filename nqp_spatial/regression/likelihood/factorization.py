"""Sparse factorisations of ``I - rho W``: by SuperLU, or by CHOLMOD where it is installed."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import scipy.linalg
from scipy import sparse
from scipy.sparse import linalg as sla

from nqp_spatial.regression.likelihood.cholesky import (
    CholeskySystem,
    NormalSystem,
    NotPositiveDefiniteError,
    has_cheap_square,
)
from nqp_spatial.weights._spectrum import is_dense

__all__ = [
    "DenseFactor",
    "DenseSystem",
    "Factor",
    "OrderedSystem",
    "PositiveSystem",
    "factorize",
    "factorize_system",
    "logdet_of",
    "ordered_system",
]

_PIVOTING = {"diag_pivot_thresh": 1e-3, "options": {"SymmetricMode": True}}


class Factor(Protocol):
    """Factors of ``I - rho W``."""

    def solve(self, x: np.ndarray, trans: str = ...) -> np.ndarray:
        """Return ``(I - rho W)^-1 x``, or of the transpose where `trans` is "T"."""
        ...


class System(Protocol):
    """Log-determinants of ``I - rho W`` for many rho."""

    def logdet(self, rho: float) -> float:
        """Return ``ln|I - rho W|`` at a rho inside the admissible interval."""
        ...


def ordered_system(matrix: sparse.csr_array, scale: np.ndarray | None) -> System:
    """Return the fastest factorisation that is installed and suitable for this W.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    scale : ndarray or None
        Scaling that makes W symmetric, from `symmetrizer`.
    """
    if is_dense(matrix):
        return DenseSystem(matrix)
    try:
        if scale is not None:
            return PositiveSystem(matrix, CholeskySystem(matrix, scale))
        if has_cheap_square(matrix):
            return PositiveSystem(matrix, NormalSystem(matrix))
    except ImportError:
        pass
    return OrderedSystem(matrix)


class DenseSystem:
    """``I - rho W`` as a dense array, where most pairs of units are linked.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    """

    def __init__(self, matrix: sparse.csr_array) -> None:
        self._matrix = matrix

    def logdet(self, rho: float) -> float:
        """Return ``ln|I - rho W|``."""
        return logdet_of(DenseFactor(self._matrix, rho))


class PositiveSystem:
    """A factorisation by CHOLMOD, with LU factors where the matrix is too close to singular.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    positive : CholeskySystem or NormalSystem
    """

    def __init__(self, matrix: sparse.csr_array, positive: CholeskySystem | NormalSystem) -> None:
        self.positive = positive
        self._matrix = matrix
        self._otherwise = OrderedSystem(matrix)

    def logdet(self, rho: float) -> float:
        """Return ``ln|I - rho W|``."""
        try:
            return self.positive.logdet(rho)
        except NotPositiveDefiniteError:
            return self._otherwise.logdet(rho)

    def factor(self, rho: float) -> Factor:
        """Return factors to solve with; the product with itself has no digits to spare for it."""
        if isinstance(self.positive, CholeskySystem):
            try:
                return self.positive.factor(rho)
            except NotPositiveDefiniteError:
                pass
        return factorize(self._matrix, rho)


class OrderedSystem:
    """``I - rho W`` for many rho: one fill-reducing ordering and one pattern for all of them.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    """

    def __init__(self, matrix: sparse.csr_array) -> None:
        self._matrix = matrix
        self._ordered: sparse.csc_matrix | None = None

    def logdet(self, rho: float) -> float:
        """Return ``ln|I - rho W|``; the first call determines the ordering."""
        if self._ordered is None:
            n = self._matrix.shape[0]
            factor = factorize_system(sparse.eye_array(n, format="csc") - rho * self._matrix)
            order = np.argsort(factor.perm_c)
            self._prepare(sparse.csc_matrix(self._matrix[order][:, order]))
        else:
            self._ordered.data = self._identity - rho * self._links
            factor = _factors(self._ordered, "NATURAL")
        return logdet_of(factor)

    def _prepare(self, ordered: sparse.csc_matrix) -> None:
        """Store the pattern of I + W, with the entries of I and of W."""
        n = ordered.shape[0]
        # Adding two on the diagonal keeps its entries nonzero for any diagonal of W.
        pattern = sparse.csc_matrix(2 * sparse.eye_array(n, format="csc") + abs(ordered))
        pattern.sort_indices()
        columns = np.repeat(np.arange(n), np.diff(pattern.indptr))
        diagonal = pattern.indices == columns
        ordered.sort_indices()
        links = np.zeros(pattern.nnz)
        links[~diagonal] = ordered.data
        self._identity, self._links = diagonal.astype(float), links
        self._ordered = pattern


def factorize(matrix: sparse.csr_array, rho: float) -> sla.SuperLU | DenseFactor:
    """Return the LU factors of ``I - rho W``, dense where most pairs of units are linked.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    rho : float
        Inside the admissible interval, where the diagonal needs little pivoting.

    Returns
    -------
    scipy.sparse.linalg.SuperLU or DenseFactor
    """
    n = matrix.shape[0]
    if is_dense(matrix):
        return DenseFactor(matrix, rho)
    return factorize_system(sparse.eye_array(n, format="csc") - rho * matrix)


def logdet_of(factor: sla.SuperLU | DenseFactor) -> float:
    """Return the logarithm of the absolute determinant of a factorised matrix."""
    diagonal = factor.diagonal if isinstance(factor, DenseFactor) else factor.U.diagonal()
    return float(np.log(np.abs(diagonal)).sum())


def factorize_system(system: sparse.csc_array) -> sla.SuperLU:
    """Return the LU factors of ``I - sum_k rho_k W_k``, real or complex.

    Parameters
    ----------
    system : csc_array
        With a pattern that is nearly symmetric, and a diagonal that needs little pivoting.
    """
    return _factors(system, "MMD_AT_PLUS_A")


def _factors(system: sparse.csc_array | sparse.csc_matrix, order: str) -> sla.SuperLU:
    return sla.splu(sparse.csc_matrix(system), permc_spec=order, **_PIVOTING)


class DenseFactor:
    """``I - rho W`` in dense LU form: of few units, or where most pairs of units are linked.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    rho : float
    """

    def __init__(self, matrix: sparse.csr_array, rho: float) -> None:
        dense = np.asarray(matrix.toarray())
        dense *= -rho
        dense.flat[:: len(dense) + 1] += 1.0
        self._lu = scipy.linalg.lu_factor(dense, overwrite_a=True, check_finite=False)

    @property
    def diagonal(self) -> np.ndarray:
        """The diagonal of U, shape (n,)."""
        return np.asarray(self._lu[0].diagonal())

    def solve(self, x: np.ndarray, trans: str = "N") -> np.ndarray:
        """Return ``(I - rho W)^-1 x``, or of the transpose where `trans` is "T"."""
        solution = scipy.linalg.lu_solve(self._lu, x, trans=int(trans == "T"), check_finite=False)
        return np.asarray(solution)
