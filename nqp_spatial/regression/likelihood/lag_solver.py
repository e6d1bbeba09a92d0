"""Solves with ``I - rho W`` for few or many right-hand sides."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse import linalg as sla

from nqp_spatial.regression.likelihood.factorization import DenseFactor, factorize
from nqp_spatial.regression.likelihood.link_systems import (
    LinkFactor,
    analysed,
    is_analysed,
    one_lag,
)
from nqp_spatial.weights._spectrum import is_dense

__all__ = ["LagSolver"]

_MANY = 40  # columns for which the pattern of W is analysed, if it is not known
_LEAST_PIVOT = 1e-3  # as in `factorize`, which exchanges rows beyond it


class LagSolver:
    """``(I - rho W)^-1`` of one W.

    Fronts of the factors solve for many columns at a third to a fifth of the cost of SuperLU,
    once the pattern of W is known.

    Parameters
    ----------
    matrix : csr_array
        W, shape (n, n).
    rho : float

    Examples
    --------
    >>> pair = sparse.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> LagSolver(pair, 0.5).solve(np.ones(2)).round(12).tolist()
    [2.0, 2.0]
    """

    def __init__(self, matrix: sparse.csr_array, rho: float) -> None:
        self._matrix, self._rho = matrix, rho

    def solve(self, x: np.ndarray, trans: str = "N") -> np.ndarray:
        """Return ``(I - rho W)^-1 x``, or of the transpose where `trans` is "T"."""
        columns = 1 if x.ndim == 1 else x.shape[1]
        if columns >= _MANY or is_analysed(self._matrix, one_lag):
            fronts = self._fronts
            if fronts is not None:
                return fronts.solve(x, trans)
        return np.asarray(self._pivoted.solve(np.asarray(x, order="F"), trans))

    @cached_property
    def _fronts(self) -> LinkFactor | None:
        """The factors without exchanges of rows; None where these are needed, or W is dense."""
        if is_dense(self._matrix):
            return None
        sums = analysed(self._matrix, one_lag)
        factor = sums.system.factor(sums.weights(np.array([self._rho])))
        return factor if factor.least_pivot > _LEAST_PIVOT else None

    @cached_property
    def _pivoted(self) -> sla.SuperLU | DenseFactor:
        return factorize(self._matrix, self._rho)
