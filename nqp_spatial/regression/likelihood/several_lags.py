"""Log-determinant of ``S(rho) = I - sum_k rho_k W_k``; see docs/spillovers.md."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from nqp_spatial.regression.likelihood.factorization import factorize_system
from nqp_spatial.regression.likelihood.log_determinant import LogDet
from nqp_spatial.regression.likelihood.sizes import DENSE_LOGDET_UP_TO
from nqp_spatial.weights._spectrum import spectral_radius

__all__ = [
    "DenseLags",
    "LagMatrices",
    "SparseLags",
    "derivatives_of",
    "lag_matrices",
    "spectral_radius_of",
    "system_of",
    "value_of",
    "weighted_sum",
]

_COMPLEX_STEP = 1e-30
_DIFFERENCE = 1e-6  # of gradients that are exact to rounding


@dataclass(frozen=True, eq=False)
class LagMatrices(ABC):
    """The matrices W_k, and the quantities that the likelihood needs from them."""

    matrices: Sequence[sparse.csr_array]

    #: How the determinants are calculated, in words.
    method = ""

    @abstractmethod
    def value(self, rho: np.ndarray) -> float:
        """Return ``ln|S(rho)|``."""

    @abstractmethod
    def derivatives(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient ``-tr G_k`` and Hessian ``-tr G_k G_l``."""


def lag_matrices(matrices: Sequence[sparse.csr_array]) -> LagMatrices:
    """Return the form suited to the number of units."""
    small = matrices and matrices[0].shape[0] <= DENSE_LOGDET_UP_TO
    return DenseLags(matrices) if small else SparseLags(matrices)


def weighted_sum(matrices: Sequence[sparse.csr_array], rho: np.ndarray) -> sparse.csr_array:
    """Return ``sum_k rho_k W_k``."""
    total = matrices[0] * rho[0]
    for matrix, coefficient in zip(matrices[1:], rho[1:], strict=True):
        total = total + matrix * coefficient
    return sparse.csr_array(total)


def system_of(matrices: Sequence[sparse.csr_array], rho: np.ndarray) -> sparse.csc_array:
    """Return ``I - sum_k rho_k W_k``."""
    n = matrices[0].shape[0]
    return sparse.csc_array(sparse.eye_array(n) - weighted_sum(matrices, rho))


def spectral_radius_of(matrices: Sequence[sparse.csr_array], rho: np.ndarray) -> float:
    """Return the spectral radius of ``sum_k rho_k W_k``, or an upper bound below one."""
    total = weighted_sum(matrices, rho)
    bound = float(np.asarray(abs(total).sum(axis=1)).max())
    return bound if bound < 1 else spectral_radius(total)


class DenseLags(LagMatrices):
    """For a few hundred units: one dense inverse gives all traces."""

    method = "dense"

    def value(self, rho: np.ndarray) -> float:
        """Return ``ln|S(rho)|``."""
        n = self.matrices[0].shape[0]
        sign, value = np.linalg.slogdet(np.eye(n) - weighted_sum(self.matrices, rho).toarray())
        return float(value) if sign > 0 else -np.inf

    def derivatives(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and Hessian from ``G_k = W_k S^-1``."""
        n = self.matrices[0].shape[0]
        inverse = np.linalg.inv(np.eye(n) - weighted_sum(self.matrices, rho).toarray())
        g = [matrix @ inverse for matrix in self.matrices]
        gradient = np.array([-np.trace(matrix) for matrix in g])
        hessian = np.array([[-np.einsum("ij,ji->", a, b) for b in g] for a in g])
        return gradient, hessian


class SparseLags(LagMatrices):
    """For many units: sparse factorisations, of complex matrices for the gradient."""

    method = "sparse"

    def _logdet(self, rho: np.ndarray) -> complex:
        # Inside the region the determinant is positive: its sign and that of the permutations,
        # multiples of pi in the imaginary part, can be ignored.
        diagonal = factorize_system(system_of(self.matrices, rho)).U.diagonal()
        imaginary = 0.0
        if np.iscomplexobj(diagonal):
            imaginary = float((diagonal.imag / diagonal.real).sum())
        return complex(np.log(np.abs(diagonal)).sum(), imaginary)

    def value(self, rho: np.ndarray) -> float:
        """Return ``ln|S(rho)|``."""
        return float(self._logdet(np.asarray(rho, dtype=float)).real)

    def _gradient(self, rho: np.ndarray) -> np.ndarray:
        steps = _COMPLEX_STEP * 1j * np.eye(len(rho))
        return np.array([self._logdet(rho + step).imag for step in steps]) / _COMPLEX_STEP

    def derivatives(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient by complex steps and the Hessian by differences of it."""
        here = self._gradient(rho)
        steps = _DIFFERENCE * np.eye(len(rho))
        hessian = np.array([(self._gradient(rho + step) - here) / _DIFFERENCE for step in steps])
        return here, (hessian + hessian.T) / 2


def value_of(logdet: LogDet | LagMatrices | None, x: np.ndarray, drops_unit_root: int) -> float:
    """Return the log-determinant of a term, minus the unit root's contribution where it is dropped.

    Parameters
    ----------
    logdet : LogDet, LagMatrices or None
        The log-determinant of one W or of several; None for a term that the model does not have.
    x : ndarray
        Coefficients, shape (R,) for R matrices W.
    drops_unit_root : int
    """
    if isinstance(logdet, LagMatrices):
        return logdet.value(x)
    if logdet is None or x[0] == 0:
        return 0.0
    share = np.log1p(-x[0]) if drops_unit_root else 0.0
    return float(logdet.value(float(x[0]))) - float(share)


def derivatives_of(
    logdet: LogDet | LagMatrices | None, x: np.ndarray, drops_unit_root: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return gradient and Hessian of `value_of`, shapes (R,) and (R, R) for R matrices W."""
    if isinstance(logdet, LagMatrices):
        return logdet.derivatives(x)
    if logdet is None:
        return np.zeros(len(x)), np.zeros((len(x), len(x)))
    point, share = float(x[0]), drops_unit_root
    first = float(logdet.derivative(point)) + share / (1 - point)
    second = float(logdet.second_derivative(point)) + share / (1 - point) ** 2
    return np.array([first]), np.array([[second]])
